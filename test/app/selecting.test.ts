import { utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Selection } from '../../functions/domain/batch.ts';
import { listingWorld, pictureOf, STARTED_AT } from '../support/input-listing.ts';

const DAY_MS = 86_400_000;

const namesOf = ({ items }: { items: readonly { source: string }[] }) => items.map(({ source }) => basename(source));

describe('filters', () => {
  it.each<[string, Partial<Selection>, string[], Record<string, number>]>([
    ['size', { minBytes: 1000 }, ['large.png'], { 'smaller than --min-size': 3 }],
    ['since', { modifiedAfter: '7d' }, ['large.png', 'new.png'], { 'older than --modified-after': 2 }],
    ['before', { modifiedBefore: '2026-11-14T12:00Z' }, ['old.png'], { 'not older than --modified-before': 3 }],
    [
      'between',
      { modifiedAfter: '2026-11-10', modifiedBefore: '2026-11-21' },
      ['large.png', 'week.png'],
      { 'older than --modified-after': 1, 'not older than --modified-before': 1 },
    ],
  ])('by %s', async (_, selection, expected, ignored) => {
    const world = await listingWorld({
      ...Object.fromEntries(['old', 'week', 'new'].map((name) => [`${name}.png`, pictureOf(name)])),
      'large.png': pictureOf('x'.repeat(2000)),
      'c.csv': 'path\nlarge.png\nnew.png\nold.png\nweek.png\n',
    });
    const ages = { 'old.png': 20, 'week.png': 7 + 1 / 86_400, 'new.png': 0, 'large.png': 5 };
    for (const [name, days] of Object.entries(ages)) {
      const at = new Date(STARTED_AT - days * DAY_MS);
      await utimes(join(world.root, name), at, at);
    }
    if (selection.modifiedBefore === '2026-11-14T12:00Z') {
      const at = new Date('2026-11-14T12:00:00Z');
      await utimes(join(world.root, 'week.png'), at, at);
    }
    const wanted = { ...selection, patterns: ['*.png'] };
    for (const inputs of [['.'], ['c.csv'], ['large.png', 'new.png', 'old.png', 'week.png']]) {
      const listed = await world.list(inputs, wanted);
      expect(namesOf(listed)).toEqual(expected);
      const { 'not matched by the pattern': _other, ...reasons } = listed.ignored;
      expect(reasons).toEqual(ignored);
    }
  });

  it('by name count for manifests as for folders', async () => {
    const world = await listingWorld({
      ...{ 'a.png': pictureOf('a'), 'b.png': pictureOf('b'), 'x/c.png': pictureOf('c') },
      'c.json': '["./a.png", "b.png", "x/c.png", "gone.png"]',
    });
    const listed = await world.list(['c.json'], { patterns: ['!b*', '!gone*'] });
    expect(namesOf(listed)).toEqual(['a.png', 'c.png']);
    expect(listed.ignored).toEqual({ 'not matched by the pattern': 2 });
    expect(namesOf(await world.list(['c.json'], { patterns: ['x/*'] }))).toEqual(['c.png']);
  });

  it('look for files of a manifest that are not there', async () => {
    const world = await listingWorld({ 'c.json': '["gone.png"]' });
    const { items } = await world.list(['c.json'], { minBytes: 10, modifiedAfter: '7d' });
    expect(items.map(({ refusal }) => refusal?.code)).toEqual(['file_missing']);
  });
});

const MANY = Array.from({ length: 120 }, (_, n) => `p${String(n).padStart(3, '0')}.png`);
const manyFiles = () => Object.fromEntries(MANY.map((name) => [`photos/${name}`, pictureOf(name)]));

describe('a limit', () => {
  it('takes the first items in order, over inputs and pages, and reads hardly more', async () => {
    const world = await listingWorld({
      ...manyFiles(),
      'photos/aa.txt': 'x',
      'c.json': JSON.stringify(MANY.slice(0, 9)),
    });
    for (const pageSize of [1, 4, 500]) {
      expect(namesOf(await world.list(['c.json', 'photos'], { limit: 4 }, { pageSize }))).toHaveLength(4);
      const listed = await world.list(['photos'], { limit: 60 }, { pageSize });
      expect(namesOf(listed)).toEqual(MANY.slice(0, 60));
      expect(listed.ignored).toEqual({ 'not a picture': 1 });
    }
    world.reads.length = 0;
    await world.list(['photos'], { limit: 2 });
    // Every page is asked for twice.
    expect(world.reads.length).toBeLessThanOrEqual(2 * 8);
    expect(namesOf(await world.list(['photos'], { limit: 1000 }))).toEqual(MANY);
  });

  it('counts refused inputs, which are items', async () => {
    const world = await listingWorld({ 'a.png': '', 'b.png': pictureOf('b'), 'c.png': pictureOf('c') });
    expect(namesOf(await world.list(['.'], { limit: 2 }))).toEqual(['a.png', 'b.png']);
  });
});

describe('a sample', () => {
  it('is the same for the same seed in pages of any size, and another for another', async () => {
    const world = await listingWorld({
      ...manyFiles(),
      ...Object.fromEntries(MANY.map((name) => [`photos/${name}.txt`, 'x'])),
    });
    const samples = new Map<number, string[]>();
    for (const pageSize of [3, 50, 500]) {
      for (const seed of [1, 2]) {
        const listed = await world.list(['photos'], { sample: { size: 20, seed } }, { pageSize });
        const names = namesOf(listed);
        expect(names).toHaveLength(20);
        expect(names).toEqual(names.toSorted());
        expect(samples.get(seed) ?? names).toEqual(names);
        samples.set(seed, names);
        const { 'not in the sample': left = 0, 'not a picture': texts = 0 } = listed.ignored;
        expect(left + texts).toBe(220);
      }
    }
    expect(samples.get(1)).not.toEqual(samples.get(2));
  });

  it('keeps what it took when inputs in another order are listed, and takes all of few', async () => {
    const files = Object.fromEntries(
      MANY.map((name, n) => [`${n % 2 === 0 ? 'even' : 'odd'}/${name}`, pictureOf(name)]),
    );
    const world = await listingWorld(files);
    const sample = { size: 10, seed: 7 };
    const one = await world.list(['even', 'odd'], { sample });
    const other = await world.list(['odd', 'even'], { sample });
    expect(namesOf(one).toSorted()).toEqual(namesOf(other).toSorted());
    expect(namesOf(await world.list(['even'], { sample: { size: 100, seed: 1 } }))).toHaveLength(60);
    expect(namesOf(await world.list(['even'], { sample, limit: 3 }))).toHaveLength(3);
  });

  it('is spread over a manifest by rows, and reads little more than it takes', async () => {
    const lines = Array.from({ length: 3000 }, (_, n) => `photos/${MANY[n % MANY.length]},${n}\n`);
    const world = await listingWorld({ ...manyFiles(), 'c.csv': `path,n\n${lines.join('')}` });
    const listed = await world.list(['c.csv'], { sample: { size: 30, seed: 1 } });
    const rows = listed.items.map(({ metadata }) => Number(metadata.n));
    expect(rows).toHaveLength(30);
    expect(rows.filter((n) => n < 1500).length).toBeGreaterThan(5);
    expect(rows.filter((n) => n >= 1500).length).toBeGreaterThan(5);
    // 30 × (1 + ln 100) to choose them and 30 to take them, twice each.
    expect(world.reads.length).toBeLessThan(2 * 300);
  });
});
