import type { Item, ItemState } from '../domain/batch.ts';
import type { App } from './app.ts';

/** The items of a batch in order of their ids, a page at a time; the last page may be empty. */
export async function* itemPages(
  app: Pick<App, 'batches' | 'limits'>,
  batchId: string,
  states?: readonly ItemState[],
): AsyncGenerator<Item[]> {
  const limit = app.limits.pageSize;
  let after: string | undefined;
  while (true) {
    const items = await app.batches.items(batchId, { limit, ...(states && { states }), ...(after && { after }) });
    yield items;
    after = items.at(-1)?.id;
    if (items.length < limit) return;
  }
}
