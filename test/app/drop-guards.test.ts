import { describe, expect, it } from 'vitest';
import { resumeBatch } from '../../functions/app/control-batch.ts';
import { checkDropRules } from '../../functions/app/ingest-drop.ts';
import type { Platform } from '../../functions/platform/ports.ts';
import { photo } from '../support/drop-recipes.ts';
import { dropWorld } from '../support/drop-world.ts';

const MINUTE = 60_000;
/** Calls that a loop of one picture comes to in its fourth round. */
const MANY = 8;

type Guard = 'none' | 'mark' | 'content' | 'breaker';

/** Results go back into the inbox, and no more than one of the guards is awake. */
async function loopingWorld(awake: Guard) {
  return await dropWorld({
    rules: { outputRoot: 'gs://inbox', quietMs: 30_000, graceMs: 5_000 },
    keepsMarks: awake === 'mark',
    through: (platform) => asleep(platform, awake),
  });
}

function asleep(platform: Platform, awake: Guard): Platform {
  return {
    ...platform,
    ...(awake !== 'content' && { files: { ...platform.files, has: async () => false } }),
    ...(awake !== 'breaker' && { sources: { count: async (takes) => takes.map(() => 1) } }),
  };
}

describe('results in the watched bucket', () => {
  it('are refused before anything starts', async () => {
    const world = await loopingWorld('mark');
    expect(() => checkDropRules(world.app, world.rules)).toThrow(
      'Results at gs://inbox would lie inside the watched gs://inbox and start new work without end; name another bucket or prefix.',
    );
  });

  it('would be worked on without end if no guard were awake', async () => {
    const world = await loopingWorld('none');
    await world.upload('shoes/left.png');
    for (let round = 0; round < 60 && world.requests.length <= MANY; round += 1) await world.pass(5_000);
    expect(world.requests.length).toBeGreaterThan(MANY);
  });

  it.each(['mark', 'content'] as const)('are known by their %s alone', async (awake) => {
    const world = await loopingWorld(awake);
    await world.upload('shoes/left.png');
    await world.pass(20 * MINUTE);
    const done = world.requests.length;
    expect(done).toBe(1);
    const batches = await world.batches();
    const isLookedAt = awake === 'content';
    expect(batches.some(({ ignored }) => (ignored['made by proofsheet'] ?? 0) > 0)).toBe(isLookedAt);
    expect(batches.length).toBe(isLookedAt ? 2 : 1);
    await world.pass(60 * MINUTE);
    expect(await world.batches()).toHaveLength(batches.length);
    expect((await world.batches()).map(({ state }) => state)).toEqual(batches.map(() => 'finished'));
    expect(world.requests).toHaveLength(1);
  });

  it('trip the breaker, which stops the loop until a person resumes', async () => {
    const said: string[] = [];
    const world = await loopingWorld('breaker');
    world.platform.log.error = (_, message) => void said.push(message);
    await world.upload('shoes/left.png');
    await world.pass(30 * MINUTE);
    const batches = await world.batches();
    const stopped = batches.filter(({ state }) => state === 'paused');
    expect(stopped.map(({ pause }) => pause?.code)).toEqual(stopped.map(() => 'loop_suspected'));
    expect(stopped[0]?.pause?.message).toMatch(
      /^gs:\/\/inbox\/\* came \d+ times within a day, which looks like a loop/,
    );
    expect(said).toContain('the drop is paused');
    const { length } = world.requests;
    expect(length).toBeLessThan(MANY);
    await world.pass(120 * MINUTE);
    expect(world.requests).toHaveLength(length);
    expect(await world.batches()).toHaveLength(batches.length);
  });
});

describe('a file that somebody keeps writing', () => {
  it('trips the breaker in all processes alike; resuming closes it for the next ten', async () => {
    const world = await dropWorld();
    for (let n = 0; n < 10; n += 1) {
      await world.upload('shoes/left.png', photo(`version ${n}`));
      await world.pass(5 * MINUTE, () => world.newApp());
    }
    expect((await world.batches()).map(({ state }) => state)).toEqual(Array.from({ length: 10 }, () => 'finished'));
    await world.upload('shoes/left.png', photo('one too many'));
    await world.upload('bags/tote.png');
    await world.pass(5 * MINUTE, () => world.newApp());
    const stopped = (await world.batches()).find(({ state }) => state === 'paused');
    expect(stopped?.pause?.message).toBe(
      'gs://inbox/shoes/left.png came 11 times within a day, which looks like a loop: something may write it because it is ' +
        'worked on. Find out what does, then resume the batch to take it all the same, or cancel the batch.',
    );
    expect(world.requests).toHaveLength(10 + 1);
    await world.upload('shoes/left.png', photo('another'));
    await world.pass(30 * MINUTE);
    expect(world.requests).toHaveLength(10 + 1);
    await resumeBatch(world.app, stopped?.id ?? '', { failed: false, errors: false });
    await world.pass(5 * MINUTE);
    expect(world.requests).toHaveLength(10 + 2);
    expect((await world.batches()).every(({ state }) => state === 'finished')).toBe(true);
  });

  it('may do so slowly', async () => {
    const world = await dropWorld();
    for (let n = 0; n < 15; n += 1) {
      await world.upload('shoes/left.png', photo(`version ${n}`));
      await world.pass(4 * MINUTE);
      world.wait(3 * 60 * MINUTE);
    }
    expect(world.requests).toHaveLength(15);
  });
});
