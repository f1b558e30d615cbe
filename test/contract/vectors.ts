import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DEFAULT_WEIGHTS,
  dot,
  type EntryFacts,
  fusedScore,
  normalized,
  type VectorSpace,
} from '../../functions/domain/embedding.ts';
import { sha256 } from '../../functions/lib/hash.ts';
import type { VectorEntry, VectorQuery, Vectors } from '../../functions/platform/ports.ts';
import { seededRandom } from '../support/seeded-random.ts';

const FACTS: EntryFacts = {
  ...{ title: 'Mug', price: 8.99, currency: 'USD', brand: 'Acme', categories: ['Kitchen'] },
  ...{
    url: 'https://shop.example/mug',
    path: '/photos/mug.jpg',
    source: 'scraped',

    sku: '6E92',
  },
};

let spaces = 0;
/** A space that nobody else has. */
function newSpace(change: Partial<VectorSpace> = {}): VectorSpace {
  spaces += 1;
  return { collection: `things-${process.pid}-${spaces}`, semantic: 'clip-1', visual: 'dino-1', ...change };
}

/** Directions at random, the same for the same seed. */
function entryOf(id: string, change: Partial<VectorEntry> = {}): VectorEntry {
  const random = seededRandom(Number.parseInt(sha256(id).slice(0, 8), 16));
  const vector = (length: number) => normalized(Float32Array.from({ length }, () => random() - 0.5));
  const contentHash = sha256(`content of ${id}`);
  return {
    id,
    contentHash,
    facts: FACTS,
    weights: DEFAULT_WEIGHTS,
    semantic: vector(24),
    visual: vector(40),
    ...change,
  };
}

function queryOf(like: VectorEntry, change: Partial<VectorQuery> = {}): VectorQuery {
  const { semantic, visual } = like;
  return { semantic, visual, weights: DEFAULT_WEIGHTS, limit: 5, filter: {}, ...change };
}

