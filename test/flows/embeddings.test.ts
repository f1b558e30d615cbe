import { copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { clearEmbeddings } from '../../functions/app/clear-embeddings.ts';
import { dispatch } from '../../functions/app/dispatch.ts';
import { exportVectors } from '../../functions/app/export-vectors.ts';
import { findDuplicates } from '../../functions/app/find-duplicates.ts';
import { pruneEmbeddings } from '../../functions/app/prune-embeddings.ts';
import { keepingFrom } from '../../functions/app/recipe-settings.ts';
import { searchVectors } from '../../functions/app/search-vectors.ts';
import { startBatch } from '../../functions/app/start-batch.ts';
import { crashingPlatform, type Death } from '../support/crashing-platform.ts';
import { CATALOG, embeddingWorld, PRODUCTS, requestFor } from '../support/embedding-world.ts';
import { manualClock } from '../support/manual-clock.ts';
import { messageList } from '../support/message-list.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { makeQuickHome } from '../support/temp-home.ts';

let root: string;
let photos: string;
let world: ReturnType<typeof embeddingWorld>;
beforeEach(async () => {
  const home = await makeQuickHome();
  root = home.path;
  photos = join(root, 'photos');
  mkdirSync(photos);
  world = embeddingWorld(root);
  onTestFinished(async () => {
    await world.close();
    await home.remove();
  });
});

const names = readdirSync(PRODUCTS).toSorted();
const copyPhotos = (some: readonly string[]) => {
  for (const name of some) copyFileSync(join(PRODUCTS, name), join(photos, name));
};

describe('embedding', () => {
  it('is incremental: all, none, then only what is new', async () => {
    copyPhotos(names.slice(0, 6));
    const first = (await world.embed([photos])).statistics;
    expect(first).toMatchObject({ source: 'references', total_items: 6, processed_items: 6, failed_items: 0 });
    expect(world.requests).toHaveLength(12);
    const second = (await world.embed([photos])).statistics;
    expect(second).toMatchObject({ total_items: 6, processed_items: 0, skipped_items: 6, failed_items: 0 });
    copyPhotos(names.slice(6));
    const third = (await world.embed([photos])).statistics;
    expect(third).toMatchObject({ total_items: 9, processed_items: 3, skipped_items: 6, failed_items: 0 });
    expect(world.requests).toHaveLength(18);
    expect(await world.app.vectors.spaces('products')).toEqual([{ space: world.space, entries: 9 }]);
  });

  it('takes what a catalogue says, and gives its products the vectors that are there', async () => {
    await world.embed([PRODUCTS]);
    const { statistics } = await world.embed([CATALOG], 'scraped');
    expect(statistics).toMatchObject({ source: 'scraped', total_items: 9, processed_items: 0, skipped_items: 9 });
    expect(world.requests).toHaveLength(18);
    const entries = await world.entries();
    expect(entries).toHaveLength(18);
    const mug = entries.find(({ facts }) => facts.sku === '6E92ZMYYFZ');
    expect(mug?.facts).toMatchObject({ title: 'Mug', price: 8.99, currency: 'USD', categories: ['kitchen'] });
    expect(mug?.weights).toEqual({ semantic: 0.6, visual: 0.4 });
    const keeping = keepingFrom(world.app, {});
    expect(await findDuplicates(world.app, keeping, 0.999)).toHaveLength(9);
  });

  it('knows a file that was moved, and changes only what is said of it', async () => {
    copyPhotos(['mug.jpg']);
    await world.embed([photos]);
    mkdirSync(join(photos, 'kitchen'));
    renameSync(join(photos, 'mug.jpg'), join(photos, 'kitchen', 'cup.jpg'));
    expect((await world.embed([photos])).statistics).toMatchObject({ processed_items: 0, skipped_items: 1 });
    expect(world.requests).toHaveLength(2);
    expect((await world.entries()).map(({ facts }) => [facts.title, facts.path])).toEqual([
      ['cup', join(photos, 'kitchen', 'cup.jpg')],
    ]);
  });

  it('goes on after each item that cannot be embedded, and names it', async () => {
    copyPhotos(['mug.jpg']);
    writeFileSync(join(photos, 'broken.jpg'), readFileSync(join(PRODUCTS, 'watch.jpg')).subarray(0, 20_000));
    const items = [
      { id: 'GOOD', title: 'Mug', local_image_paths: ['mug.jpg'] },
      { id: 'GONE', title: 'Gone', local_image_paths: ['gone.jpg'] },
      { id: 'EMPTY', title: 'Empty', local_image_paths: [] },
      { id: 'BROKEN', title: 'Broken', local_image_paths: ['broken.jpg', 'mug.jpg'] },
    ];
    writeFileSync(join(photos, 'batch.json'), JSON.stringify({ items }));
    const { statistics, batch } = await world.embed([join(photos, 'batch.json')], 'scraped');
    expect(batch.state).toBe('finished');
    expect(statistics).toMatchObject({ total_items: 4, processed_items: 1, skipped_items: 0, failed_items: 3 });
    expect(statistics.failed_ids.toSorted()).toEqual(['BROKEN', 'EMPTY', 'GONE']);
    expect((await world.entries()).map(({ facts }) => facts.sku)).toEqual(['GOOD']);
  });

  it('prunes what is gone, but nothing of another source, and nothing because of an empty folder', async () => {
    copyPhotos(names.slice(0, 3));
    await world.embed([photos]);
    await world.embed([CATALOG], 'scraped');
    rmSync(join(photos, names[0] ?? ''));
    expect(await pruneEmbeddings(world.app, (await world.embed([photos])).batch)).toBe(1);
    const sources = (await world.entries()).map(({ facts }) => facts.source);
    expect(sources.toSorted()).toEqual([...Array(2).fill('references'), ...Array(9).fill('scraped')]);
    rmSync(photos, { recursive: true });
    mkdirSync(photos);
    const { batch } = await world.embed([photos]);
    await expect(pruneEmbeddings(world.app, batch)).rejects.toMatchObject({ code: 'wrong_state' });
  });

  it('begins anew once the collection is cleared, an interrupted batch included', async () => {
    copyPhotos(names.slice(0, 3));
    await startBatch(world.app, requestFor(root, [photos], 'references'));
    await clearEmbeddings(world.app, world.deliveries, 'products');
    expect((await world.embed([photos])).statistics).toMatchObject({ processed_items: 3, skipped_items: 0 });
    await clearEmbeddings(world.app, world.deliveries, 'products');
    expect(await world.entries()).toEqual([]);
    expect((await world.embed([photos])).statistics).toMatchObject({ processed_items: 3, skipped_items: 0 });
  });

  it('exports vectors as lines and as arrays of numpy', async () => {
    copyPhotos(names.slice(0, 2));
    await world.embed([photos]);
    const keeping = keepingFrom(world.app, {});
    const [file] = await exportVectors(world.app, keeping, join(root, 'all.jsonl'));
    const lines = readFileSync(file ?? '', 'utf8')
      .trim()
      .split('\n');
    const entries = await world.entries();
    expect(lines.map((line) => JSON.parse(line).semantic)).toEqual(entries.map(({ semantic }) => [...semantic]));
    const files = await exportVectors(world.app, keeping, join(root, 'all.npy'));
    expect(files.map((name) => name.slice(root.length + 1))).toEqual([
      'all.items.jsonl',
      'all.semantic.npy',
      'all.visual.npy',
    ]);
    const array = readFileSync(files[2] ?? '');
    const columns = entries[0]?.visual.length ?? 0;
    expect(array.subarray(0, 8)).toEqual(Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0]));
    const start = 10 + array.readUInt16LE(8);
    expect(start % 64).toBe(0);
    expect(array.toString('latin1', 10, start)).toContain(`'shape': (2, ${columns})`);
    const second = Float32Array.from({ length: columns }, (_, n) => array.readFloatLE(start + (columns + n) * 4));
    expect(second).toEqual(entries[1]?.visual);
  });
});

