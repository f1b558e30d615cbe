import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cliWorld, photoNames, writePhotos } from '../support/cli.ts';
import { callsFor } from '../support/fidelity-responder.ts';
import { expectSettledOnce, readStore, recordedCalls } from '../support/store.ts';

const callsOf = (names: readonly string[]) => names.reduce((sum, name) => sum + callsFor(name), 0);

describe('two processes on one state folder', () => {
  it('share the batch of the same command and work on each item once', async () => {
    const names = photoNames(40);
    const world = await cliWorld(names, { latencyMs: 50 });
    writePhotos(world.photos, ['.hidden.png', 'parts/movie.part']);
    const ends = await Promise.all([1, 2].map(() => world.cli(...world.run('--json'))));
    for (const end of ends) expect(end.code, end.stderr).toBe(0);
    const [one, two] = ends.map((end) => JSON.parse(end.stdout));
    expect(two.batch_id).toBe(one.batch_id);
    expect(two.counts).toEqual({ total: 40, passed: 27, failed: 13, error: 0, cancelled: 0, skipped: 0 });
    expect(one.counts).toEqual(two.counts);
    expect(readStore(world.home).batches).toEqual([one.batch_id]);
    expect(ends.filter((end) => end.stderr.includes('left aside: 1 unfinished transfer'))).toHaveLength(2);

    expect(world.server.counts.paid).toBe(callsOf(names));
    expect(recordedCalls(world.home)).toBe(callsOf(names));
    // Both took part: one alone has at most five calls under way.
    expect(world.server.counts.peak).toBeGreaterThan(5);
    expectSettledOnce(world.home);
  });

  it('that were given inputs which overlap never pay for the same picture twice', async () => {
    const names = photoNames(30);
    const world = await cliWorld([], { latencyMs: 40 });
    const [left, both, right] = [names.slice(0, 10), names.slice(10, 20), names.slice(20)];
    for (const [folder, members] of Object.entries({ left, both, right })) {
      writePhotos(join(world.root, folder), members);
    }
    const runs = ['left', 'right'].map((side) =>
      world.cli('run', join(world.root, side), join(world.root, 'both'), '--output-dir', world.output, '--json'),
    );
    const ends = await Promise.all(runs);
    for (const end of ends) expect(end.code, end.stderr).toBe(0);
    const batches = ends.map((end) => JSON.parse(end.stdout));
    expect(batches[0].batch_id).not.toBe(batches[1].batch_id);
    expect(batches[0].counts.skipped + batches[1].counts.skipped).toBe(10);
    const { items } = readStore(world.home);
    expect(items).toHaveLength(40);
    const skipped = items.filter((item) => item.state === 'skipped');
    expect(skipped.map((item) => item.name).sort()).toEqual(both);
    for (const { code } of skipped) expect(['unfinished_elsewhere', 'already_done']).toContain(code);
    expect(world.server.counts.paid).toBe(callsOf(names));
    expect(recordedCalls(world.home)).toBe(callsOf(names));
    expectSettledOnce(world.home);
  });
});
