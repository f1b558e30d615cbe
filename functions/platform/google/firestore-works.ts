import type { DocumentReference, Firestore, Timestamp, WriteBatch } from '@google-cloud/firestore';
import { type Batch, type Item, isTerminal } from '../../domain/batch.ts';
import { readAll } from './firestore-commit.ts';
import { batchFrom, itemFrom } from './firestore-documents.ts';
import { batchRef, itemRef, workRef } from './firestore-layout.ts';

/**
 * One and the same work: the first item of each batch that took it. The document is a signpost and a lock (only one of two
 * writers changes it); what became of the work is read from the items themselves.
 */
export interface Work {
  ref: DocumentReference;
  /** Time of the document's last write; undefined when it is not there. */
  updateTime: Timestamp | undefined;
  /** Items by batch. */
  holders: Map<string, Item>;
  /** Those of the batches that are running or paused. */
  live: ReadonlySet<string>;
}

/** The works of these keys, with their items. Two reads per key, a few more where a work is known. */
export async function readWorks(db: Firestore, workKeys: readonly string[]): Promise<Map<string, Work>> {
  const keys = [...new Set(workKeys)];
  const found = await readAll(
    db,
    keys.map((key) => workRef(db, key)),
  );
  const holders = found.map((work) => Object.entries<string>(work.get('holders') ?? {}));
  const flat = holders.flat();
  const items = (
    await readAll(
      db,
      flat.map(([batchId, itemId]) => itemRef(db, batchId, itemId)),
    )
  ).map(itemFrom);
  const live = await liveAmong(db, [...new Set(flat.map(([batchId]) => batchId))]);
  const itemOf = new Map(items.flatMap((item) => (item ? [[`${item.batchId} ${item.id}`, item] as const] : [])));
  const works = new Map<string, Work>();
  for (const [index, key] of keys.entries()) {
    const snapshot = found[index];
    if (snapshot === undefined) continue;
    const own = (holders[index] ?? []).flatMap(([batchId, itemId]) => {
      const item = itemOf.get(`${batchId} ${itemId}`);
      return item ? [[batchId, item] as const] : [];
    });
    works.set(key, { ref: snapshot.ref, updateTime: snapshot.updateTime, holders: new Map(own), live });
  }
  return works;
}

async function liveAmong(db: Firestore, batchIds: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await readAll(
    db,
    batchIds.map((id) => batchRef(db, id)),
  );
  return new Set(found.flatMap((snapshot) => liveId(batchFrom(snapshot))));
}

function liveId(batch: Batch | undefined): string[] {
  return batch?.state === 'running' || batch?.state === 'paused' ? [batch.id] : [];
}

/** The same work in another batch: the newest that is done, else one that is unfinished in a live batch. */
export function workElsewhere(work: Work, batchId: string): Item | undefined {
  const others = [...work.holders.values()].filter((item) => item.batchId !== batchId);
  return newestDone(others) ?? others.find((item) => !isTerminal(item.state) && work.live.has(item.batchId));
}

export function isDone(item: Item): boolean {
  return item.state === 'passed' || item.state === 'failed';
}

/**
 * Makes an item the batch's holder of a work, within a commit that fails if anybody else has changed the work meanwhile.
 * Holders that no batch will ask for again are left out, so that the document does not grow with every run.
 */
export function takeWork(write: WriteBatch, work: Work, batchId: string, itemId: string): void {
  const done = newestDone([...work.holders.values()]);
  const kept = [...work.holders.values()].filter((item) => item === done || work.live.has(item.batchId));
  const holders = Object.fromEntries([...kept.map((item) => [item.batchId, item.id]), [batchId, itemId]]);
  if (work.updateTime === undefined) write.create(work.ref, { holders });
  else write.update(work.ref, { holders }, { lastUpdateTime: work.updateTime });
}

function newestDone(items: readonly Item[]): Item | undefined {
  return items.filter(isDone).toSorted((a, b) => (b.settledAt ?? 0) - (a.settledAt ?? 0))[0];
}
