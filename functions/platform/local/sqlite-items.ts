import { type Counts, type Item, type ItemState, NO_COUNTS, type TerminalState } from '../../domain/batch.ts';
import type { ItemPage } from '../ports.ts';
import type { Sql } from './sqlite.ts';

/** A row of `items`. Rows are our own writing, so they are mapped without another check. */
export interface ItemRow {
  number: number;
  batch_id: string;
  id: string;
  name: string;
  source: string;
  metadata: string;
  content_hash: string;
  work_key: string;
  twin: string | null;
  state: ItemState;
  shard: number;
  fence: number;
  owner: string | null;
  lease_until: number | null;
  claims: number;
  epoch: number;
  reopened_from: TerminalState | null;
  prompt: string | null;
  first_claimed_at: number | null;
  progress: string | null;
  settled_at: number | null;
  summary: string | null;
  review: string | null;
  end_number: number | null;
}

export function itemFrom(row: ItemRow): Item {
  return {
    batchId: row.batch_id,
    id: row.id,
    name: row.name,
    source: row.source,
    metadata: JSON.parse(row.metadata),
    contentHash: row.content_hash,
    workKey: row.work_key,
    state: row.state,
    shard: row.shard,
    fence: row.fence,
    claims: row.claims,
    epoch: row.epoch,
    ...(row.twin !== null && { twin: row.twin }),
    ...(row.owner !== null && { owner: row.owner }),
    ...(row.lease_until !== null && { leaseUntil: row.lease_until }),
    ...(row.reopened_from !== null && { reopenedFrom: row.reopened_from }),
    ...(row.prompt !== null && { prompt: JSON.parse(row.prompt) }),
    ...(row.first_claimed_at !== null && { firstClaimedAt: row.first_claimed_at }),
    ...(row.progress !== null && { progress: JSON.parse(row.progress) }),
    ...(row.settled_at !== null && { settledAt: row.settled_at }),
    ...(row.summary !== null && { summary: JSON.parse(row.summary) }),
    ...(row.review !== null && { review: JSON.parse(row.review) }),
  };
}

export function findItem(sql: Sql, batchId: string, itemId: string): ItemRow | undefined {
  return sql.get<ItemRow>('SELECT * FROM items WHERE batch_id = ? AND id = ?', batchId, itemId);
}

/** A page in order of item id; each state is read along its own index, so that rare states of large batches are found at once. */
export function pageOfItems(sql: Sql, batchId: string, page: ItemPage): ItemRow[] {
  const after = page.after ?? '';
  if ('reviewed' in page) {
    const reviewed = 'SELECT * FROM items WHERE batch_id = ? AND id > ? AND review IS NOT NULL ORDER BY id LIMIT ?';
    return sql.all<ItemRow>(reviewed, batchId, after, page.limit);
  }
  if (page.states === undefined) {
    const all = 'SELECT * FROM items WHERE batch_id = ? AND id > ? ORDER BY id LIMIT ?';
    return sql.all<ItemRow>(all, batchId, after, page.limit);
  }
  const states = [...new Set(page.states)];
  if (states.length === 0) return [];
  const one =
    'SELECT * FROM (SELECT number AS n, id AS i FROM items WHERE batch_id = ? AND state = ? AND id > ? ORDER BY id LIMIT ?)';
  const each = states.map(() => one).join(' UNION ALL ');
  return sql.all<ItemRow>(
    `SELECT items.* FROM (${each}) JOIN items ON items.number = n ORDER BY i LIMIT ?`,
    ...states.flatMap((state) => [batchId, state, after, page.limit]),
    page.limit,
  );
}

export function latestSettled(sql: Sql, batchId: string, limit: number): ItemRow[] {
  const latest = 'SELECT * FROM items WHERE batch_id = ? AND end_number IS NOT NULL ORDER BY end_number DESC LIMIT ?';
  return sql.all<ItemRow>(latest, batchId, limit);
}

/** A number for the end of one more item of the batch. */
export function nextEnd(sql: Sql, batchId: string): number | null {
  const next = 'INSERT INTO ends VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count';
  return sql.get<{ count: number }>(next, batchId)?.count ?? null;
}

/** Adds to a shard's counters; members left out stay as they are. Says whether all items of the shard are settled then. */
export function addCounts(sql: Sql, batchId: string, shard: number, by: Partial<Counts>): { shardFull: boolean } {
  const shardNow = sql.get<{ open: number }>(
    `INSERT INTO shards VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET total = total + excluded.total, passed = passed + excluded.passed,
       failed = failed + excluded.failed, error = error + excluded.error, cancelled = cancelled + excluded.cancelled,
       skipped = skipped + excluded.skipped, calls = calls + excluded.calls, cost_nano = cost_nano + excluded.cost_nano,
       unpriced_calls = unpriced_calls + excluded.unpriced_calls, score_sum = score_sum + excluded.score_sum,
       scored = scored + excluded.scored, attempts = attempts + excluded.attempts
     RETURNING total - passed - failed - error - cancelled - skipped AS open`,
    batchId,
    shard,
    by.total ?? 0,
    by.passed ?? 0,
    by.failed ?? 0,
    by.error ?? 0,
    by.cancelled ?? 0,
    by.skipped ?? 0,
    by.calls ?? 0,
    by.costNano ?? 0,
    by.unpricedCalls ?? 0,
    by.scoreSum ?? 0,
    by.scored ?? 0,
    by.attempts ?? 0,
  );
  return { shardFull: shardNow?.open === 0 };
}

/** Sum over a batch's shards; all zero for a batch without items. */
export function countsOf(sql: Sql, batchId: string): Counts {
  const counts = sql.get<Counts>(
    `SELECT total(total) AS total, total(passed) AS passed, total(failed) AS failed, total(error) AS error,
       total(cancelled) AS cancelled, total(skipped) AS skipped, total(calls) AS calls, total(cost_nano) AS costNano,
       total(unpriced_calls) AS unpricedCalls, round(total(score_sum), 9) AS scoreSum, total(scored) AS scored,
       total(attempts) AS attempts
     FROM shards WHERE batch_id = ?`,
    batchId,
  );
  return { ...NO_COUNTS, ...counts };
}
