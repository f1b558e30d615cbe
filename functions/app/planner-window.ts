import { type Batch, type Item, settledOf } from '../domain/batch.ts';
import type { App } from './app.ts';
import type { Considered } from './consider-entry.ts';
import { withKnownEmbeddings } from './known-embeddings.ts';

/** Adds what is to become items to the batch and announces those that are open. Gives them all. */
export async function addPage(app: App, batch: Batch, considered: readonly Considered[]): Promise<Item[]> {
  const inputs = considered.flatMap((entry) => (entry.kind === 'item' ? [entry.item] : []));
  const items = await app.batches.addItems(batch.id, await withKnownEmbeddings(app, batch, inputs));
  await announce(
    app,
    batch,
    items.filter((item) => item.state === 'queued'),
  );
  return items;
}

export async function announce(
  app: Pick<App, 'queue'>,
  batch: Pick<Batch, 'id'>,
  items: readonly { id: string }[],
): Promise<void> {
  await app.queue.publish(items.map(({ id: itemId }) => ({ kind: 'process', batchId: batch.id, itemId })));
}

/** Items that are open; not looked up where any number may be announced. */
export async function openItems(app: App, batch: Batch): Promise<number> {
  if (windowOf(app, batch) === Number.POSITIVE_INFINITY) return 0;
  const counts = await app.batches.counts(batch.id);
  return counts.total - settledOf(counts);
}

/** Whether a whole page may be announced besides so many items. */
export function hasRoom(app: App, batch: Batch, inWork: number): boolean {
  return inWork + app.limits.pageSize <= windowOf(app, batch);
}

/** Items of the batch lane only pass by until they park, and a wave takes as many as there are. */
function windowOf(app: App, batch: Batch): number {
  return batch.run.lane === 'batch' ? Number.POSITIVE_INFINITY : app.limits.window;
}
