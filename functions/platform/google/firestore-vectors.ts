import {
  type DocumentReference,
  type DocumentSnapshot,
  FieldPath,
  FieldValue,
  type Firestore,
  type Query,
  type QueryDocumentSnapshot,
} from '@google-cloud/firestore';
import { z } from 'zod';
import {
  dot,
  entryFactsSchema,
  filterValues,
  fusedScore,
  fusionWeightsSchema,
  type VectorSpace,
  vectorSpaceSchema,
} from '../../domain/embedding.ts';
import { asProofsheetError, ProofsheetError } from '../../domain/errors.ts';
import type { KnownEntry, Neighbour, VectorEntry, VectorQuery, Vectors } from '../ports.ts';
import { commitOnce, inRounds, readAll, unchangedSince } from './firestore-commit.ts';
import { firestoreError, translating } from './firestore-errors.ts';
import { vectorRef, vectorSpaceRef, vectorSpacesOf } from './firestore-layout.ts';

/** Entries per commit: both vectors of one take up to 40 KB, a commit 10 MB. */
const PUT_CHUNK = 100;
const READ_CHUNK = 200;
/** Values that `in` takes. */
const IN_CHUNK = 30;
/** For each hit, so many are looked at by either vector, and no fewer than these; Firestore gives 1000 at most. */
const LOOKED_AT_PER_HIT = 5;
const LEAST_LOOKED_AT = 50;
const MOST_LOOKED_AT = 1000;

const WITHOUT_VECTORS = ['id', 'contentHash', 'facts', 'weights'];

const spaceSchema = vectorSpaceSchema.extend({ semanticLength: z.number(), visualLength: z.number() });
const knownSchema = z.object({
  id: z.string(),
  contentHash: z.string(),
  facts: entryFactsSchema,
  weights: fusionWeightsSchema,
});
const vectorSchema = z.custom<{ toArray(): number[] }>().transform((value) => Float32Array.from(value.toArray()));
const entrySchema = knownSchema.extend({ semantic: vectorSchema, visual: vectorSchema });

/**
 * Vectors in Firestore: an entry with both its vectors is one document, so there is no half of one. The nearest are looked for by
 * either vector; scores of all that come back are worked out here, from their vectors.
 */
export function firestoreVectors(db: Firestore): Vectors {
  return translating<Vectors>({
    async spaces(collection) {
      const found = await vectorSpacesOf(db).where('collection', '==', collection).get();
      const counted = await Promise.all(
        found.docs.map(async (doc) => {
          const { semantic, visual } = spaceSchema.parse(doc.data());
          const { count } = (await doc.ref.collection('vectors').count().get()).data();
          return { space: { collection, semantic, visual }, entries: count };
        }),
      );
      return counted.filter(({ entries }) => entries > 0);
    },

    async put(space, entries) {
      const ref = await openSpace(db, space, entries);
      for (const [start, chunk] of chunksOf(entries, PUT_CHUNK)) {
        const write = db.batch();
        for (const entry of chunk) write.set(vectorRef(ref, entry.id), documentOf(entry));
        const committed = await commitOnce(write).catch((error: unknown) => ({ kind: 'failed' as const, error }));
        if (committed.kind !== 'done') throw notStored(entries.slice(start), committed.error);
      }
    },

    async known(space, { ids, contentHashes }) {
      const ref = vectorSpaceRef(db, space);
      const snapshots: DocumentSnapshot[] = [];
      for (const [, chunk] of chunksOf([...new Set(ids)], READ_CHUNK)) {
        const refs = chunk.map((id) => vectorRef(ref, id));
        snapshots.push(...(await db.getAll(...refs, { fieldMask: WITHOUT_VECTORS })));
      }
      for (const [, chunk] of chunksOf([...new Set(contentHashes)], IN_CHUNK)) {
        const query = ref.collection('vectors').where('contentHash', 'in', chunk);
        snapshots.push(...(await query.select(...WITHOUT_VECTORS).get()).docs);
      }
      const found = snapshots.filter(({ exists }) => exists).map((snapshot) => knownSchema.parse(snapshot.data()));
      return [...new Map(found.map((entry) => [entry.id, entry])).values()];
    },

    async describe(space, changes) {
      const ref = vectorSpaceRef(db, space);
      for (const [, chunk] of chunksOf(changes, READ_CHUNK)) {
        await inRounds(() => describeChunk(db, ref, chunk));
      }
    },

    async get(space, ids) {
      const ref = vectorSpaceRef(db, space);
      const entries: VectorEntry[] = [];
      for (const [, chunk] of chunksOf([...new Set(ids)], READ_CHUNK)) {
        const refs = chunk.map((id) => vectorRef(ref, id));
        const found = await readAll(db, refs);
        entries.push(...found.filter(({ exists }) => exists).map((snapshot) => entrySchema.parse(snapshot.data())));
      }
      return entries;
    },

    async list(space, { after, limit }) {
      const all = vectorSpaceRef(db, space).collection('vectors').orderBy('id').limit(limit);
      const { docs } = await (after === undefined ? all : all.startAfter(after)).get();
      return docs.map((doc) => entrySchema.parse(doc.data()));
    },

    nearest: (space, query) => nearest(db, space, query),

    async remove(space, ids) {
      const ref = vectorSpaceRef(db, space);
      for (const [, chunk] of chunksOf(ids, READ_CHUNK)) {
        const write = db.batch();
        for (const id of chunk) write.delete(vectorRef(ref, id));
        const committed = await commitOnce(write);
        if (committed.kind !== 'done') throw committed.error;
      }
    },

    async clear(collection) {
      const found = await vectorSpacesOf(db).where('collection', '==', collection).get();
      for (const { ref } of found.docs) await db.recursiveDelete(ref);
    },
  });
}

