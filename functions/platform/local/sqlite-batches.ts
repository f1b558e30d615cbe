import { type Batch, batchSchema, type Item, type Review, type TerminalState } from '../../domain/batch.ts';
import { ProofsheetError } from '../../domain/errors.ts';
import type { Revised } from '../../domain/optimization.ts';
import type { ItemDetail } from '../../domain/outcome.ts';
import { reviewable } from '../../domain/review.ts';
import type { Batches, Clock } from '../ports.ts';
import type { Database, Sql } from './sqlite.ts';
import { receiveItems } from './sqlite-intake.ts';
import { addCounts, countsOf, findItem, type ItemRow, itemFrom, latestSettled, pageOfItems } from './sqlite-items.ts';

/** Items reopened per transaction, so that a large batch does not keep other writers waiting. */
const REOPEN_PAGE = 2000;

/** Batches in SQLite. What decides between two processes is the transaction. */
export function sqliteBatches(db: Database, clock: Pick<Clock, 'now'>): Batches {
  let last: { doc: string; batch: Batch } | undefined;
  return {
    create: (batch, most) => db.write((sql) => insertBatch(sql, batch, most?.running ?? Number.MAX_SAFE_INTEGER)),
    get: (batchId) =>
      db.read((sql) => {
        const doc = docOf(sql, batchId);
        // Each item reads its batch, which seldom changes; checking its shape costs more than reading it.
        if (doc !== undefined && doc !== last?.doc) last = { doc, batch: batchFrom(doc) };
        return doc === undefined ? undefined : last?.batch;
      }),
    list: (page) => db.read((sql) => newestBatches(sql, page)),
    change: (batchId, decide) =>
      db.write((sql) => {
        const batch = batchNamed(sql, batchId);
        const update = decide(batch);
        return update === undefined ? batch : updateBatch(sql, { ...batch, ...update });
      }),
    addItems: (batchId, inputs) => db.write((sql) => receiveItems(sql, batchNamed(sql, batchId), inputs, clock.now())),
    item: (batchId, itemId) =>
      db.read((sql) => {
        const row = findItem(sql, batchId, itemId);
        return row && itemFrom(row);
      }),
    items: (batchId, page) => db.read((sql) => pageOfItems(sql, batchId, page).map(itemFrom)),
    recent: (batchId, page) => db.read((sql) => latestSettled(sql, batchId, page.limit).map(itemFrom)),
    details: (batchId, itemIds) => db.read((sql) => detailsOf(sql, batchId, itemIds)),
    counts: (batchId) => db.read((sql) => countsOf(sql, batchId)),
    async reopen(batchId, states, revised) {
      let reopened = 0;
      // By number, so that an item which is settled again meanwhile is not met a second time.
      for (let after = 0; ; ) {
        const page = await db.write((sql) => reopenPage(sql, { batchId, states, revised, after }));
        reopened += page.length;
        const last = page.at(-1);
        if (last === undefined || page.length < REOPEN_PAGE) return reopened;
        after = last.number;
      }
    },
    review: (batchId, itemId, review) => db.write((sql) => reviewItem(sql, batchId, itemId, review)),
  };
}

function insertBatch(sql: Sql, batch: Batch, mostRunning: number): boolean {
  const inserted = sql.run(
    `INSERT INTO batches (id, created_at, command_key, state, doc) SELECT ?, ?, ?, ?, ?
     WHERE NOT EXISTS (SELECT 1 FROM batches WHERE command_key = ? AND state IN ('running', 'paused'))
       AND (SELECT count(*) FROM batches WHERE state = 'running') < ?
     ON CONFLICT DO NOTHING`,
    batch.id,
    batch.createdAt,
    batch.commandKey,
    batch.state,
    JSON.stringify(batch),
    batch.commandKey,
    mostRunning,
  );
  return inserted > 0;
}

function docOf(sql: Sql, batchId: string): string | undefined {
  return sql.get<{ doc: string }>('SELECT doc FROM batches WHERE id = ?', batchId)?.doc;
}

function batchNamed(sql: Sql, batchId: string): Batch {
  const doc = docOf(sql, batchId);
  if (doc !== undefined) return batchFrom(doc);
  throw new ProofsheetError('not_found', `There is no batch ${batchId}; see \`proofsheet list\`.`);
}

