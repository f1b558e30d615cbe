import { type Item, settledOf } from '../domain/batch.ts';
import { ACK, type Disposal, type Message } from '../domain/message.ts';
import type { ItemDetail } from '../domain/outcome.ts';
import { writeArchive } from '../report/archive.ts';
import { buildReport } from '../report/build-report.ts';
import type { App } from './app.ts';
import { announceOpenItems } from './control-batch.ts';
import { claimFinalizer, type FinalizerClaim } from './finalizer-claim.ts';
import { itemPages } from './item-pages.ts';
import { wantsOptimizing } from './optimizer-claim.ts';
import { endLeftHolds } from './spending.ts';

const BUSY_WAIT_MS = 2_000;

/**
 * Has the prompt improved first where that was asked for. Renders the report of a batch whose items are all settled and closes the batch over it, once per revision. A finaliser that
 * died may have left any part of the report: the next one writes the same files again.
 */
export async function finalizeBatch(app: App, message: Message & { kind: 'finalize' }): Promise<Disposal> {
  const claimed = await claimFinalizer(app, message.batchId);
  if (claimed.kind === 'nothing') return ACK;
  if (claimed.kind === 'busy') return { kind: 'retry', afterMs: BUSY_WAIT_MS };
  // Items are the truth; the counters only woke the finaliser.
  const [open] = await app.batches.items(message.batchId, { states: ['queued', 'running', 'parked'], limit: 1 });
  if (open !== undefined) {
    await claimed.claim.leave();
    await announceOpenItems(app, message.batchId);
    return ACK;
  }
  if (wantsOptimizing(claimed.claim.closed)) {
    await claimed.claim.leave();
    await app.queue.publish([{ kind: 'optimize', batchId: message.batchId }]);
    return ACK;
  }
  await render(app, claimed.claim);
  return ACK;
}

async function render(app: App, { closed, files, close }: FinalizerClaim): Promise<void> {
  const counts = await app.batches.counts(closed.id);
  if (settledOf(counts) !== counts.total) {
    app.log.error({ batchId: closed.id, counts }, 'all items are settled, but the counters of the batch say otherwise');
  }
  await endLeftHolds(app, closed);
  const items = settledItems(app, closed.id);
  const { report, measured } = await buildReport({ files, batch: closed, counts, items, now: closed.finishedAt });
  await writeArchive(files, closed);
  if (await close(report, measured))
    app.log.info({ batchId: closed.id, items: counts.total, report }, 'batch finished');
}

/** All items with their details, a page at a time. */
export async function* settledItems(
  app: Pick<App, 'batches' | 'limits'>,
  batchId: string,
): AsyncGenerator<{ item: Item; detail: ItemDetail | undefined }> {
  for await (const items of itemPages(app, batchId)) {
    const details = await app.batches.details(
      batchId,
      items.map((item) => item.id),
    );
    for (const item of items) yield { item, detail: details.get(item.id) };
  }
}
