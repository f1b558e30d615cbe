import { describe, expect, it } from 'vitest';
import type { App } from '../../functions/app/app.ts';
import { startBatch } from '../../functions/app/start-batch.ts';
import { crashingPlatform, type Death } from '../support/crashing-platform.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { type WaveWorldOptions, waveWorld } from '../support/wave-world.ts';

const LONGER_THAN_A_LEASE_MS = 700_000;
const PHOTOS = ['a-first.png', 'b-second.png'];

/** Works a batch off in processes one after the other; each dies where `death` says. */
async function workOff(of: Partial<WaveWorldOptions>, death: (write: string) => Death) {
  const world = await waveWorld({ photos: PHOTOS, ...of });
  let restarts = 0;
  let dies: () => boolean = () => false;
  const begin = (): App =>
    world.newApp((platform) => {
      const mortal = crashingPlatform(platform, death);
      dies = mortal.isDead;
      return mortal;
    });
  let app = begin();
  let batchId: string | undefined;
  for (let n = 0; n < 1000; n += 1) {
    try {
      batchId ??= (await startBatch(app, world.request())).batch.id;
      const { state } = await world.round(app, batchId);
      if (state !== 'running') break;
    } catch (thrown) {
      if (!dies()) throw thrown;
    }
    if (!dies()) continue;
    restarts += 1;
    world.clock.advance(LONGER_THAN_A_LEASE_MS);
    app = begin();
  }
  const id = batchId ?? '';
  const { state } = (await world.platform.batches.get(id)) ?? { state: undefined };
  const paid = world.api.jobs.flatMap((job) => job.paid);
  const counts = await world.platform.batches.counts(id);
  const items = await world.ends(id);
  const left = await world.platform.waves.calls(id, { state: 'answered', limit: 9 });
  await world.close();
  const twice = paid.length - new Set(paid).size;
  return { state, counts, items, paid: paid.length, twice, jobs: world.api.jobs.length, left: left.length, restarts };
}

describe('a process that dies at any write of the wave protocol', () => {
  it('leaves waves that the next one brings to the same end: no job twice, no answer lost or paid again', async () => {
    const writes: string[] = [];
    const straight = await workOff({ oneCall: true }, (write) => {
      writes.push(write);
      return undefined;
    });
    expect(straight).toMatchObject({ state: 'finished', paid: 2, twice: 0, jobs: 1, restarts: 0, left: 0 });
    expect(new Set(writes)).toContain('jobs.create');
    for (const [point, write] of writes.entries()) {
      for (const when of ['before', 'after'] as const) {
        let written = 0;
        const { restarts, left, ...end } = await workOff({ oneCall: true }, () =>
          written++ === point ? when : undefined,
        );
        const { restarts: _, left: __, ...expected } = straight;
        expect({ ...end, point: `${when} ${write} ${point}` }).toEqual({
          ...expected,
          point: `${when} ${write} ${point}`,
        });
        expect(restarts).toBe(1);
        // Of one that died between the end of an item and forgetting its call; nobody asks for it.
        expect(left).toBeLessThanOrEqual(1);
      }
    }
  }, 120_000);

  it.each(Array.from({ length: 6 }, (_, seed) => seed))(
    'and so do two deaths and more, of all steps (%i)',
    async (seed) => {
      const random = seededRandom(seed + 1);
      let deaths = 0;
      const end = await workOff(seed % 3 === 0 ? {} : { oneCall: true }, () => {
        if (deaths > 5 || random() > (seed % 3 === 0 ? 0.03 : 0.12)) return undefined;
        deaths += 1;
        return random() < 0.5 ? 'before' : 'after';
      });
      const calls = seed % 3 === 0 ? 5 + 7 : 2;
      expect(end).toMatchObject({ state: 'finished', paid: calls, twice: 0, counts: { passed: 2, error: 0, calls } });
    },
  );
});
