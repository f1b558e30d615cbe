import { setTimeout as sleep } from 'node:timers/promises';
import type { DocumentReference, DocumentSnapshot, Firestore, Timestamp, WriteBatch } from '@google-cloud/firestore';
import { ProofsheetError } from '../../domain/errors.ts';
import { commitFailure, deadlineExceeded } from './firestore-errors.ts';
import { withinTime } from './time-limit.ts';

/**
 * How a commit ended. `refused`: a document was not as demanded, which is also what the client's own repetition of a commit
 * meets whose answer was lost. `unclear`: it may have been made. In both cases only reading tells.
 */
export type Committed = { kind: 'done'; at: Timestamp } | NotCommitted;
export interface NotCommitted {
  kind: 'refused' | 'unclear';
  error: unknown;
}

/** Rounds of reading, deciding and writing before giving up, and the time after which none begins. */
const MAX_ROUNDS = 40;
const ROUNDS_MS = 30_000;
const MAX_PAUSE_MS = 200;

/**
 * For a commit, the client's own repetitions included, which go on for ten minutes: an outage is to end in a redelivery, while
 * there is still time to say so.
 */
const COMMIT_MS = 15_000;

/**
 * Commits once. Every commit here proves by a precondition what it changes, so it cannot be made twice, nor do harm when it
 * arrives after it was given up.
 */
export async function commitOnce(write: Pick<WriteBatch, 'commit'>, ms = COMMIT_MS): Promise<Committed> {
  try {
    const results = await withinTime(ms, write.commit(), () =>
      deadlineExceeded(`no answer to a commit within ${ms} ms`),
    );
    const at = results[0]?.writeTime;
    if (at === undefined) throw new ProofsheetError('internal', 'An empty commit was made; report this as a bug.');
    return { kind: 'done', at };
  } catch (error) {
    const kind = commitFailure(error);
    if (kind === undefined) throw error;
    return { kind, error };
  }
}

/**
 * Reads, decides and writes until `round` gives a result; when it gives a failed commit, again after a short random pause,
 * so that writers who met part.
 */
export async function inRounds<T>(round: () => Promise<{ kind: 'done'; result: T } | NotCommitted>): Promise<T> {
  let failure: NotCommitted | undefined;
  const end = performance.now() + ROUNDS_MS;
  for (let n = 0; n < MAX_ROUNDS && performance.now() < end; n += 1) {
    const outcome = await round();
    if (outcome.kind === 'done') return outcome.result;
    failure = outcome;
    await sleep(Math.random() * Math.min(MAX_PAUSE_MS, 5 * 2 ** n));
  }
  if (failure?.kind === 'unclear') throw failure.error;
  throw new ProofsheetError(
    'storage_unavailable',
    'Firestore met other writers of the same document too often in a row; the work goes on by itself.',
    { disposition: 'transient', cause: failure?.error },
  );
}

/** Documents in the order of `refs`, those that are not there included; the client does not take an empty list. */
export async function readAll(db: Firestore, refs: readonly DocumentReference[]): Promise<DocumentSnapshot[]> {
  return refs.length === 0 ? [] : await db.getAll(...refs);
}

/** The precondition that nobody has written a document since it was read. */
export function unchangedSince(snapshot: DocumentSnapshot): { lastUpdateTime: Timestamp } {
  if (snapshot.updateTime === undefined) {
    throw new ProofsheetError('internal', `Document ${snapshot.ref.path} vanished; report this as a bug.`);
  }
  return { lastUpdateTime: snapshot.updateTime };
}
