import {
  type DocumentData,
  type DocumentSnapshot,
  FieldValue,
  type Firestore,
  type Query,
} from '@google-cloud/firestore';
import { ProofsheetError } from '../../domain/errors.ts';
import { type Wave, type WaveCall, waveCallSchema, waveSchema } from '../../domain/wave.ts';
import type { CallMove, CallPage, Waves } from '../wave-ports.ts';
import {
  type Committed,
  commitOnce,
  inRounds,
  type NotCommitted,
  readAll,
  unchangedSince,
} from './firestore-commit.ts';
import { packed, unpacked } from './firestore-documents.ts';
import { translating } from './firestore-errors.ts';
import { callRef, callsOf, waveRef, wavesOf } from './firestore-layout.ts';

/** Calls per commit: of short changes, and of those with long texts, for a commit has at most 10 MiB. */
const MANY = 300;
const FEW = 50;

const DONE = { kind: 'done', result: undefined } as const;

/** Parked calls and waves in Firestore, a document for each. Calls are changed in chunks, each a commit that proves what it read. */
export function firestoreWaves(db: Firestore): Waves {
  return translating<Waves>({
    park: (batchId, calls) => inChunks(calls, FEW, (some) => parkSome(db, batchId, some)),
    callsOf: (batchId, itemId) => callsFrom(callsOf(db, batchId).where('itemId', '==', itemId)),
    calls: (batchId, page) => callsFrom(pageOf(callsOf(db, batchId), page)),
    async join(wave, callIds) {
      let joined = 0;
      await inChunks(callIds, MANY, async (ids) => {
        joined += await inRounds(() => joinSome(db, wave, ids));
      });
      return joined;
    },
    move: (batchId, waveId, moves) =>
      inChunks(moves, FEW, (some) => inRounds(() => moveSome(db, batchId, waveId, some))),
    forget: (batchId, callIds) => inChunks(callIds, MANY, (ids) => forgetSome(db, batchId, ids)),
    create: async (wave) => {
      const ref = waveRef(db, wave.batchId, wave.id);
      return await inRounds(async () => {
        if ((await ref.get()).exists) return { kind: 'done', result: false };
        return madeTrue(await commitOnce(db.batch().create(ref, fieldsOf(wave))));
      });
    },
    list: async (batchId) => (await wavesOf(db, batchId).get()).docs.map((found) => waveSchema.parse(found.data())),
    change: (wave, decide) => inRounds(() => tryChange(db, wave, decide)),
  });
}

async function inChunks<T>(all: readonly T[], size: number, work: (some: T[]) => Promise<void>): Promise<void> {
  for (let start = 0; start < all.length; start += size) await work(all.slice(start, start + size));
}

async function callsFrom(query: Query): Promise<WaveCall[]> {
  return (await query.get()).docs.map(callFrom);
}

function callFrom(snapshot: DocumentSnapshot): WaveCall {
  const { tries, call, standing } = snapshot.data() ?? {};
  return waveCallSchema.parse({ ...JSON.parse(unpacked(call)), tries, standing: JSON.parse(unpacked(standing)) });
}

function pageOf(calls: Query, page: CallPage): Query {
  let some = 'waveId' in page ? calls.where('waveId', '==', page.waveId) : calls.where('state', '==', page.state);
  if ('model' in page && page.model !== undefined) some = some.where('model', '==', page.model);
  some = some.orderBy('__name__').limit(page.limit);
  return page.after === undefined ? some : some.startAfter(page.after);
}

async function parkSome(db: Firestore, batchId: string, calls: readonly WaveCall[]): Promise<void> {
  await inRounds(async () => {
    const found = await readAll(
      db,
      calls.map((call) => callRef(db, batchId, call.id)),
    );
    const fresh = calls.filter((_, index) => !found[index]?.exists);
    if (fresh.length === 0) return DONE;
    const write = db.batch();
    for (const { tries, standing, ...call } of fresh) {
      write.create(callRef(db, batchId, call.id), {
        ...{ itemId: call.itemId, model: call.request.model, tries, call: packed(call, `Call ${call.key}`) },
        ...standingFields(standing, call.key),
      });
    }
    return voided(await commitOnce(write));
  });
}

