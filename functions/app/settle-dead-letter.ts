import { ProofsheetError } from '../domain/errors.ts';
import type { Message } from '../domain/message.ts';
import { NEW_OPTIMIZATION } from '../domain/optimization.ts';
import type { App } from './app.ts';
import { announceIfComplete } from './completion.ts';
import { settleItem } from './settle-item.ts';

/** A message that was given back too often ends its item as `error`, through the same claim as any work. */
export async function settleDeadLetter(app: App, message: Message, reason: string): Promise<void> {
  app.log.error({ ...message, reason }, 'message dead-lettered');
  if (message.kind === 'optimize') return await giveUpOptimizing(app, message.batchId, reason);
  if (message.kind !== 'process') return;
  const batch = await app.batches.get(message.batchId);
  if (batch === undefined) return;
  const claimed = await app.journal.claim(batch.id, message.itemId, app.limits.leaseMarginMs);
  if (claimed.kind === 'busy') {
    const text = `Item ${message.itemId} is in work although its message was given up; it is looked at again.`;
    throw new ProofsheetError('lease_lost', text, { disposition: 'conflict' });
  }
  if (claimed.kind === 'claimed') {
    const text = `The item's message was given back too often without an end (last reason: ${reason}).`;
    const steps = await app.journal.steps(claimed.claim.item);
    await settleItem(
      app,
      batch,
      claimed.claim,
      { state: 'error', error: new ProofsheetError('dead_lettered', text) },
      steps,
      undefined,
    );
  }
  await announceIfComplete(app, batch.id);
}

/** The batch is closed with the prompt as far as it was improved. */
async function giveUpOptimizing(app: App, batchId: string, reason: string): Promise<void> {
  const at = app.clock.now();
  const why = `It was given up after too many tries (last reason: ${reason}).`;
  await app.batches.change(batchId, ({ optimize, optimization }) =>
    optimize === undefined || optimization?.end !== undefined
      ? undefined
      : { optimization: { ...(optimization ?? NEW_OPTIMIZATION), end: { at, why } } },
  );
  await announceIfComplete(app, batchId);
}
