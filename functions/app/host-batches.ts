import type { Batch } from '../domain/batch.ts';
import { asProofsheetError } from '../domain/errors.ts';
import type { Deliveries } from '../platform/ports.ts';
import type { App } from './app.ts';
import { closeQuietDrops } from './close-drops.ts';
import { sweep } from './sweep.ts';
import { workOff } from './work-off.ts';

const LOOK_EVERY_MS = 500;
const CLOSE_DROPS_EVERY_MS = 2_000;
const SWEEP_EVERY_MS = 60_000;
const AGAIN_AFTER_MS = 5_000;
const MOST_BATCHES = 200;

/** A process that is always there works off the batches that it was given, and those of drops. */
export interface Host {
  /** Has a batch worked off here, now and after a restart. */
  takeOn(batchId: string): Promise<void>;
  /** Resolves when `app.stop` has aborted and the calls under way are done. */
  run(): Promise<void>;
}

export function batchHost(app: App, deliveries: Deliveries): Host {
  const working = new Map<string, Promise<void>>();

  /** One that fails is tried again: what it fails by may pass. */
  async function work({ id, run }: Batch): Promise<void> {
    try {
      await workOff(app, deliveries, id, run.maxConcurrent);
    } catch (thrown) {
      const { code, message } = asProofsheetError(thrown);
      app.log.error({ batchId: id, code, error: message }, 'a batch could not be worked off for now');
      await app.clock.sleep(AGAIN_AFTER_MS, app.stop).catch(() => undefined);
    }
  }

  async function look(): Promise<void> {
    const unfinished = await app.batches.list({ limit: MOST_BATCHES, unfinished: true });
    for (const batch of unfinished) {
      if (batch.state !== 'running' || !isHosted(batch) || working.has(batch.id)) continue;
      working.set(
        batch.id,
        work(batch).finally(() => working.delete(batch.id)),
      );
    }
  }

  return {
    async takeOn(batchId) {
      await app.batches.change(batchId, ({ hosted }) => (hosted ? undefined : { hosted: true }));
    },
    async run() {
      await Promise.all([
        repeat(app, LOOK_EVERY_MS, look),
        repeat(app, CLOSE_DROPS_EVERY_MS, async () => void (await closeQuietDrops(app))),
        repeat(app, SWEEP_EVERY_MS, async () => void (await sweep(app, isHosted))),
      ]);
      await Promise.all(working.values());
    },
  };
}

/** A batch of the command line is the affair of whoever started it. */
function isHosted({ hosted, drop }: Batch): boolean {
  return hosted === true || drop !== undefined;
}

async function repeat(app: App, everyMs: number, work: () => Promise<void>): Promise<void> {
  while (!app.stop.aborted) {
    try {
      await work();
    } catch (thrown) {
      const { code, message } = asProofsheetError(thrown);
      app.log.error({ code, error: message }, 'a look at the batches failed');
    }
    await app.clock.sleep(everyMs, app.stop).catch(() => undefined);
  }
}