/** What every implementation of `Vectors` does. */
export function vectorsContract(
  name: string,
  makeSubject: () => Promise<{ platform: { vectors: Vectors }; close(): Promise<void> }>,
): void {
  describe(`${name}: vectors`, () => {
    let subject: Awaited<ReturnType<typeof makeSubject>>;
    let vectors: Vectors;
    beforeAll(async () => {
      subject = await makeSubject();
      vectors = subject.platform.vectors;
    });
    afterAll(() => subject.close());
    const ids = (found: readonly { id: string }[]) => found.map(({ id }) => id);

    it('gives back what was put, in pages and by id', async () => {
      const space = newSpace();
      const entries = ['a', 'b', 'c'].map((id) => entryOf(id));
      await vectors.put(space, entries);
      expect(await vectors.get(space, ['b', 'nobody'])).toEqual([entries[1]]);
      expect(await vectors.list(space, { limit: 2 })).toEqual(entries.slice(0, 2));
      expect(await vectors.list(space, { after: 'b', limit: 2 })).toEqual(entries.slice(2));
      expect(await vectors.spaces(space.collection)).toEqual([{ space, entries: 3 }]);
    });

    it('puts the same entry twice without a second one, and another one in its place', async () => {
      const space = newSpace();
      const before = entryOf('a');
      await vectors.put(space, [before]);
      await vectors.put(space, [before]);
      expect(ids(await vectors.nearest(space, queryOf(before)))).toEqual(['a']);
      const { semantic, visual } = entryOf('elsewhere');
      const after = { ...before, semantic, visual, facts: { ...FACTS, title: 'Cup' } };
      await vectors.put(space, [after]);
      expect(await vectors.list(space, { limit: 10 })).toEqual([after]);
      const [found] = await vectors.nearest(space, queryOf(after));
      expect(found?.score).toBeCloseTo(1, 5);
      expect(found?.facts.title).toBe('Cup');
    });

    it('knows entries by id and by content', async () => {
      const space = newSpace();
      const [a, b, c] = [entryOf('a'), entryOf('b'), entryOf('c', { contentHash: entryOf('b').contentHash })];
      await vectors.put(space, [a, b, c]);
      const known = await vectors.known(space, { ids: ['a', 'x', 'b'], contentHashes: [b.contentHash, sha256('x')] });
      expect(ids(known).toSorted()).toEqual(['a', 'b', 'c']);
      expect(known.find(({ id }) => id === 'a')).toEqual({ ...a, semantic: undefined, visual: undefined });
      expect(await vectors.known(newSpace(), { ids: ['a'], contentHashes: [] })).toEqual([]);
    });

    it('changes facts and with them what is found by a filter, and adds nothing', async () => {
      const space = newSpace();
      await vectors.put(space, [entryOf('a')]);
      const facts: EntryFacts = { ...FACTS, brand: 'Other', path: '/moved/mug.jpg' };
      await vectors.describe(space, [
        { id: 'a', facts },
        { id: 'nobody', facts },
      ]);
      expect(await vectors.list(space, { limit: 10 })).toEqual([entryOf('a', { facts })]);
      expect(ids(await vectors.nearest(space, queryOf(entryOf('a'), { filter: { brand: 'other' } })))).toEqual(['a']);
      expect(await vectors.nearest(space, queryOf(entryOf('a'), { filter: { brand: 'Acme' } }))).toEqual([]);
    });

    it('finds the nearest by both vectors, by one of them, and by other weights, as comparing all does', async () => {
      const space = newSpace();
      const entries = Array.from({ length: 40 }, (_, n) => entryOf(`entry ${n}`));
      await vectors.put(space, entries);
      const like = entryOf('a query');
      const queries: VectorQuery[] = [
        queryOf(like),
        queryOf(like, { weights: { semantic: 0.1, visual: 0.9 } }),
        { semantic: like.semantic, weights: DEFAULT_WEIGHTS, limit: 3, filter: {} },
        { visual: like.visual, weights: { semantic: 1, visual: 0 }, limit: 3, filter: {} },
      ];
      for (const query of queries) {
        const found = await vectors.nearest(space, query);
        const expected = bruteForce(entries, query);
        expect(ids(found)).toEqual(expected.map(({ id }) => id));
        for (const [index, { score, semantic, visual }] of found.entries()) {
          expect(score).toBeCloseTo(expected[index]?.score ?? Number.NaN, 5);
          expect(semantic === null).toBe(query.semantic === undefined);
          expect(visual === null).toBe(query.visual === undefined);
        }
      }
    });

    it('filters by category, brand and source without regard to case', async () => {
      const space = newSpace();
      await vectors.put(space, [
        entryOf('a', { facts: { ...FACTS, categories: ['Bags', 'Leather'] } }),
        entryOf('b', { facts: { ...FACTS, categories: ['Leather'], source: 'references' } }),
        entryOf('c'),
      ]);
      const found = async (filter: VectorQuery['filter']) =>
        ids(await vectors.nearest(space, queryOf(entryOf('q'), { filter }))).toSorted();
      expect(await found({ category: 'LEATHER' })).toEqual(['a', 'b']);
      expect(await found({ category: 'leather', source: 'scraped' })).toEqual(['a']);
      expect(await found({ brand: 'ACME' })).toEqual(['a', 'b', 'c']);
      expect(await found({ brand: 'acme', category: 'shoes' })).toEqual([]);
    });

    it('keeps encoders apart, and refuses vectors of other lengths', async () => {
      const space = newSpace();
      const other = { ...space, visual: 'dino-2' };
      await vectors.put(space, [entryOf('a')]);
      await vectors.put(other, [entryOf('b')]);
      expect(ids(await vectors.nearest(space, queryOf(entryOf('b'))))).toEqual(['a']);
      expect(ids(await vectors.list(other, { limit: 10 }))).toEqual(['b']);
      const short = entryOf('c', { visual: normalized(new Float32Array([1, 2])) });
      await expect(vectors.put(space, [short])).rejects.toMatchObject({ code: 'vectors_differ', scope: 'batch' });
      await expect(vectors.nearest(space, queryOf(short))).rejects.toMatchObject({ code: 'vectors_differ' });
      expect(await vectors.get(space, ['c'])).toEqual([]);
    });

    it('removes entries, and a whole collection with all its encoders', async () => {
      const space = newSpace();
      const other = { ...space, semantic: 'clip-2' };
      await vectors.put(space, [entryOf('a'), entryOf('b')]);
      await vectors.put(other, [entryOf('a')]);
      await vectors.remove(space, ['a', 'nobody']);
      expect(ids(await vectors.nearest(space, queryOf(entryOf('a'))))).toEqual(['b']);
      await vectors.clear(space.collection);
      expect(await vectors.spaces(space.collection)).toEqual([]);
      expect(await vectors.nearest(space, queryOf(entryOf('a')))).toEqual([]);
      await vectors.put(space, [entryOf('c')]);
      expect(ids(await vectors.nearest(space, queryOf(entryOf('a'))))).toEqual(['c']);
    });

    it('takes many entries at once and from many sides', async () => {
      const space = newSpace();
      const entries = Array.from({ length: 240 }, (_, n) => entryOf(`e${n}`));
      await Promise.all([0, 80, 160].map((from) => vectors.put(space, entries.slice(from, from + 80))));
      expect(await vectors.spaces(space.collection)).toEqual([{ space, entries: 240 }]);
      const all = entries.map(({ id, contentHash }) => ({ id, contentHash }));
      const known = await vectors.known(space, { ids: ids(all), contentHashes: all.map((one) => one.contentHash) });
      expect(known).toHaveLength(240);
    });
  });
}

function bruteForce(entries: readonly VectorEntry[], query: VectorQuery): { id: string; score: number }[] {
  const scored = entries.map((entry) => ({
    id: entry.id,
    score: fusedScore(
      {
        semantic: query.semantic ? dot(query.semantic, entry.semantic) : null,
        visual: query.visual ? dot(query.visual, entry.visual) : null,
      },
      query.weights,
    ),
  }));
  return scored.sort((a, b) => b.score - a.score).slice(0, query.limit);
}
