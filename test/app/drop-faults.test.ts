import { describe, expect, it } from 'vitest';
import type { App } from '../../functions/app/app.ts';
import { closeQuietDrops } from '../../functions/app/close-drops.ts';
import { crashingPlatform, type Death } from '../support/crashing-platform.ts';
import { photo } from '../support/drop-recipes.ts';
import { type DropWorld, dropWorld } from '../support/drop-world.ts';
import { seededRandom } from '../support/seeded-random.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** Processes of a world, one after the other: each is replaced when it has died. */
function processesOf(world: DropWorld, death: (write: string) => Death) {
  const begin = () => {
    let process: ReturnType<typeof crashingPlatform> | undefined;
    const app = world.newApp((platform) => {
      process = crashingPlatform(platform, death);
      return process;
    });
    return { app, isDead: () => process?.isDead() === true };
  };
  let current = begin();
  let crashes = 0;
  return {
    crashes: () => crashes,
    alive(): App {
      if (current.isDead()) {
        crashes += 1;
        current = begin();
      }
      return current.app;
    },
  };
}

/** A drop of four files in two batches, worked off by processes that die where `death` says. */
async function straightDrop(death: (write: string) => Death) {
  const world = await dropWorld();
  const { alive, crashes } = processesOf(world, death);
  await world.upload('shoes/left.png');
  await world.upload('shoes/batch.json', '{"prompt": "by the sea", "expect": 3}');
  await world.pass(30 * SECOND, alive);
  await world.upload('shoes/right.png');
  await world.upload('shoes/readme.txt', 'hello');
  await world.pass(30 * SECOND, alive);
  await world.upload('shoes/third.png');
  await world.pass(8 * MINUTE, alive);
  await world.upload('shoes/fourth.png');
  await world.pass(8 * MINUTE, alive);
  const batches = await world.batches();
  const items = await Promise.all(batches.map(({ id }) => world.items(id)));
  return {
    batches: batches.map(({ name, state, ignored, recipeSettings }) => ({ name, state, ignored, recipeSettings })),
    items,
    calls: world.requests.length,
    crashes: crashes(),
  };
}

describe('a process that dies at any write of a drop', () => {
  it('leaves a drop that the next one brings to the same end', async () => {
    const writes: string[] = [];
    const straight = await straightDrop((write) => {
      writes.push(write);
      return undefined;
    });
    const prompt = { recipeSettings: { model: 'm', prompt: 'by the sea' } };
    expect(straight).toEqual({
      batches: [
        { name: 'shoes', state: 'finished', ignored: { 'not a picture': 1 }, ...prompt },
        { name: 'shoes (2)', state: 'finished', ignored: {}, ...prompt },
      ],
      items: [
        ['shoes/left.png passed', 'shoes/right.png passed', 'shoes/third.png passed'],
        ['shoes/fourth.png passed'],
      ],
      calls: 4,
      crashes: 0,
    });
    const points = [...writes.entries()].filter(([, write]) => !write.startsWith('journal.'));
    expect(points.length).toBeGreaterThan(30);
    // To die after one write is to die before the next.
    for (const [point, write] of points) {
      let written = 0;
      const end = await straightDrop(() => (written++ === point ? 'after' : undefined));
      const at = `after ${write} ${point}`;
      expect({ at, ...end }).toEqual({ at, ...straight, crashes: 1 });
    }
  }, 180_000);
});

describe('a drop in a world where everything goes wrong', () => {
  it.each([1, 2, 3])(
    'takes every file once and loses none (seed %i)',
    async (seed) => {
      const random = seededRandom(seed);
      const chance = (share: number) => random() < share;
      const oneOf = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];
      const world = await dropWorld();
      let isCalm = false;
      const { alive, crashes } = processesOf(world, () => {
        if (isCalm || !chance(0.02)) return undefined;
        return chance(0.5) ? 'before' : 'after';
      });
      const names: string[] = [];
      let versions = 0;
      const upload = async (path: string) => {
        versions += 1;
        const event = await world.upload(path, photo(`version ${versions}`));
        if (chance(0.3)) world.events.push(event);
        if (chance(0.1)) world.events.splice(world.events.indexOf(event), 1);
      };

      for (let round = 0; round < 150; round += 1) {
        if (chance(0.4)) {
          const folder = oneOf(['', 'shoes/', 'shoes/sub/', 'bags/']) ?? '';
          names.push(`${folder}${names.length}.png`);
          await upload(names.at(-1) ?? '');
        }
        const old = oneOf(names);
        if (old !== undefined && chance(0.05)) await upload(old);
        if (chance(0.05)) await world.upload(`shoes/${round}.txt`, 'hello');
        // Some events now, in any order and several at a time, the others later.
        const coming = world.events.filter(() => chance(0.4)).toSorted(() => random() - 0.5);
        for (const event of coming) world.events.splice(world.events.indexOf(event), 1);
        const working: Promise<unknown>[] = coming.map((event) =>
          world.ingest(event, alive()).catch(() => world.events.push(event)),
        );
        for (let n = 0; n < 6; n += 1) {
          const message = world.messages.take();
          if (message === undefined) break;
          if (chance(0.1)) world.messages.waiting.push({ message, dueAt: world.clock.now() });
          working.push(world.deliverOne(alive(), message));
        }
        await Promise.all(working);
        if (chance(0.1)) await closeQuietDrops(alive()).catch(() => undefined);
        world.wait(chance(0.05) ? 150 * SECOND : Math.floor(random() * 10 * SECOND));
      }

      // A file whose event got lost after its drop was closed is found with the next one of its folder.
      isCalm = true;
      for (const folder of ['', 'shoes/', 'bags/']) await world.upload(`${folder}last.png`);
      await world.pass(40 * MINUTE, alive);

      const batches = await world.batches();
      expect(batches.map(({ state }) => state)).toEqual(batches.map(() => 'finished'));
      const items = (
        await Promise.all(batches.map(({ id }) => world.platform.batches.items(id, { limit: 1000 })))
      ).flat();
      const sources = items.map(({ source }) => source);
      expect(new Set(sources).size).toBe(sources.length);
      expect(new Set(items.map(({ state, summary }) => summary?.code ?? state))).toSatisfy((ends: Set<string>) =>
        [...ends].every((end) => end === 'passed' || end === 'superseded'),
      );
      const passed = new Set(items.filter(({ state }) => state === 'passed').map(({ source }) => source));
      const live = world.server.objects.list('inbox', {}).items.filter(({ name }) => name.endsWith('.png'));
      expect(
        live.map(({ name, generation }) => `gs://inbox/${name}#${generation}`).filter((uri) => !passed.has(uri)),
      ).toEqual([]);
      expect(live.length).toBe(names.length + 3);
      expect(world.requests.length).toBeLessThanOrEqual(passed.size + 8 * crashes());
    },
    120_000,
  );
});
