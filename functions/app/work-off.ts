import type { Batch } from '../domain/batch.ts';
import { asProofsheetError } from '../domain/errors.ts';
import type { Message } from '../domain/message.ts';
import { createLimiter } from '../lib/limiter.ts';
import type { Deliveries, Handler } from '../platform/ports.ts';
import { advanceWaves } from './advance-waves.ts';
import type { App } from './app.ts';
import { batchNamed } from './control-batch.ts';
import { dispatch } from './dispatch.ts';

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
  const halt = newHalt(app.stop);
  const slots = createLimiter({ max: concurrency });
  const enterCalls = async (): Promise<() => void> => {
    const slot = await slots.acquire();
    return () => slot.release('neutral');
  };
  // Only items: planner and finaliser have work to do in a cancelled batch too.
  const stopOf = ({ kind }: Message): AbortSignal => (kind === 'process' ? halt.signal() : app.stop);
  const handle: Handler = (message) => dispatch({ ...app, enterCalls, stop: stopOf(message) }, message);
  const inHand = concurrency + Math.floor(concurrency * AHEAD);
  const consuming = deliveries.consume({ batchId, concurrency: inHand, signal, handle });
  const driving = driveWaves({ ...app, stop: halt.signal() }, batchId, signal);
  try {
    await Promise.race([consuming, untilEnded(app, batchId, signal, halt)]);
  } finally {
    over.abort();
    await Promise.all([consuming, driving]);
  }
  return await batchNamed(app, batchId);
}

/** Ends with `signal` only, and without the batch lane as well. */
async function driveWaves(app: App, batchId: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await advanceWaves(app, batchId);
    } catch (thrown) {
      const { code, message } = asProofsheetError(thrown);
      app.log.error({ batchId, code, error: message }, 'a look at the waves failed');
    }
    await app.clock.sleep(app.limits.waves.lookMs, signal).catch(() => undefined);
  }
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

/** Keeps items in work from further calls while their batch is cancelled or paused, which may be resumed meanwhile; and once `stop` aborts. */
interface Halt {
  set(halted: boolean): void;
  signal(): AbortSignal;
}

function newHalt(stop: AbortSignal): Halt {
  let controller = new AbortController();
  let signal = AbortSignal.any([stop, controller.signal]);
  return {
    set(halted) {
      if (halted) controller.abort();
      else if (controller.signal.aborted) {
        controller = new AbortController();
        signal = AbortSignal.any([stop, controller.signal]);
      }
    },
    signal: () => signal,
  };
}
