import { type ReviewRecord, reviewRecords, reviewsScript } from '../report/review-data.ts';
import type { App } from './app.ts';

const PAGE = 500;

/** The reviews of a batch as the report's page loads them, as they are now. */
export async function reviewScript(app: Pick<App, 'batches'>, batchId: string): Promise<string> {
  const records: ReviewRecord[] = [];
  for (let after: string | undefined; ; ) {
    const from = { reviewed: true as const, limit: PAGE, ...(after !== undefined && { after }) };
    const items = await app.batches.items(batchId, from);
    records.push(...items.flatMap(reviewRecords));
    after = items.at(-1)?.id;
    if (items.length < PAGE) return reviewsScript(records);
  }
}
