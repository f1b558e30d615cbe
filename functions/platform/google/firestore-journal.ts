import { randomUUID } from 'node:crypto';
import { type DocumentData, FieldValue, type Firestore } from '@google-cloud/firestore';
import { type Counts, type Item, isTerminal } from '../../domain/batch.ts';
import { ProofsheetError } from '../../domain/errors.ts';
import type { StepEntry } from '../../domain/journal.ts';
import { hashOf } from '../../lib/hash.ts';
import type { Claim, ClaimResult, Journal, Renewal, Settlement } from '../ports.ts';
import {
  type Committed,
  commitOnce,
  inRounds,
  type NotCommitted,
  readAll,
  unchangedSince,
} from './firestore-commit.ts';
import { addCounts, isFull } from './firestore-counts.ts';
import { itemFrom, packed, unpacked } from './firestore-documents.ts';
import { translating } from './firestore-errors.ts';
import { detailRef, itemRef, itemsOf, stepId, stepsOf, workRef } from './firestore-layout.ts';
import { leaseLost, type Standing, type Standings, standings } from './firestore-standing.ts';

const NO_LEASE: DocumentData = { owner: FieldValue.delete(), leaseUntil: FieldValue.delete() };
const DONE = { kind: 'done', result: undefined } as const;

/**
 * The journal in Firestore. Each write proves its claim by the time of the claim's own last write, which only a takeover can
 * have outdated; there are no transactions, so nothing waits for a lock. A write whose answer was lost is looked up before it
 * is repeated. `worker` names this process in the items it holds.
 */
export function firestoreJournal(db: Firestore, worker: string): Journal {
  const held = standings(db);
  return translating<Journal>({
    claim(batchId, itemId, leaseMs) {
      const owner = `${worker}/${randomUUID()}`;
      return inRounds(() => tryClaim(db, held, owner, { batchId, itemId, leaseMs }));
    },
    steps: (item) => recordedSteps(db, item),
    async append(claim, steps, renew) {
      let open = steps;
      await inRounds(async () => {
        const standing = await held.of(claim, () => false);
        const isRecorded = open.length === 0 && steps.length > 0;
        if (standing === 'done' || isRecorded) return DONE;
        const write = await appendOnce(db, claim, standing, open, renew);
        if (write.kind !== 'done') open = await unrecorded(db, claim, steps);
        return held.after(claim, write, 0);
      });
    },
    async settle(claim, settlement) {
      await inRounds(async () => {
        const standing = await held.of(claim, (item) => isSettledAs(item, settlement));
        if (standing === 'done') return DONE;
        return held.after(claim, await settleOnce(db, claim, standing, settlement));
      });
      return { shardFull: await isFull(db, claim.item.batchId, claim.item.shard) };
    },
    async release(claim, as) {
      let isTried = false;
      await inRounds(async () => {
        // Given back already is fine only if this call did it.
        const standing = await held.of(claim, (item) => isTried && item.state === as.state);
        if (standing === 'done') return DONE;
        isTried = true;
        return held.after(claim, await releaseOnce(db, claim, standing, as));
      });
    },
    expired: (batchId, lease) => expiredItems(db, batchId, lease),
  });
}

/** `owner` is of this one call, so that a claim whose answer was lost is known again. */
async function tryClaim(
  db: Firestore,
  held: Standings,
  owner: string,
  { batchId, itemId, leaseMs }: { batchId: string; itemId: string; leaseMs: number },
): Promise<{ kind: 'done'; result: ClaimResult } | NotCommitted> {
  const ref = itemRef(db, batchId, itemId);
  const before = await ref.get();
  const item = itemFrom(before);
  if (item === undefined) {
    throw new ProofsheetError('not_found', `There is no item ${itemId} in batch ${batchId}; see \`proofsheet show\`.`);
  }
  if (item.owner === owner) return claimed(item);
  if (isTerminal(item.state)) return { kind: 'done', result: { kind: 'settled', item } };
  const now = before.readTime.toMillis();
  const isLeased = item.state === 'running' && item.leaseUntil !== undefined && item.leaseUntil > now;
  if (isLeased) return { kind: 'done', result: { kind: 'busy' } };
  const taken = {
    state: 'running' as const,
    fence: item.fence + 1,
    claims: item.claims + 1,
    owner,
    leaseUntil: now + leaseMs,
    firstClaimedAt: item.firstClaimedAt ?? now,
  };
  const write = await commitOnce(db.batch().update(ref, taken, unchangedSince(before)));
  if (write.kind !== 'done') return write;
  const mine = claimed({ ...item, ...taken });
  held.after(mine.result.claim, write, taken.claims);
  return mine;
}

function claimed(item: Item): { kind: 'done'; result: ClaimResult & { kind: 'claimed' } } {
  return { kind: 'done', result: { kind: 'claimed', claim: { item, fence: item.fence } } };
}

