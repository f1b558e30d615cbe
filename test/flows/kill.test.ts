import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { cliWorld, photoNames } from '../support/cli.ts';
import { callsFor } from '../support/fidelity-responder.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { expectSettledOnce, readStore, recordedCalls } from '../support/store.ts';

const CONCURRENT = 8;
/** Besides five at the beginning: kills while most of the work is done, and around the last items and the report. */
const KILLS = { middle: 11, end: 4 };

describe('a process that is killed again and again', () => {
  it('settles every item once and repeats only calls that were under way', async () => {
    const names = photoNames(60);
    const least = names.reduce((sum, name) => sum + callsFor(name), 0);
    const random = seededRandom(7);
    const world = await cliWorld(names, { latencyMs: () => 30 + 30 * random() });
    const run = world.run('--max-concurrent', String(CONCURRENT), '--quiet', '--json');
    const resume = ['resume', '--quiet'];
    /** Billed answers that a killed process took with it. */
    let lost = 0;

    /** Kills the process some time after `due` is true. */
    const killOnce = async (command: string[], due: () => boolean, most: number): Promise<void> => {
      const running = world.start(...command);
      while (!due()) {
        if (running.process.exitCode !== null) throw new Error(`It ended too early: ${(await running.ended).stderr}`);
        await delay(5);
      }
      await delay(most * random());
      running.process.kill('SIGKILL');
      expect((await running.ended).code).toBeNull();
      const now = world.server.counts.paid - recordedSoFar(world.home);
      expect(now - lost).toBeGreaterThanOrEqual(0);
      expect(now - lost).toBeLessThanOrEqual(CONCURRENT);
      lost = now;
    };

    const beginnings = [
      () => existsSync(join(world.home, 'proofsheet.db')),
      () => stored(world.home).batches.length > 0,
      () => stored(world.home).items.length > 0,
      () => world.server.counts.calls > 0,
      () => world.server.counts.paid > CONCURRENT,
    ];
    for (const due of beginnings) await killOnce(run, due, 10);
    const begun = recordedSoFar(world.home);
    const span = (least - 50 - begun) / KILLS.middle;
    for (let kill = 0; kill < KILLS.middle; kill++) {
      const goal = begun + span * (kill + random());
      await killOnce(kill % 3 === 2 ? run : resume, () => recordedSoFar(world.home) >= goal, 40);
    }
    for (let kill = 0; kill < KILLS.end; kill++) {
      const goal = least - 3 - 8 * (KILLS.end - 1 - kill);
      await killOnce(resume, () => recordedSoFar(world.home) >= goal, 8);
    }

    const end = await world.cli(...run);
    expect(end.code, end.stderr).toBe(0);
    expect(end.stderr).toContain('Going on with the unfinished batch');
    expect(JSON.parse(end.stdout)).toMatchObject({
      state: 'finished',
      calls: least,
      counts: { total: 60, passed: 40, failed: 20, error: 0, skipped: 0 },
    });
    expect(readStore(world.home).batches).toHaveLength(1);
    expect(recordedCalls(world.home)).toBe(least);
    expect(world.server.counts.paid).toBe(least + lost);
    expect(lost).toBeGreaterThan(0);
    expectSettledOnce(world.home);

    const results = await world.json<{ results: { status: string }[] }>('export', '--format', 'json');
    expect(results.results).toHaveLength(60);
    expect(world.server.counts.paid).toBe(least + lost);
  }, 180_000);
});

/** 0 where the process was killed before it had made its tables. */
function recordedSoFar(home: string): number {
  return orNothing(() => recordedCalls(home)) ?? 0;
}

function stored(home: string): { items: unknown[]; batches: unknown[] } {
  return orNothing(() => readStore(home)) ?? { items: [], batches: [] };
}

function orNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