function standingFields(standing: WaveCall['standing'], key: string): DocumentData {
  return {
    state: standing.state,
    waveId: standing.state === 'sent' ? standing.waveId : null,
    standing: packed(standing, `The answer to ${key}`),
  };
}

/** The wave's own document is part of the commit, so that none joins once it is packed. */
async function joinSome(
  db: Firestore,
  of: Pick<Wave, 'batchId' | 'id'>,
  ids: readonly string[],
): Promise<{ kind: 'done'; result: number } | NotCommitted> {
  const [there, ...found] = await readAll(db, [
    waveRef(db, of.batchId, of.id),
    ...ids.map((id) => callRef(db, of.batchId, id)),
  ]);
  const wave = waveFrom(there, of);
  if (there === undefined || wave.state !== 'packing') {
    const message = `Wave ${of.id} of batch ${of.batchId} is packed; nothing to do.`;
    throw new ProofsheetError('wrong_state', message, { disposition: 'conflict' });
  }
  const waiting = found.filter((call) => call.get('state') === 'waiting');
  if (waiting.length === 0) return { kind: 'done', result: 0 };
  const write = db.batch().update(there.ref, { calls: wave.calls + waiting.length }, unchangedSince(there));
  for (const call of waiting) {
    write.update(call.ref, standingFields({ state: 'sent', waveId: of.id }, call.id), unchangedSince(call));
  }
  const committed = await commitOnce(write);
  return committed.kind === 'done' ? { kind: 'done', result: waiting.length } : committed;
}

async function moveSome(
  db: Firestore,
  batchId: string,
  waveId: string | undefined,
  moves: readonly CallMove[],
): Promise<typeof DONE | NotCommitted> {
  const found = await readAll(
    db,
    moves.map(({ id }) => callRef(db, batchId, id)),
  );
  const write = db.batch();
  let isAny = false;
  for (const [index, { tries, standing }] of moves.entries()) {
    const call = found[index];
    const isThere = waveId === undefined ? call?.get('state') === 'waiting' : call?.get('waveId') === waveId;
    if (call === undefined || !isThere) continue;
    isAny = true;
    write.update(call.ref, { tries, ...standingFields(standing, call.id) }, unchangedSince(call));
  }
  return isAny ? voided(await commitOnce(write)) : DONE;
}

/** Deleting what is not there is no failure, so a commit that is unclear is made again. */
async function forgetSome(db: Firestore, batchId: string, ids: readonly string[]): Promise<void> {
  await inRounds(async () => {
    const write = db.batch();
    for (const id of ids) write.delete(callRef(db, batchId, id));
    return voided(await commitOnce(write));
  });
}

async function tryChange(
  db: Firestore,
  of: Pick<Wave, 'batchId' | 'id'>,
  decide: Parameters<Waves['change']>[1],
): Promise<{ kind: 'done'; result: Wave } | NotCommitted> {
  const snapshot = await waveRef(db, of.batchId, of.id).get();
  const before = waveFrom(snapshot, of);
  const change = decide(before);
  if (change === undefined) return { kind: 'done', result: before };
  const fields = Object.entries(change).map(([name, value]) => [
    name,
    value === undefined ? FieldValue.delete() : value,
  ]);
  const write = db.batch().update(snapshot.ref, Object.fromEntries(fields), unchangedSince(snapshot));
  const committed = await commitOnce(write);
  if (committed.kind !== 'done') return committed;
  return { kind: 'done', result: waveSchema.parse(fieldsOf({ ...before, ...change })) };
}

function waveFrom(snapshot: DocumentSnapshot | undefined, { batchId, id }: Pick<Wave, 'batchId' | 'id'>): Wave {
  const fields = snapshot?.data();
  if (fields === undefined) throw new ProofsheetError('not_found', `There is no wave ${id} in batch ${batchId}.`);
  return waveSchema.parse(fields);
}

/** Without members that are undefined, which Firestore does not take. */
function fieldsOf(wave: Wave): DocumentData {
  return JSON.parse(JSON.stringify(wave));
}

function voided(committed: Committed): typeof DONE | NotCommitted {
  return committed.kind === 'done' ? DONE : committed;
}

function madeTrue(committed: Committed): { kind: 'done'; result: boolean } | NotCommitted {
  return committed.kind === 'done' ? { kind: 'done', result: true } : committed;
}
