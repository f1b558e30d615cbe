import { describe, expect, it } from 'vitest';
import { cliWorld, photoNames } from '../support/cli.ts';
import { callsFor, stepOf } from '../support/fidelity-responder.ts';
import { expectSettledOnce, recordedCalls } from '../support/store.ts';
import { waitUntil } from '../support/wait-until.ts';

const names = photoNames(20);
const least = names.reduce((sum, name) => sum + callsFor(name), 0);

describe('Ctrl-C', () => {
  it('finishes and records the calls under way, says how to go on, and resume loses nothing', async () => {
    const world = await cliWorld(names, { latencyMs: 60 });
    const running = world.start(...world.run());
    await waitUntil(() => world.server.counts.paid >= 17 && world.server.counts.calls > world.server.counts.paid);
    running.process.kill('SIGINT');
    const end = await running.ended;
    expect(end.code).toBe(130);
    expect(end.stderr).toContain('press Ctrl-C again to leave at once');
    const batchId = /`proofsheet resume (\S+)` goes on/.exec(end.stderr)?.[1] ?? '';
    expect(batchId).toMatch(/^\d{8}-\d{6}-/);
    expect(world.server.counts.paid).toBe(world.server.counts.calls);
    expect(recordedCalls(world.home)).toBe(world.server.counts.paid);
    expect(world.server.counts.paid).toBeLessThan(least / 2);

    const resumed = await world.cli('resume', batchId, '--json');
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(JSON.parse(resumed.stdout)).toMatchObject({ batch_id: batchId, state: 'finished', calls: least });
    expect(world.server.counts.paid).toBe(least);
    expectSettledOnce(world.home);
  });

  it('ends a wait between two tries', async () => {
    const world = await cliWorld(names.slice(0, 2), {
      faults: () => ({
        kind: 'error',
        http: 429,
        body: { error: { code: 429, status: 'RESOURCE_EXHAUSTED', details: [SOME_TIME] } },
      }),
    });
    const running = world.start(...world.run());
    await waitUntil(() => world.server.counts.calls >= 2);
    const begin = performance.now();
    running.process.kill('SIGINT');
    expect((await running.ended).code).toBe(130);
    expect(performance.now() - begin).toBeLessThan(5_000);
    expect(world.server.counts.calls).toBe(2);
  });

  it('twice leaves at once, and resume goes on from what was recorded', async () => {
    let isSlow = true;
    const world = await cliWorld(names.slice(0, 6), {
      latencyMs: (call) => (isSlow && stepOf(call) === 'judge' ? 60_000 : 0),
    });
    const running = world.start(...world.run());
    // Five items are at their first judgement, which does not come.
    await waitUntil(() => world.server.counts.paid === 5 * 4 && world.server.counts.calls === 5 * 5);
    running.process.kill('SIGINT');
    await running.noted(/Finishing the calls under way/);
    const begin = performance.now();
    running.process.kill('SIGINT');
    expect((await running.ended).code).toBe(130);
    expect(performance.now() - begin).toBeLessThan(5_000);
    expect(recordedCalls(world.home)).toBe(5 * 4);
    isSlow = false;
    const resumed = await world.cli('resume', '--json');
    expect(resumed.code, resumed.stderr).toBe(0);
    const total = names.slice(0, 6).reduce((sum, name) => sum + callsFor(name), 0);
    expect(JSON.parse(resumed.stdout)).toMatchObject({ state: 'finished', calls: total });
    expect(world.server.counts.paid).toBe(total);
    expectSettledOnce(world.home);
  });
});

const SOME_TIME = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '600s' };
