import type { ErrorCode } from '../domain/errors.ts';
import type { App } from './app.ts';
import { itemPages } from './item-pages.ts';

/** How many inputs were refused at the gate, by code; not those that are done or in work elsewhere. */
export async function refusedItems(
  app: Pick<App, 'batches' | 'limits'>,
  batchId: string,
): Promise<Partial<Record<ErrorCode, number>>> {
  const refused: Partial<Record<ErrorCode, number>> = {};
  for await (const items of itemPages(app, batchId, ['skipped'])) {
    for (const { summary } of items) {
      const code = summary?.code;
      if (code === undefined || code === 'already_done' || code === 'unfinished_elsewhere') continue;
      refused[code] = (refused[code] ?? 0) + 1;
    }
  }
  return refused;
}
