import { type Batch, type Counts, type Item, type ItemSummary, shardOf } from '../../domain/batch.ts';
import { type ErrorCode, ProofsheetError } from '../../domain/errors.ts';
import { distinctName } from '../../domain/safe-name.ts';
import type { NewItem } from '../ports.ts';
import type { Sql } from './sqlite.ts';
import { addCounts, findItem, type ItemRow, itemFrom, nextEnd } from './sqlite-items.ts';

/** What becomes of an input: work, the same work as another item of the batch, or a reason to leave it aside. */
type Reception = { kind: 'work'; twin: string | null } | { kind: 'skip'; code: ErrorCode; message: string };

/** Adds inputs to a batch, within one transaction that also decides who of several processes gets the same work. */
export function receiveItems(sql: Sql, batch: Batch, inputs: readonly NewItem[], now: number): Item[] {
  if (batch.sealed || batch.state !== 'running') {
    const message = `Batch ${batch.id} takes no more items; it is ${batch.sealed ? 'complete' : batch.state}.`;
    throw new ProofsheetError('wrong_state', message, { disposition: 'conflict' });
  }
  const counted = new Map<number, Partial<Counts>>();
  const items = inputs.map((input) => {
    const { item, isNew } = receiveItem(sql, batch, input, now);
    if (!isNew) return item;
    const counts = counted.get(item.shard) ?? {};
    counts.total = (counts.total ?? 0) + 1;
    if (item.state === 'skipped') counts.skipped = (counts.skipped ?? 0) + 1;
    counted.set(item.shard, counts);
    return item;
  });
  for (const [shard, counts] of counted) addCounts(sql, batch.id, shard, counts);
  return items;
}

/** The wished name is made distinct by the item's id, by as much of it as it takes. */
function receiveItem(sql: Sql, batch: Batch, input: NewItem, now: number): { item: Item; isNew: boolean } {
  const reception = receptionOf(sql, batch, input);
  let name = input.name;
  for (let used = 0; ; used += 6) {
    const item = insertItem(sql, batch, { ...input, name }, reception, now);
    if (item !== undefined) return { item, isNew: true };
    const known = findItem(sql, batch.id, input.id);
    if (known !== undefined) return { item: itemFrom(known), isNew: false };
    if (used >= input.id.length) throw new ProofsheetError('internal', `No name is free for ${input.source}.`);
    name = distinctName(name, input.id.slice(used));
  }
}

function receptionOf(sql: Sql, batch: Batch, input: NewItem): Reception {
  if (input.refusal !== undefined) return { kind: 'skip', ...input.refusal };
  const first = sql.get<{ id: string }>(
    `SELECT id FROM items WHERE work_key = ? AND batch_id = ? AND state <> 'skipped' AND twin IS NULL
     ORDER BY number LIMIT 1`,
    input.workKey,
    batch.id,
  );
  if (first !== undefined) return { kind: 'work', twin: first.id };
  return (batch.force ? undefined : elsewhere(sql, batch, input)) ?? { kind: 'work', twin: null };
}

/** The same work in another batch: done work first, the newest of it. */
function elsewhere(sql: Sql, batch: Batch, input: NewItem): Reception | undefined {
  const other = sql.get<{ batch_id: string; name: string; done: number }>(
    `SELECT items.batch_id, items.name, items.state IN ('passed', 'failed') AS done
     FROM items JOIN batches ON batches.id = items.batch_id
     WHERE items.work_key = ? AND items.batch_id <> ? AND (items.state IN ('passed', 'failed')
       OR items.state IN ('queued', 'running', 'parked') AND batches.state IN ('running', 'paused'))
     ORDER BY done DESC, items.settled_at DESC, items.number DESC LIMIT 1`,
    input.workKey,
    batch.id,
  );
  if (other === undefined) return undefined;
  const what = `${other.name} of batch ${other.batch_id}`;
  if (other.done) {
    return { kind: 'skip', code: 'already_done', message: `Done already as ${what}; --force does it again.` };
  }
  return {
    kind: 'skip',
    code: 'unfinished_elsewhere',
    message: `In work as ${what}; resume or cancel that batch.`,
  };
}

/** Undefined if the id or the name is taken. */
function insertItem(sql: Sql, batch: Batch, input: NewItem, reception: Reception, now: number): Item | undefined {
  const skipped = reception.kind === 'skip';
  const row = sql.get<ItemRow>(
    `INSERT INTO items (batch_id, id, name, source, metadata, content_hash, work_key, twin, state, shard, fence, claims,
       epoch, settled_at, end_number, summary) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, ?, ?, ?)
     ON CONFLICT DO NOTHING RETURNING *`,
    batch.id,
    input.id,
    input.name,
    input.source,
    JSON.stringify(input.metadata),
    input.contentHash,
    input.workKey,
    skipped ? null : reception.twin,
    skipped ? 'skipped' : 'queued',
    shardOf(input.id, batch.shardCount),
    skipped ? now : null,
    skipped ? nextEnd(sql, batch.id) : null,
    skipped ? JSON.stringify(skipSummary(reception.code, reception.message)) : null,
  );
  return row && itemFrom(row);
}

function skipSummary(code: ErrorCode, message: string): ItemSummary {
  return {
    score: null,
    attempts: 0,
    code,
    message: message.slice(0, 600),
    calls: 0,
    costNano: 0,
    unpricedCalls: 0,
    seconds: 0,
    result: '',
  };
}