describe('a process that dies at any write', () => {
  it('leaves both vectors of a picture or none, and the next one pays nothing twice that was recorded', async () => {
    copyPhotos(['mug.jpg']);
    const writes: string[] = [];
    const straight = await throughDeath('straight', (write) => void writes.push(write));
    expect(straight).toEqual({ entries: 1, paid: 2 });
    expect(writes.filter((write) => write === 'vectors.put')).toHaveLength(1);
    const points = [...writes.entries()].filter(([, write]) => write !== 'queue.publish');
    for (const [point, write] of points) {
      for (const when of ['before', 'after'] as const) {
        let written = 0;
        const end = await throughDeath(`${point} ${when}`, () => (written++ === point ? when : undefined));
        // Both calls of a picture are under way at once.
        const lost = write !== 'journal.append' ? 0 : when === 'before' ? 2 : 1;
        expect(end.entries, `${when} ${write} ${point}`).toBe(1);
        expect(end.paid, `${when} ${write} ${point}`).toBeLessThanOrEqual(2 + lost);
      }
    }
  });

  /** Embeds the photos in processes one after the other; the first one dies where `death` says. */
  async function throughDeath(name: string, death: (write: string) => Death) {
    const clock = manualClock();
    const queue = messageList();
    let dies: (write: string) => Death = death;
    const world = embeddingWorld(join(root, name), {
      clock,
      through: (platform) => crashingPlatform({ ...platform, queue }, (write) => dies(write)),
    });
    onTestFinished(() => world.close());
    const request = requestFor(join(root, name), [photos], 'references');
    let app = world.newApp();
    const orElseAgain = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await work();
      } catch (thrown) {
        if (!app.platform.isDead()) throw thrown;
        dies = () => undefined;
        app = world.newApp();
        return undefined;
      }
    };
    while ((await orElseAgain(() => startBatch(app.app, request))) === undefined);
    while (queue.waiting.length > 0) {
      const [message] = queue.waiting.splice(0, 1);
      if (message === undefined) break;
      const disposal = await dispatch(app.app, message).catch(() => undefined);
      if (app.platform.isDead()) {
        dies = () => undefined;
        app = world.newApp();
      }
      for (const entry of await world.entries())
        expect([entry.semantic.length, entry.visual.length]).toEqual([588, 175]);
      if (disposal?.kind === 'ack') continue;
      queue.waiting.push(message);
      clock.advance(700_000);
    }
    return { entries: (await world.entries()).length, paid: world.requests.length };
  }
});

