import type { Batch } from '../domain/batch.ts';
import { asProofsheetError } from '../domain/errors.ts';
import type { Batches, Clock, Log } from '../platform/ports.ts';

/** How long what was looked up is believed. */
const LOOK_EVERY_MS = 5_000;

/**
 * Whether a batch still wants calls, for passes under way: what was cancelled or paused elsewhere makes no further call some
 * seconds later. One look serves all items of the process.
 */
export function batchLook(of: { batches: Pick<Batches, 'get'>; clock: Pick<Clock, 'now'>; log: Log }) {
  const looks = new Map<string, { until: number; answer: Promise<boolean> }>();

  async function look(batchId: string): Promise<boolean> {
    try {
      return wantsCalls(await of.batches.get(batchId));
    } catch (thrown) {
      // The pass goes on; whether its next write succeeds is another matter.
      const { code, message } = asProofsheetError(thrown);
      of.log.warn({ batchId, code, error: message }, 'the state of the batch could not be looked up');
      return true;
    }
  }

  return (batchId: string): Promise<boolean> => {
    const now = of.clock.now();
    const last = looks.get(batchId);
    if (last !== undefined && now < last.until) return last.answer;
    const answer = look(batchId);
    looks.set(batchId, { until: now + LOOK_EVERY_MS, answer });
    return answer;
  };
}

function wantsCalls(batch: Batch | undefined): boolean {
  return batch?.state === 'running' && !batch.cancelRequested;
}
