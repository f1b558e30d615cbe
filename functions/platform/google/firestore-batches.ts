import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { type DocumentSnapshot, FieldValue, type Firestore, type Query } from '@google-cloud/firestore';
import type { Batch, Item, Review } from '../../domain/batch.ts';
import type { ItemDetail } from '../../domain/outcome.ts';
import { reviewable } from '../../domain/review.ts';
import type { Batches, ItemPage } from '../ports.ts';
import { commitOnce, inRounds, type NotCommitted, readAll, unchangedSince } from './firestore-commit.ts';
import { countsOf } from './firestore-counts.ts';
import { batchFields, batchFrom, batchOf, itemFrom, noSuchBatch, unpacked } from './firestore-documents.ts';
import { translating } from './firestore-errors.ts';
import { receiveItems } from './firestore-intake.ts';
import { batchesOf, batchRef, commandRef, detailRef, itemRef, itemsOf, startGateRef } from './firestore-layout.ts';
import { NO_REVIEW, reopenItems } from './firestore-reopen.ts';

const UNFINISHED = ['running', 'paused'];
/** Stamps that a batch keeps; as many writers may come between a write and its writer's look. */
const STAMPS = 50;

/** Batches in Firestore. What decides between two writers is a precondition in the commit that makes the change. */
export function firestoreBatches(db: Firestore): Batches {
  return translating<Batches>({
    create: (batch, most) => createBatch(db, batch, most?.running),
    get: async (batchId) => batchFrom(await batchRef(db, batchId).get()),
    list: (page) => newestBatches(db, page),
    change: (batchId, decide) => changeBatch(db, batchId, decide),
    addItems: (batchId, inputs) => receiveItems(db, batchId, inputs),
    item: async (batchId, itemId) => itemFrom(await itemRef(db, batchId, itemId).get()),
    items: (batchId, page) => pageOfItems(db, batchId, page),
    recent: (batchId, { limit }) => itemsFrom(itemsOf(db, batchId).orderBy('settledAt', 'desc').limit(limit)),
    details: (batchId, itemIds) => detailsOf(db, batchId, itemIds),
    counts: (batchId) => countsOf(db, batchId),
    reopen: (batchId, states, revised) => reopenItems(db, batchId, { states, revised }),
    review: (batchId, itemId, review) => reviewItem(db, batchId, itemId, review),
  });
}

/**
 * The command's document is the lock; which of its batches are unfinished is read from the batches. Where only so many may
 * run, all who create have one lock in common.
 */
async function createBatch(db: Firestore, batch: Batch, mostRunning: number | undefined): Promise<boolean> {
  const stamp = newStamp();
  const ref = batchRef(db, batch.id);
  const locks = [commandRef(db, batch.commandKey), ...(mostRunning === undefined ? [] : [startGateRef(db)])];
  return await inRounds(async (): Promise<{ kind: 'done'; result: boolean } | NotCommitted> => {
    const [there, ...locked] = await readAll(db, [ref, ...locks]);
    if (there?.exists) return { kind: 'done', result: stampsOf(there).includes(stamp) };
    const same = batchesOf(db).where('commandKey', '==', batch.commandKey).where('state', 'in', UNFINISHED).limit(1);
    if (!(await same.get()).empty) return { kind: 'done', result: false };
    if (mostRunning !== undefined && (await countRunning(db, mostRunning)) >= mostRunning) {
      return { kind: 'done', result: false };
    }
    const write = db.batch().create(ref, { ...batchFields(batch), stamps: [stamp] });
    for (const [index, lock] of locks.entries()) {
      const before = locked[index];
      if (before?.exists) write.update(lock, { batchId: batch.id }, unchangedSince(before));
      else write.create(lock, { batchId: batch.id });
    }
    const committed = await commitOnce(write);
    return committed.kind === 'done' ? { kind: 'done', result: true } : committed;
  });
}

/** Up to `limit`. */
async function countRunning(db: Firestore, limit: number): Promise<number> {
  return (await batchesOf(db).where('state', '==', 'running').select().limit(limit).get()).size;
}

