import { settledOf } from '../domain/batch.ts';
import type { App } from './app.ts';

/**
 * Wakes the finaliser if every input is an item and every item is settled. Called after each settle, after sealing and on
 * redelivery of a settled item: the last writer always sees everything, so no completion is missed, and one too many is harmless.
 */
export async function announceIfComplete(app: Pick<App, 'batches' | 'queue'>, batchId: string): Promise<void> {
  const counts = await app.batches.counts(batchId);
  if (settledOf(counts) < counts.total) return;
  const batch = await app.batches.get(batchId);
  if (batch?.sealed && batch.state === 'running') await app.queue.publish([{ kind: 'finalize', batchId }]);
}
