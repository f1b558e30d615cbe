import type { Item } from '../domain/batch.ts';
import type { EntryFacts } from '../domain/embedding.ts';
import type { SourceStatistics } from '../domain/embedding-statistics.ts';
import { entryFacts } from '../domain/entry-facts.ts';
import type { App } from './app.ts';
import { itemPages } from './item-pages.ts';

/** What became of the items of a batch, from the items themselves. An input that could not be read has failed. */
export async function embeddingStatistics(
  app: Pick<App, 'batches' | 'limits'>,
  batchId: string,
  of: { source: EntryFacts['source']; tookMs: number },
): Promise<SourceStatistics> {
  const statistics: SourceStatistics = {
    source: of.source,
    ...{ total_items: 0, processed_items: 0, skipped_items: 0, failed_items: 0, failed_ids: [] },
    duration_seconds: Math.round(of.tookMs / 10) / 100,
  };
  for await (const items of itemPages(app, batchId)) {
    for (const item of items) {
      statistics.total_items += 1;
      if (item.state === 'passed') statistics.processed_items += 1;
      else if (isThere(item)) statistics.skipped_items += 1;
      else if (item.state === 'error' || item.state === 'skipped') {
        statistics.failed_items += 1;
        statistics.failed_ids.push(idOf(item, of.source));
      }
    }
  }
  return statistics;
}

function isThere({ state, summary }: Item): boolean {
  return state === 'skipped' && (summary?.code === 'already_done' || summary?.code === 'unfinished_elsewhere');
}

/** What the catalogue calls it, or its name. */
function idOf(item: Item, source: EntryFacts['source']): string {
  return entryFacts(item, source).sku || item.name;
}