/** The document of the space, made with the first entries, which say how long its vectors are. */
async function openSpace(
  db: Firestore,
  space: VectorSpace,
  entries: readonly VectorEntry[],
): Promise<DocumentReference> {
  const ref = vectorSpaceRef(db, space);
  const [first] = entries;
  if (first === undefined) return ref;
  const known = await inRounds(async () => {
    const snapshot = await ref.get();
    if (snapshot.exists) return { kind: 'done', result: spaceSchema.parse(snapshot.data()) };
    const made = { ...space, semanticLength: first.semantic.length, visualLength: first.visual.length };
    const committed = await commitOnce(db.batch().create(ref, made));
    return committed.kind === 'done' ? { kind: 'done', result: made } : committed;
  });
  refuseLengths(known, entries);
  return ref;
}

function refuseLengths(
  space: z.infer<typeof spaceSchema>,
  given: readonly { semantic?: Float32Array; visual?: Float32Array }[],
): void {
  const { collection, semantic, visual, semanticLength, visualLength } = space;
  for (const one of given) {
    const [own, other] = [one.semantic?.length ?? semanticLength, one.visual?.length ?? visualLength];
    if (own === semanticLength && other === visualLength) continue;
    throw new ProofsheetError(
      'vectors_differ',
      `Vectors of ${semantic} and ${visual} in the collection ${collection} have ${semanticLength} and ${visualLength} dimensions, these have ${own} and ${other}; use another collection.`,
      { scope: 'batch' },
    );
  }
}

function documentOf({ id, contentHash, facts, weights, semantic, visual }: VectorEntry): Record<string, unknown> {
  const vectors = { semantic: FieldValue.vector([...semantic]), visual: FieldValue.vector([...visual]) };
  return { id, contentHash, facts, filters: filterValues(facts), weights, ...vectors };
}

function notStored(entries: readonly VectorEntry[], cause: unknown): ProofsheetError {
  const { code, message, disposition, scope } = asProofsheetError(firestoreError(cause));
  const ids = entries.map(({ id }) => id).join(', ');
  return new ProofsheetError(code, `${message} Not stored: ${ids}.`, { cause, disposition, scope });
}

/** An entry that is removed meanwhile must not come back without vectors, so each change proves that it is there. */
async function describeChunk(
  db: Firestore,
  space: DocumentReference,
  changes: readonly Pick<KnownEntry, 'id' | 'facts'>[],
): ReturnType<Parameters<typeof inRounds<undefined>>[0]> {
  const refs = changes.map(({ id }) => vectorRef(space, id));
  const found = await db.getAll(...refs, { fieldMask: ['id'] });
  const write = db.batch();
  let isEmpty = true;
  for (const [index, { facts }] of changes.entries()) {
    const snapshot = found[index];
    if (!snapshot?.exists) continue;
    isEmpty = false;
    write.update(snapshot.ref, { facts, filters: filterValues(facts) }, unchangedSince(snapshot));
  }
  if (isEmpty) return { kind: 'done', result: undefined };
  const committed = await commitOnce(write);
  return committed.kind === 'done' ? { kind: 'done', result: undefined } : committed;
}

async function nearest(db: Firestore, space: VectorSpace, query: VectorQuery): Promise<Neighbour[]> {
  const ref = vectorSpaceRef(db, space);
  const snapshot = await ref.get();
  if (!snapshot.exists) return [];
  refuseLengths(spaceSchema.parse(snapshot.data()), [query]);
  const limit = Math.min(MOST_LOOKED_AT, Math.max(LEAST_LOOKED_AT, query.limit * LOOKED_AT_PER_HIT));
  const filtered = filteredBy(ref.collection('vectors'), query.filter);
  const looks = (['semantic', 'visual'] as const).map(async (field): Promise<QueryDocumentSnapshot[]> => {
    const vector = query[field];
    if (vector === undefined) return [];
    const options = { vectorField: field, queryVector: [...vector], limit, distanceMeasure: 'DOT_PRODUCT' as const };
    return (await filtered.findNearest(options).get()).docs;
  });
  const docs = (await Promise.all(looks)).flat();
  const entries = new Map(docs.map((doc) => [doc.id, entrySchema.parse(doc.data())]));
  const scored = [...entries.values()].map((entry) => scoredBy(entry, query));
  return scored.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1)).slice(0, query.limit);
}

function filteredBy(vectors: Query, { category, brand, source }: VectorQuery['filter']): Query {
  let query = vectors;
  const field = (name: string) => new FieldPath('filters', name);
  if (category !== undefined) query = query.where(field('category'), 'array-contains', category.toLowerCase());
  if (brand !== undefined) query = query.where(field('brand'), '==', brand.toLowerCase());
  if (source !== undefined) query = query.where(field('source'), '==', source.toLowerCase());
  return query;
}

function scoredBy({ semantic, visual, ...known }: VectorEntry, query: VectorQuery): Neighbour {
  const similarities = {
    semantic: query.semantic ? dot(query.semantic, semantic) : null,
    visual: query.visual ? dot(query.visual, visual) : null,
  };
  return { ...known, ...similarities, score: fusedScore(similarities, query.weights) };
}

function* chunksOf<T>(all: readonly T[], size: number): Generator<[start: number, chunk: T[]]> {
  for (let start = 0; start < all.length; start += size) yield [start, all.slice(start, start + size)];
}
