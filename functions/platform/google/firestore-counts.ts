import { type DocumentSnapshot, FieldValue, type Firestore, type WriteBatch } from '@google-cloud/firestore';
import { type Counts, NO_COUNTS, settledOf } from '../../domain/batch.ts';
import { shardsOf } from './firestore-layout.ts';

const MEMBERS = Object.keys(NO_COUNTS) as (keyof Counts)[];

/**
 * Adds to a shard's counters within a commit. The increments are blind, so the commit must also prove something that holds
 * only once: repeated, it has to fail as a whole.
 */
export function addCounts(write: WriteBatch, db: Firestore, batchId: string, shard: number, by: Partial<Counts>): void {
  const changed = MEMBERS.filter((member) => (by[member] ?? 0) !== 0);
  if (changed.length === 0) return;
  const increments = changed.map((member) => [member, FieldValue.increment(by[member] ?? 0)]);
  write.set(shardsOf(db, batchId).doc(String(shard)), Object.fromEntries(increments), { merge: true });
}

/** Whether all items of a shard are settled. */
export async function isFull(db: Firestore, batchId: string, shard: number): Promise<boolean> {
  const counts = countsIn(await shardsOf(db, batchId).doc(String(shard)).get());
  return settledOf(counts) >= counts.total;
}

/** Sum over a batch's shards; all zero for a batch without items. */
export async function countsOf(db: Firestore, batchId: string): Promise<Counts> {
  const shards = await shardsOf(db, batchId).get();
  const sum = { ...NO_COUNTS };
  for (const shard of shards.docs) {
    const counts = countsIn(shard);
    for (const member of MEMBERS) sum[member] += counts[member];
  }
  // Scores are fractions; adding and taking away leaves crumbs.
  return { ...sum, scoreSum: Math.round(sum.scoreSum * 1e9) / 1e9 };
}

function countsIn(shard: DocumentSnapshot): Counts {
  const counts = { ...NO_COUNTS };
  for (const member of MEMBERS) counts[member] = Number(shard.get(member) ?? 0);
  return counts;
}

/** Sums of counts by shard, collected before a commit. */
export function addTo(byShard: Map<number, Partial<Counts>>, shard: number, by: Partial<Counts>): void {
  const sum = byShard.get(shard) ?? {};
  for (const member of MEMBERS) {
    const more = by[member];
    if (more !== undefined) sum[member] = (sum[member] ?? 0) + more;
  }
  byShard.set(shard, sum);
}
