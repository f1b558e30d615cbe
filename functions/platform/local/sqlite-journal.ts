import { type Counts, type Item, isTerminal } from '../../domain/batch.ts';
import { ProofsheetError } from '../../domain/errors.ts';
import type { StepEntry } from '../../domain/journal.ts';
import type { Claim, ClaimResult, Clock, Journal, Renewal, Settlement } from '../ports.ts';
import type { Presence } from './process-presence.ts';
import type { Database, Sql } from './sqlite.ts';
import { addCounts, findItem, type ItemRow, itemFrom, nextEnd } from './sqlite-items.ts';

/** A lease that another process holds; whether it still lives is asked outside the transaction. */
type ClaimAttempt = ClaimResult | { kind: 'held'; owner: string };

/** The journal in SQLite. Each write proves its fence in the transaction that makes it. */
export function sqliteJournal(db: Database, presence: Presence, clock: Pick<Clock, 'now'>): Journal {
  return {
    async claim(batchId, itemId, leaseMs) {
      let deadOwner: string | undefined;
      while (true) {
        const request = { owner: presence.id, now: clock.now(), leaseMs, deadOwner };
        const attempt = await db.write((sql) => tryClaim(sql, batchId, itemId, request));
        if (attempt.kind !== 'held') return attempt;
        if (presence.isAlive(attempt.owner)) return { kind: 'busy' };
        deadOwner = attempt.owner;
      }
    },
    steps: (item) => db.read((sql) => stepsOf(sql, item)),
    append: (claim, steps, renew) => db.write((sql) => appendSteps(sql, claim, steps, renew, clock.now())),
    settle: (claim, settlement) => db.write((sql) => settleItem(sql, claim, settlement, clock.now())),
    release: (claim, as) => db.write((sql) => releaseItem(sql, claim, as)),
    expired: (batchId, lease) => db.read((sql) => expiredItems(sql, batchId, lease)),
  };
}

function tryClaim(
  sql: Sql,
  batchId: string,
  itemId: string,
  request: { owner: string; now: number; leaseMs: number; deadOwner: string | undefined },
): ClaimAttempt {
  const { owner, now, leaseMs, deadOwner = '' } = request;
  const taken = sql.get<ItemRow>(
    `UPDATE items SET state = 'running', fence = fence + 1, claims = claims + 1, owner = ?1, lease_until = ?2 + ?3,
       first_claimed_at = coalesce(first_claimed_at, ?2)
     WHERE batch_id = ?4 AND id = ?5 AND (state IN ('queued', 'parked')
       OR state = 'running' AND (coalesce(lease_until, 0) <= ?2 OR owner IS NULL OR owner = ?6)) RETURNING *`,
    owner,
    now,
    leaseMs,
    batchId,
    itemId,
    deadOwner,
  );
  if (taken !== undefined) return { kind: 'claimed', claim: { item: itemFrom(taken), fence: taken.fence } };
  const row = findItem(sql, batchId, itemId);
  if (row === undefined) {
    throw new ProofsheetError('not_found', `There is no item ${itemId} in batch ${batchId}; see \`proofsheet show\`.`);
  }
  if (isTerminal(row.state)) return { kind: 'settled', item: itemFrom(row) };
  return { kind: 'held', owner: row.owner ?? '' };
}

function stepsOf(sql: Sql, item: Item): StepEntry[] {
  const rows = sql.all<{ entry: string }>(
    `SELECT entry FROM steps WHERE item = (SELECT number FROM items WHERE batch_id = ? AND id = ?) AND epoch = ?
     ORDER BY seq, key`,
    item.batchId,
    item.id,
    item.epoch,
  );
  return rows.map((row) => JSON.parse(row.entry));
}