async function newestBatches(db: Firestore, page: Parameters<Batches['list']>[0]): Promise<Batch[]> {
  const { limit, after, commandKey, unfinished } = page;
  let some: Query = batchesOf(db).orderBy('createdAt', 'desc').orderBy('__name__', 'desc').limit(limit);
  if (commandKey !== undefined) some = some.where('commandKey', '==', commandKey);
  if (unfinished === true) some = some.where('state', 'in', UNFINISHED);
  if (after !== undefined) {
    const last = await batchRef(db, after).get();
    if (!last.exists) return [];
    some = some.startAfter(last);
  }
  const found = await some.get();
  return found.docs.flatMap((snapshot) => batchFrom(snapshot) ?? []);
}

async function changeBatch(db: Firestore, batchId: string, decide: Parameters<Batches['change']>[1]): Promise<Batch> {
  const stamp = newStamp();
  const ref = batchRef(db, batchId);
  return await inRounds(async (): Promise<{ kind: 'done'; result: Batch } | NotCommitted> => {
    const before = await ref.get();
    const batch = batchFrom(before);
    if (batch === undefined) throw noSuchBatch(batchId);
    if (stampsOf(before).includes(stamp)) return { kind: 'done', result: batch };
    const update = decide(batch);
    if (update === undefined) return { kind: 'done', result: batch };
    const fields = batchFields({ ...batch, ...update });
    const gone = Object.keys(before.data() ?? {}).filter((name) => !(name in fields));
    const removed = Object.fromEntries(gone.map((name) => [name, FieldValue.delete()]));
    const stamps = [stamp, ...stampsOf(before)].slice(0, STAMPS);
    const write = db.batch().update(ref, { ...removed, ...fields, stamps }, unchangedSince(before));
    const committed = await commitOnce(write);
    return committed.kind === 'done' ? { kind: 'done', result: batchOf(fields) } : committed;
  });
}

function newStamp(): string {
  return randomBytes(9).toString('base64url');
}

/** Marks of the latest writes, by which a writer whose commit got no answer finds out whether it was made. */
function stampsOf(snapshot: DocumentSnapshot): string[] {
  return snapshot.get('stamps') ?? [];
}

async function pageOfItems(db: Firestore, batchId: string, page: ItemPage): Promise<Item[]> {
  const some = selectedItems(itemsOf(db, batchId), page);
  if (some === undefined) return [];
  const ordered = some.orderBy('__name__').limit(page.limit);
  return await itemsFrom(page.after === undefined ? ordered : ordered.startAfter(itemRef(db, batchId, page.after).id));
}

function selectedItems(all: Query, page: ItemPage): Query | undefined {
  if ('reviewed' in page) return all.where('isReviewed', '==', true);
  if (page.states === undefined) return all;
  return page.states.length === 0 ? undefined : all.where('state', 'in', [...new Set(page.states)]);
}

/** An unclear commit was made when the review is found where it was to be written. */
async function reviewItem(db: Firestore, batchId: string, itemId: string, review: Review | undefined): Promise<Item> {
  return await inRounds(async (): Promise<{ kind: 'done'; result: Item } | NotCommitted> => {
    const before = await itemRef(db, batchId, itemId).get();
    const found = reviewable(itemFrom(before), batchId, itemId);
    if (isDeepStrictEqual(found.review, review)) return { kind: 'done', result: found };
    const { review: _, ...item } = found;
    const fields = review === undefined ? NO_REVIEW : { review, isReviewed: true };
    const committed = await commitOnce(db.batch().update(before.ref, fields, unchangedSince(before)));
    if (committed.kind !== 'done') return committed;
    return { kind: 'done', result: { ...item, ...(review && { review }) } };
  });
}

async function itemsFrom(query: Query): Promise<Item[]> {
  return (await query.get()).docs.flatMap((snapshot) => itemFrom(snapshot) ?? []);
}

async function detailsOf(db: Firestore, batchId: string, itemIds: readonly string[]): Promise<Map<string, ItemDetail>> {
  const found = await readAll(
    db,
    itemIds.map((id) => detailRef(db, batchId, id)),
  );
  const details = new Map<string, ItemDetail>();
  for (const [index, id] of itemIds.entries()) {
    const packed = found[index]?.get('detail');
    if (packed !== undefined) details.set(id, JSON.parse(unpacked(packed)));
  }
  return details;
}
