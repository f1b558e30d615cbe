import { randomUUID } from 'node:crypto';
import { type DocumentData, type DocumentSnapshot, FieldValue, type Firestore } from '@google-cloud/firestore';
import type { Counts, Item, TerminalState } from '../../domain/batch.ts';
import type { Revised } from '../../domain/optimization.ts';
import { commitOnce, inRounds, type NotCommitted, readAll, unchangedSince } from './firestore-commit.ts';
import { addCounts, addTo } from './firestore-counts.ts';
import { itemFrom } from './firestore-documents.ts';
import { detailRef, itemsOf } from './firestore-layout.ts';
import { readWorks, takeWork, type Work } from './firestore-works.ts';

/** Items per commit: item, detail, work and at worst a shard each must stay below 500 writes. */
const PAGE = 120;

export const NO_REVIEW: DocumentData = { review: FieldValue.delete(), isReviewed: FieldValue.delete() };

interface Wanted {
  states: readonly TerminalState[];
  revised: Revised | undefined;
}

/** Takes settled items back, page by page in order of id, so that none is met twice that is settled again meanwhile. */
export async function reopenItems(db: Firestore, batchId: string, wanted: Wanted): Promise<number> {
  const { states } = wanted;
  if (states.length === 0) return 0;
  const settled = itemsOf(db, batchId)
    .where('state', 'in', [...new Set(states)])
    .orderBy('__name__')
    .limit(PAGE);
  let reopened = 0;
  for (let after: DocumentSnapshot | undefined; ; ) {
    const page = (await (after === undefined ? settled : settled.startAfter(after)).get()).docs;
    if (page.length > 0) reopened += await reopenPage(db, batchId, wanted, page);
    after = page.at(-1);
    if (after === undefined || page.length < PAGE) return reopened;
  }
}

/** Gives how many of the page this call took back; another one may work on the same page. */
async function reopenPage(
  db: Firestore,
  batchId: string,
  wanted: Wanted,
  page: readonly DocumentSnapshot[],
): Promise<number> {
  // Marks what this call wrote, for when the answer of a commit is lost.
  const stamp = randomUUID();
  let current = page;
  return await inRounds(async (): Promise<{ kind: 'done'; result: number } | NotCommitted> => {
    const mine = current.filter((snapshot) => snapshot.get('stamp') === stamp).length;
    if (mine > 0) return { kind: 'done', result: mine };
    const settled = current.filter((snapshot) => isWanted(snapshot, wanted));
    if (settled.length === 0) return { kind: 'done', result: 0 };
    const write = await reopenOnce(db, batchId, { settled, revised: wanted.revised, stamp });
    if (write === undefined) return { kind: 'done', result: settled.length };
    current = await readAll(
      db,
      page.map((snapshot) => snapshot.ref),
    );
    return write;
  });
}

/**
 * State, score and attempts are uncounted; calls and cost stay, because that money is spent: the item's next end adds what
 * came on top. The summary stays until then, steps of earlier epochs for good.
 */
async function reopenOnce(
  db: Firestore,
  batchId: string,
  { settled, revised, stamp }: { settled: readonly DocumentSnapshot[]; revised: Revised | undefined; stamp: string },
): Promise<NotCommitted | undefined> {
  const write = db.batch();
  const counted = new Map<number, Partial<Counts>>();
  const items = settled.map(itemFrom);
  const works = await readWorks(
    db,
    items.flatMap((item) => (item && item.twin === undefined ? [item.workKey] : [])),
  );
  const took = new Map<Work, string>();
  for (const [index, item] of items.entries()) {
    const snapshot = settled[index];
    if (item === undefined || snapshot === undefined) continue;
    addTo(counted, item.shard, uncounted(item));
    write.delete(detailRef(db, batchId, item.id));
    const work = item.twin === undefined ? works.get(item.workKey) : undefined;
    const holder = work && (took.get(work) ?? work.holders.get(batchId)?.id);
    if (work !== undefined && holder === undefined) {
      took.set(work, item.id);
      takeWork(write, work, batchId, item.id);
    }
    // A skipped item was no twin; taken again, it waits for the item of the batch that has its work.
    const isTwin = item.state === 'skipped' && holder !== undefined && holder !== item.id;
    const prompt = revised && { version: revised.version, since: item.epoch + 1 };
    const fields = { ...reopenedFields(item, stamp, isTwin ? holder : undefined), ...(prompt && { prompt }) };
    write.update(snapshot.ref, fields, unchangedSince(snapshot));
  }
  for (const [shard, counts] of counted) addCounts(write, db, batchId, shard, counts);
  const committed = await commitOnce(write);
  return committed.kind === 'done' ? undefined : committed;
}

function isWanted(snapshot: DocumentSnapshot, { states, revised }: Wanted): boolean {
  if (!(states as readonly string[]).includes(snapshot.get('state'))) return false;
  if (revised === undefined) return true;
  const isFirst = snapshot.get('prompt') === undefined;
  return isFirst && (revised.codes as readonly string[]).includes(snapshot.get('summary.code'));
}

function reopenedFields(item: Item, stamp: string, twin: string | undefined): DocumentData {
  return {
    ...{ state: 'queued', epoch: item.epoch + 1, claims: 0, reopenedFrom: item.state, stamp },
    ...{ firstClaimedAt: FieldValue.delete(), settledAt: FieldValue.delete(), ...NO_REVIEW },
    ...(twin !== undefined && { twin }),
  };
}

function uncounted({ state, summary }: Item): Partial<Counts> {
  const isScored = summary !== undefined && summary.score !== null;
  return {
    [state]: -1,
    attempts: -(summary?.attempts ?? 0),
    ...(isScored && { scored: -1, scoreSum: -(summary.score ?? 0) }),
  };
}