function appendSteps(sql: Sql, claim: Claim, steps: readonly StepEntry[], renew: Renewal, now: number): void {
  const item = sql.get<{ number: number; epoch: number }>(
    `UPDATE items SET lease_until = ?, claims = 0, progress = coalesce(?, progress)
     WHERE batch_id = ? AND id = ? AND fence = ? AND state = 'running' RETURNING number, epoch`,
    now + renew.leaseMs,
    renew.progress === undefined ? null : JSON.stringify(renew.progress),
    claim.item.batchId,
    claim.item.id,
    claim.fence,
  );
  if (item === undefined) throw leaseLost(claim);
  for (const step of steps) {
    const entry = JSON.stringify(step);
    const inserted = sql.run(
      'INSERT INTO steps (item, epoch, key, seq, entry) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      item.number,
      item.epoch,
      step.key,
      step.seq,
      entry,
    );
    if (inserted === 0) provesSame(sql, item, step.key, entry, claim);
  }
}

/** The same entry again is a write whose answer was lost; another one means that the journal knows more than the worker. */
function provesSame(sql: Sql, item: { number: number; epoch: number }, key: string, entry: string, claim: Claim): void {
  const recorded = sql.get<{ entry: string }>(
    'SELECT entry FROM steps WHERE item = ? AND epoch = ? AND key = ?',
    item.number,
    item.epoch,
    key,
  );
  if (recorded?.entry !== entry) throw leaseLost(claim);
}

function settleItem(
  sql: Sql,
  claim: Claim,
  { state, summary, detail }: Settlement,
  now: number,
): { shardFull: boolean } {
  const doc = JSON.stringify(summary);
  const item = sql.get<{ number: number; shard: number }>(
    `UPDATE items SET state = ?, summary = ?, settled_at = ?, end_number = ?, owner = NULL, lease_until = NULL, progress = NULL
     WHERE batch_id = ? AND id = ? AND fence = ? AND state = 'running' RETURNING number, shard`,
    state,
    doc,
    now,
    nextEnd(sql, claim.item.batchId),
    claim.item.batchId,
    claim.item.id,
    claim.fence,
  );
  if (item === undefined) {
    // The very same end again: a commit whose answer was lost.
    const found = findItem(sql, claim.item.batchId, claim.item.id);
    const isDone = found?.fence === claim.fence && found.state === state && found.summary === doc;
    if (isDone) return addCounts(sql, claim.item.batchId, found.shard, {});
    throw leaseLost(claim);
  }
  sql.run('INSERT OR REPLACE INTO details (item, doc) VALUES (?, ?)', item.number, JSON.stringify(detail));
  // What an earlier epoch came to is in the counters already.
  const counted = claim.item.summary;
  const counts: Partial<Counts> = {
    [state]: 1,
    calls: summary.calls - (counted?.calls ?? 0),
    costNano: summary.costNano - (counted?.costNano ?? 0),
    unpricedCalls: summary.unpricedCalls - (counted?.unpricedCalls ?? 0),
    attempts: summary.attempts,
    ...(summary.score !== null && { scored: 1, scoreSum: summary.score }),
  };
  return addCounts(sql, claim.item.batchId, item.shard, counts);
}

function releaseItem(sql: Sql, claim: Claim, as: { state: 'queued' | 'parked'; countsAsClaim: boolean }): void {
  const released = sql.run(
    `UPDATE items SET state = ?, claims = max(0, claims - ?), owner = NULL, lease_until = NULL,
       progress = CASE WHEN ? THEN progress END
     WHERE batch_id = ? AND id = ? AND fence = ? AND state = 'running'`,
    as.state,
    as.countsAsClaim ? 0 : 1,
    as.state === 'parked' ? 1 : 0,
    claim.item.batchId,
    claim.item.id,
    claim.fence,
  );
  if (released === 0) throw leaseLost(claim);
}

/** Few items are running at a time, so they need no order of their own. */
function expiredItems(sql: Sql, batchId: string, lease: { after: number; until: number; limit: number }): Item[] {
  const rows = sql.all<ItemRow>(
    `SELECT * FROM items WHERE batch_id = ? AND state = 'running' AND lease_until > ? AND lease_until <= ?
     ORDER BY lease_until, id LIMIT ?`,
    batchId,
    lease.after,
    lease.until,
    lease.limit,
  );
  return rows.map(itemFrom);
}

function leaseLost(claim: Claim): ProofsheetError {
  return new ProofsheetError(
    'lease_lost',
    `Item ${claim.item.name} of batch ${claim.item.batchId} was taken over by another worker; nothing to do.`,
    { disposition: 'conflict' },
  );
}