/** An epoch's steps are a range of document ids, so they need no index. */
async function recordedSteps(db: Firestore, item: Item): Promise<StepEntry[]> {
  const all = stepsOf(db, item.batchId, item.id);
  const found = await all.orderBy('__name__').startAt(`${item.epoch}-`).endBefore(`${item.epoch}.`).get();
  const steps: StepEntry[] = found.docs.map((step) => JSON.parse(unpacked(step.get('entry'))));
  return steps.toSorted((a, b) => a.seq - b.seq || (a.key < b.key ? -1 : 1));
}

async function appendOnce(
  db: Firestore,
  claim: Claim,
  standing: Standing,
  steps: readonly StepEntry[],
  renew: Renewal,
): Promise<Committed> {
  const { batchId, id, epoch } = claim.item;
  const renewed: DocumentData = { leaseUntil: standing.now() + renew.leaseMs, claims: 0 };
  if (renew.progress !== undefined) renewed.progress = renew.progress;
  const write = db.batch().update(itemRef(db, batchId, id), renewed, standing.precondition);
  for (const step of steps) {
    const entry = packed(step, `Step ${step.key} of item ${claim.item.name}`);
    write.create(stepsOf(db, batchId, id).doc(stepId(epoch, step.key)), { entry });
  }
  return await commitOnce(write);
}

/** Steps that are still to be written. Another entry under a step's key means that the journal knows more than the worker. */
async function unrecorded(db: Firestore, claim: Claim, steps: readonly StepEntry[]): Promise<StepEntry[]> {
  const { batchId, id, epoch } = claim.item;
  const refs = steps.map((step) => stepsOf(db, batchId, id).doc(stepId(epoch, step.key)));
  const found = await readAll(db, refs);
  return steps.filter((step, index) => {
    const recorded = found[index];
    if (!recorded?.exists) return true;
    if (unpacked(recorded.get('entry')) !== JSON.stringify(step)) throw leaseLost(claim);
    return false;
  });
}

async function settleOnce(
  db: Firestore,
  claim: Claim,
  standing: Standing,
  { state, summary, detail }: Settlement,
): Promise<Committed> {
  const { batchId, id, shard, name, workKey, twin, summary: counted } = claim.item;
  const settled = { state, summary: JSON.parse(JSON.stringify(summary)), settledAt: standing.now() };
  const write = db
    .batch()
    .update(
      itemRef(db, batchId, id),
      { ...settled, ...NO_LEASE, progress: FieldValue.delete() },
      standing.precondition,
    );
  write.set(detailRef(db, batchId, id), { detail: packed(detail, `The detail of item ${name}`) });
  const calls = summary.calls - (counted?.calls ?? 0);
  // What an earlier epoch came to is in the counters already.
  const counts: Partial<Counts> = {
    [state]: 1,
    calls,
    costNano: summary.costNano - (counted?.costNano ?? 0),
    unpricedCalls: summary.unpricedCalls - (counted?.unpricedCalls ?? 0),
    attempts: summary.attempts,
    ...(summary.score !== null && { scored: 1, scoreSum: summary.score }),
  };
  addCounts(write, db, batchId, shard, counts);
  // The work is known by its first item; a copy that had to do it itself takes that place.
  if (twin !== undefined && calls > 0 && (state === 'passed' || state === 'failed')) {
    write.set(workRef(db, workKey), { holders: { [batchId]: id } }, { merge: true });
  }
  return await commitOnce(write);
}

function isSettledAs(item: Item, { state, summary }: Settlement): boolean {
  return item.state === state && item.summary !== undefined && hashOf(item.summary) === hashOf(summary);
}

async function releaseOnce(
  db: Firestore,
  claim: Claim,
  standing: Standing,
  as: { state: 'queued' | 'parked'; countsAsClaim: boolean },
): Promise<Committed> {
  const released: DocumentData = {
    ...NO_LEASE,
    state: as.state,
    claims: Math.max(0, standing.claims - (as.countsAsClaim ? 0 : 1)),
    ...(as.state === 'queued' && { progress: FieldValue.delete() }),
  };
  const { batchId, id } = claim.item;
  return await commitOnce(db.batch().update(itemRef(db, batchId, id), released, standing.precondition));
}

async function expiredItems(
  db: Firestore,
  batchId: string,
  { after, until, limit }: { after: number; until: number; limit: number },
): Promise<Item[]> {
  const running = itemsOf(db, batchId).where('state', '==', 'running');
  const ended = running.where('leaseUntil', '>', after).where('leaseUntil', '<=', until);
  const found = await ended.orderBy('leaseUntil').limit(limit).get();
  return found.docs.flatMap((snapshot) => itemFrom(snapshot) ?? []);
}