function newestBatches(sql: Sql, page: Parameters<Batches['list']>[0]): Batch[] {
  const rows = sql.all<{ doc: string }>(
    `SELECT doc FROM batches WHERE command_key = coalesce(?, command_key) AND (? OR state IN ('running', 'paused'))
       AND (? IS NULL OR (created_at, id) < (SELECT created_at, id FROM batches WHERE id = ?))
     ORDER BY created_at DESC, id DESC LIMIT ?`,
    page.commandKey ?? null,
    page.unfinished === true ? 0 : 1,
    page.after ?? null,
    page.after ?? null,
    page.limit,
  );
  return rows.map((row) => batchFrom(row.doc));
}

function updateBatch(sql: Sql, batch: Batch): Batch {
  const doc = JSON.stringify(batch);
  sql.run(
    'UPDATE batches SET created_at = ?, command_key = ?, state = ?, doc = ? WHERE id = ?',
    batch.createdAt,
    batch.commandKey,
    batch.state,
    doc,
    batch.id,
  );
  return batchFrom(doc);
}

/** Parsed, because a batch outlives the version that wrote it; members set to undefined are gone. */
function batchFrom(doc: string): Batch {
  return batchSchema.parse(JSON.parse(doc));
}

/** CROSS JOIN keeps the order: left to itself SQLite goes through all items of the batch for each page. */
function detailsOf(sql: Sql, batchId: string, itemIds: readonly string[]): Map<string, ItemDetail> {
  const rows = sql.all<{ id: string; doc: string }>(
    `SELECT items.id, details.doc FROM json_each(?) AS wanted
     CROSS JOIN items ON items.batch_id = ? AND items.id = wanted.value JOIN details ON details.item = items.number`,
    JSON.stringify(itemIds),
    batchId,
  );
  return new Map(rows.map((row) => [row.id, JSON.parse(row.doc)]));
}

/**
 * Takes a page of settled items back. State, score and attempts are uncounted; calls and cost stay, because that money
 * is spent: the item's next end adds what came on top. The summary stays until then, steps of earlier epochs for good.
 */
function reopenPage(
  sql: Sql,
  {
    batchId,
    states,
    revised,
    after,
  }: { batchId: string; states: readonly TerminalState[]; revised: Revised | undefined; after: number },
): ItemRow[] {
  const rows = sql.all<ItemRow>(
    `SELECT * FROM items WHERE batch_id = ? AND state IN (SELECT value FROM json_each(?)) AND number > ?
       AND (? IS NULL OR (prompt IS NULL AND summary ->> 'code' IN (SELECT value FROM json_each(?))))
     ORDER BY number LIMIT ?`,
    batchId,
    JSON.stringify(states),
    after,
    revised?.version ?? null,
    JSON.stringify(revised?.codes ?? []),
    REOPEN_PAGE,
  );
  for (const row of rows) {
    uncount(sql, row);
    sql.run('DELETE FROM details WHERE item = ?', row.number);
    sql.run(
      `UPDATE items SET state = 'queued', epoch = epoch + 1, claims = 0, first_claimed_at = NULL, settled_at = NULL,
         end_number = NULL, review = NULL, reopened_from = ?, twin = ?, prompt = coalesce(?, prompt) WHERE number = ?`,
      row.state,
      row.twin ?? (row.state === 'skipped' ? earlierTwin(sql, row) : null),
      revised === undefined ? null : JSON.stringify({ version: revised.version, since: row.epoch + 1 }),
      row.number,
    );
  }
  return rows;
}

function reviewItem(sql: Sql, batchId: string, itemId: string, review: Review | undefined): Item {
  const row = findItem(sql, batchId, itemId);
  const { review: _, ...item } = reviewable(row && itemFrom(row), batchId, itemId);
  const doc = review === undefined ? null : JSON.stringify(review);
  sql.run('UPDATE items SET review = ? WHERE batch_id = ? AND id = ?', doc, batchId, itemId);
  return { ...item, ...(review && { review }) };
}

function uncount(sql: Sql, row: ItemRow): void {
  const { summary } = itemFrom(row);
  const scored = summary !== undefined && summary.score !== null;
  addCounts(sql, row.batch_id, row.shard, {
    [row.state]: -1,
    attempts: -(summary?.attempts ?? 0),
    ...(scored && { scored: -1, scoreSum: -(summary.score ?? 0) }),
  });
}

/** A skipped item was no twin; taken again, it waits for an earlier item of the batch with the same work. */
function earlierTwin(sql: Sql, row: ItemRow): string | null {
  const first = sql.get<{ id: string }>(
    `SELECT id FROM items WHERE work_key = ? AND batch_id = ? AND state <> 'skipped' AND twin IS NULL AND number < ?
     ORDER BY number LIMIT 1`,
    row.work_key,
    row.batch_id,
    row.number,
  );
  return first?.id ?? null;
}
