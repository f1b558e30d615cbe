import type { DocumentData, DocumentSnapshot, Firestore, Query, QuerySnapshot } from '@google-cloud/firestore';
import { ProofsheetError } from '../../domain/errors.ts';
import type { Changes, Ended } from '../ports.ts';
import { batchFrom, itemFrom, noSuchBatch } from './firestore-documents.ts';
import { translating } from './firestore-errors.ts';
import { batchRef, itemsOf } from './firestore-layout.ts';

/** An item can be read this long after the time that its end bears, at most: a commit is given up sooner. */
const LATE_MS = 60_000;
/** Documents that a listener holds; then the next one goes on behind them. */
const LISTENED = 300;
const MOST_RUNNING = 100;
const CHECK_EVERY_MS = 5_000;

/** When an item ended, and its id among those that ended at the same time. */
interface Position {
  at: number;
  id?: string;
}

/**
 * Changes in Firestore, by listeners. Ends are ordered by the time they bear, which is some moments before they can be read; so
 * those of the last minute are counted now and then, and read again if there are others than were told.
 */
export function firestoreChanges(db: Firestore): Changes {
  return translating<Changes>({
    async last(batchId) {
      const newest = await itemsOf(db, batchId).orderBy('settledAt', 'desc').limit(1).get();
      return endedIn(newest.docs)[0]?.position ?? '0';
    },
    async ended(batchId, { after, limit, again }) {
      const from = positionFrom(after);
      const start = again ? { at: from.at - LATE_MS } : from;
      return endedIn((await endedBehind(db, batchId, start).limit(limit).get()).docs);
    },
    async follow(batchId, { after, signal }, hear) {
      const from = positionFrom(after);
      if (signal.aborted) return;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const running = itemsOf(db, batchId).where('state', '==', 'running').limit(MOST_RUNNING);
      const stops = [
        batchRef(db, batchId).onSnapshot((snapshot) => {
          const batch = batchFrom(snapshot);
          if (batch === undefined) reject(noSuchBatch(batchId));
          else hear({ kind: 'batch', batch });
        }, reject),
        running.onSnapshot(({ docs }) => {
          hear({ kind: 'running', items: docs.flatMap((document) => itemFrom(document) ?? []) });
        }, reject),
        listenToEnds(db, batchId, from, { tell: (ended) => hear({ kind: 'ended', ended }), fail: reject }),
      ];
      signal.addEventListener('abort', () => resolve());
      await promise.finally(() => {
        for (const stop of stops) stop();
      });
    },
  });
}

/** Tells all ends behind `from`, each once as long as it is not forgotten. Gives what stops it. */
function listenToEnds(
  db: Firestore,
  batchId: string,
  from: Position,
  to: { tell(ended: Ended[]): void; fail(error: unknown): void },
): () => void {
  const start = from.at - LATE_MS;
  /** Positions of the last minute that were told, with their times. */
  const told = new Map<string, number>();
  let head = start;
  let stopListener: () => void = () => undefined;
  let isStopped = false;

  function tell(ended: Ended[]): void {
    const fresh = ended.filter(({ position }) => !told.has(position));
    for (const { position } of fresh) {
      const { at } = positionFrom(position);
      told.set(position, at);
      head = Math.max(head, at);
    }
    for (const [position, at] of told) if (at <= head - LATE_MS) told.delete(position);
    if (fresh.length > 0 && !isStopped) to.tell(fresh);
  }

  function listen(behind: Position): void {
    stopListener();
    if (isStopped) return;
    const query = endedBehind(db, batchId, behind).limit(LISTENED);
    stopListener = query.onSnapshot((snapshot: QuerySnapshot) => {
      const changed = snapshot.docChanges().filter(({ type }) => type !== 'removed');
      tell(endedIn(changed.map(({ doc }) => doc)));
      const last = endedIn(snapshot.docs.slice(-1))[0];
      if (snapshot.size >= LISTENED && last !== undefined) listen(positionFrom(last.position));
    }, to.fail);
  }

  async function check(): Promise<void> {
    const [since, until] = [Math.max(start, head - LATE_MS), head];
    const isLate = (at: number) => at >= since && at <= until;
    const late = endedBehind(db, batchId, { at: since }).endAt(until);
    const known = [...told.values()].filter(isLate).length;
    if ((await late.count().get()).data().count === known) return;
    const there = endedIn((await late.get()).docs);
    // What was taken again meanwhile has no end any more.
    const positions = new Set(there.map(({ position }) => position));
    for (const [position, at] of told) if (isLate(at) && !positions.has(position)) told.delete(position);
    tell(there);
  }

  listen({ at: start });
  const timer = setInterval(() => void check().catch(to.fail), CHECK_EVERY_MS);
  return () => {
    isStopped = true;
    clearInterval(timer);
    stopListener();
  };
}

function endedBehind(db: Firestore, batchId: string, { at, id }: Position): Query<DocumentData> {
  const ended = itemsOf(db, batchId).orderBy('settledAt').orderBy('__name__');
  return id === undefined ? ended.startAt(at) : ended.startAfter(at, id);
}

function endedIn(documents: readonly DocumentSnapshot[]): Ended[] {
  return documents.flatMap((document) => {
    const item = itemFrom(document);
    return item?.settledAt === undefined ? [] : { position: `${item.settledAt}_${item.id}`, item };
  });
}

function positionFrom(text: string): Position {
  const [, at, id] = /^(\d{1,15})(?:_([\w-]{1,100}))?$/.exec(text) ?? [];
  if (at === undefined) {
    throw new ProofsheetError('usage', `${JSON.stringify(text)} is no position in a batch; begin without one.`);
  }
  return { at: Number(at), ...(id !== undefined && { id }) };
}
