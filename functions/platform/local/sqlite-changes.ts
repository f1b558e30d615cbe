import { ProofsheetError } from '../../domain/errors.ts';
import type { Batches, Change, Changes, Clock, Ended } from '../ports.ts';
import type { Database, Sql } from './sqlite.ts';
import { type ItemRow, itemFrom } from './sqlite-items.ts';

const LOOK_EVERY_MS = 200;
const ENDED_PER_LOOK = 500;
const MOST_RUNNING = 100;

/** Changes in SQLite, found by looking: a position is the number of an end, in which the commits of all processes are in order. */
export function sqliteChanges(
  db: Database,
  batches: Pick<Batches, 'get' | 'items'>,
  clock: Pick<Clock, 'sleep'>,
): Changes {
  return {
    last: (batchId) => db.read((sql) => String(lastEnd(sql, batchId))),
    ended: (batchId, page) => db.read((sql) => endedAfter(sql, batchId, numberOf(page.after), page.limit)),
    async follow(batchId, { after, signal }, hear) {
      let reached = numberOf(after);
      const tell = tellOnce(hear);
      while (!signal.aborted) {
        const batch = await batches.get(batchId);
        if (batch === undefined) throw new ProofsheetError('not_found', `There is no batch ${batchId}.`);
        tell({ kind: 'batch', batch });
        tell({ kind: 'running', items: await batches.items(batchId, { states: ['running'], limit: MOST_RUNNING }) });
        const ended = await db.read((sql) => endedAfter(sql, batchId, reached, ENDED_PER_LOOK));
        if (ended.length > 0) hear({ kind: 'ended', ended });
        reached = numberOf(ended.at(-1)?.position ?? String(reached));
        if (ended.length < ENDED_PER_LOOK) await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
      }
    },
  };
}

/** Passes on what is not the same as before. */
function tellOnce(hear: (change: Change) => void): (change: Change) => void {
  const told = new Map<Change['kind'], string>();
  return (change) => {
    const text = JSON.stringify(change);
    if (told.get(change.kind) === text) return;
    told.set(change.kind, text);
    hear(change);
  };
}

function lastEnd(sql: Sql, batchId: string): number {
  const last = 'SELECT max(end_number) AS n FROM items WHERE batch_id = ? AND end_number IS NOT NULL';
  return sql.get<{ n: number | null }>(last, batchId)?.n ?? 0;
}

function endedAfter(sql: Sql, batchId: string, after: number, limit: number): Ended[] {
  const rows = sql.all<ItemRow>(
    'SELECT * FROM items WHERE batch_id = ? AND end_number > ? ORDER BY end_number LIMIT ?',
    batchId,
    after,
    limit,
  );
  return rows.map((row) => ({ position: String(row.end_number), item: itemFrom(row) }));
}

function numberOf(position: string): number {
  if (/^\d{1,15}$/.test(position)) return Number(position);
  throw new ProofsheetError('usage', `${JSON.stringify(position)} is no position in a batch; begin without one.`);
}