describe('search', () => {
  const random = seededRandom(7);
  const side = 700;
  /** 75 to 95 % of each side, anywhere. */
  const cropped = (picture: Sharp) => {
    const [width, height] = [0, 0].map(() => Math.round(side * (0.75 + 0.2 * random()))) as [number, number];
    const [left, top] = [Math.floor(random() * (side - width)), Math.floor(random() * (side - height))];
    return picture.extract({ left, top, width, height });
  };
  const CHANGES: Record<string, (picture: Sharp) => Sharp> = {
    mirrored: (picture) => picture.flop(),
    'upside down': (picture) => picture.flip(),
    'cut out': cropped,
    'cut out again': cropped,
    'cut out and mirrored': (picture) => cropped(picture).flop(),
    'compressed to 20': (picture) => picture.jpeg({ quality: 20 }),
    'compressed to 8': (picture) => picture.jpeg({ quality: 8 }),
    brighter: (picture) => picture.modulate({ brightness: 1.3 }),
    darker: (picture) => picture.modulate({ brightness: 0.6 }),
    small: (picture) => picture.resize(120, 120),
    'small and darker': (picture) => picture.resize(160).modulate({ brightness: 0.75 }),
    'mirrored, brighter and compressed': (picture) =>
      picture.flop().modulate({ brightness: 1.2 }).jpeg({ quality: 30 }),
  };

  it('finds the right product first for changed copies of the photos, in at least 95 of 100', async () => {
    await world.embed([PRODUCTS]);
    const keeping = keepingFrom(world.app, {});
    const missed: string[] = [];
    for (const name of names) {
      for (const [change, apply] of Object.entries(CHANGES)) {
        const picture = await apply(sharp(readFileSync(join(PRODUCTS, name)))).toBuffer();
        const { hits } = await searchVectors(world.app, { keeping, by: { picture }, top: 1, filter: {} });
        if (hits[0]?.facts.path !== join(PRODUCTS, name)) missed.push(`${name} ${change}`);
      }
    }
    expect(names.length * Object.keys(CHANGES).length).toBeGreaterThanOrEqual(100);
    expect(missed.length / (names.length * Object.keys(CHANGES).length), missed.join(', ')).toBeLessThanOrEqual(0.05);
  });

  it('takes an entry, filters and weights, and says what is missing', async () => {
    const keeping = keepingFrom(world.app, {});
    const picture = readFileSync(join(PRODUCTS, 'mug.jpg'));
    const search = { keeping, by: { picture }, top: 3, filter: {} };
    await expect(searchVectors(world.app, search)).rejects.toMatchObject({ code: 'not_found' });
    await world.embed([CATALOG], 'scraped');
    const { hits } = await searchVectors(world.app, { ...search, filter: { category: 'accessories' } });
    expect(hits.map(({ facts }) => facts.title).toSorted()).toEqual(['Sunglasses', 'Watch']);
    const entry = hits[0]?.id ?? '';
    const like = await searchVectors(world.app, { ...search, by: { entry }, weights: { semantic: 0, visual: 1 } });
    expect(like.hits[0]).toMatchObject({ id: entry });
    expect(like.hits[0]?.score).toBeCloseTo(1, 5);
    await expect(searchVectors(world.app, { ...search, by: { text: 'red bag' } })).rejects.toThrow('knows no words');
    const other = keepingFrom(world.app, { semanticModel: 'clip:some/model' });
    await expect(searchVectors(world.app, { ...search, keeping: other })).rejects.toThrow('9 by simulated-semantic-1');
  });
});
