import type { Item, Review } from '../domain/batch.ts';
import type { App } from './app.ts';

/** Keeps what a person says of a settled item; undefined takes it back. Errors: not_found, wrong_state. */
export async function reviewItem(
  app: Pick<App, 'batches' | 'clock'>,
  batchId: string,
  itemId: string,
  said: Pick<Review, 'decision' | 'note'> | undefined,
): Promise<Item> {
  const at = app.clock.now();
  const markReport = async (): Promise<void> => {
    await app.batches.change(batchId, ({ reviewedAt }) => (reviewedAt === undefined ? { reviewedAt: at } : undefined));
  };
  // Before the item, in case of a crash; and after it, because a report may be begun in between that does not have it.
  await markReport();
  const item = await app.batches.review(batchId, itemId, said && { ...said, at });
  await markReport();
  return item;
}
