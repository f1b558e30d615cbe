import type { Batch } from '../domain/batch.ts';
import { createLimiter } from '../lib/limiter.ts';
import type { Deliveries, Handler } from '../platform/ports.ts';
import type { App } from './app.ts';
import { batchNamed } from './control-batch.ts';
import { dispatch } from './dispatch.ts';
import { prepareAhead } from './prepare-input.ts';

/** How often the batch is looked at while it is worked off. */
const LOOK_EVERY_MS = 100;
/** Share of further messages in hand: inputs are prepared and results written while the items in work wait for answers. */
const AHEAD = 1 / 4;

/**
 * Works a batch off in this process until it is finished, cancelled or paused, or `app.stop` aborts; then waits for the calls
 * under way. Several processes may do this for the same batch at once.
 */
export async function workOff(app: App, deliveries: Deliveries, batchId: string, concurrency: number): Promise<Batch> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, app.stop]);
  const halt = newHalt();
  const slots = createLimiter({ max: concurrency });
  const handle: Handler = async (message) => {
    const prepared = await prepareAhead(app, message);
    const slot = await slots.acquire();
    const callsDone = () => slot.release('neutral');
    const stop = AbortSignal.any([app.stop, halt.signal()]);
    return await dispatch({ ...app, stop, callsDone, ...(prepared && { prepared }) }, message).finally(callsDone);
  };
  const inHand = concurrency + Math.floor(concurrency * AHEAD);
  const consuming = deliveries.consume({ batchId, concurrency: inHand, signal, handle });
  try {
    await Promise.race([consuming, untilEnded(app, batchId, signal, halt)]);
  } finally {
    over.abort();
    await consuming;
  }
  return await batchNamed(app, batchId);
}

async function untilEnded(app: App, batchId: string, signal: AbortSignal, halt: Halt): Promise<void> {
  while (!signal.aborted) {
    const batch = await app.batches.get(batchId);
    const isRunning = batch?.state === 'running';
    halt.set(!isRunning || batch.cancelRequested);
    if (!isRunning) return;
    await app.clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
  }
}

/** Keeps items in work from further calls while their batch is cancelled or paused; it may be resumed meanwhile. */
interface Halt {
  set(halted: boolean): void;
  signal(): AbortSignal;
}

function newHalt(): Halt {
  let controller = new AbortController();
  return {
    set(halted) {
      if (halted) controller.abort();
      else if (controller.signal.aborted) controller = new AbortController();
    },
    signal: () => controller.signal,
  };
}
