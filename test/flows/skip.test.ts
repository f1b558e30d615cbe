import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RunDocument } from '../../functions/report/report-format.ts';
import { cliWorld, photoNames, writePhotos } from '../support/cli.ts';
import { allRight, callsFor, itemOf, respondToFidelity, stepOf } from '../support/fidelity-responder.ts';
import { declinedReply } from '../support/gemini-replies.ts';
import { expectSettledOnce, isCancelRequested, readStore, recordedCalls } from '../support/store.ts';
import { waitUntil } from '../support/wait-until.ts';

const callsOf = (names: readonly string[]) => names.reduce((sum, name) => sum + callsFor(name), 0);

describe('a command that is given again', () => {
  it('skips what is done without a call, until settings change or it is forced', async () => {
    const names = photoNames(6);
    const world = await cliWorld(names);
    const run = (...more: string[]) => world.json(...world.run('--quiet', ...more));
    const first = await run();
    expect(first.counts).toMatchObject({ passed: 4, failed: 2 });
    expect(world.server.counts.paid).toBe(42);

    const again = await run();
    expect(again.batch_id).not.toBe(first.batch_id);
    expect(again).toMatchObject({ state: 'finished', calls: 0, counts: { total: 6, skipped: 6 } });
    const skipped = readStore(world.home).items.filter((item) => item.batch_id === again.batch_id);
    expect(new Set(skipped.map((item) => item.code))).toEqual(new Set(['already_done']));
    expect(world.server.counts.calls).toBe(42);

    writePhotos(world.photos, ['new-first.png']);
    expect((await run()).counts).toMatchObject({ total: 7, skipped: 6, passed: 1 });
    expect(world.server.counts.paid).toBe(42 + 5);

    const lower = await run('--threshold', '0.6');
    expect(lower.counts).toMatchObject({ total: 7, passed: 7, skipped: 0 });
    expect(world.server.counts.paid).toBe(42 + 5 + 7 * 5);

    const refused = await world.cli(...world.run('--force'));
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('add --yes to confirm');
    const forced = await run('--force', '--yes');
    expect(forced).toMatchObject({ calls: 47, counts: { total: 7, passed: 5, failed: 2, skipped: 0 } });
    expect(world.server.counts.paid).toBe(42 + 5 + 7 * 5 + 47);
    expectSettledOnce(world.home);
  });

  it('pays once for the same picture under two names', async () => {
    const world = await cliWorld(['a-second.png', 'b-never.png']);
    mkdirSync(join(world.photos, 'copies'));
    copyFileSync(join(world.photos, 'a-second.png'), join(world.photos, 'copies', 'second-too.png'));
    copyFileSync(join(world.photos, 'b-never.png'), join(world.photos, 'copies', 'never-too.png'));
    const run = await world.json(...world.run('--quiet'));
    expect(run).toMatchObject({ calls: 7 + 9, counts: { total: 4, passed: 2, failed: 2 } });
    expect(world.server.counts.paid).toBe(7 + 9);
    const again = await world.json('resume', '--failed', '--quiet');
    expect(again).toMatchObject({ calls: 7 + 2 * 9, counts: { total: 4, passed: 2, failed: 2 } });
    expect(world.server.counts.paid).toBe(7 + 2 * 9);
    expectSettledOnce(world.home);
  });
});

describe('resume', () => {
  it('--errors keeps useful answers and asks only what is missing', async () => {
    const names = photoNames(6);
    let isBroken = true;
    const world = await cliWorld(names, {
      respond(call) {
        const troubled = isBroken && stepOf(call) === 'generate' && itemOf(call).includes('never');
        return troubled ? declinedReply('IMAGE_PROHIBITED_CONTENT') : respondToFidelity(call);
      },
    });
    const first = await world.cli(...world.run('--json', '--quiet'));
    expect(first.code).toBe(3);
    const run: RunDocument = JSON.parse(first.stdout);
    expect(run.counts).toMatchObject({ total: 6, passed: 4, error: 2 });
    expect(first.stderr).toContain(`proofsheet resume ${run.batch_id} --errors`);
    // Two items paid for description, questions, entailment and the refusal.
    expect(world.server.counts.paid).toBe(24 + 2 * 4);

    isBroken = false;
    const resumed = await world.cli('resume', run.batch_id, '--errors', '--json', '--quiet');
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toContain('Settled items that are taken again: 2');
    expect(world.server.counts.paid).toBe(24 + 2 * 4 + 2 * 6);
    const shown = await world.json('show', run.batch_id);
    expect(shown).toMatchObject({ state: 'finished', calls: 44, counts: { total: 6, passed: 4, failed: 2, error: 0 } });
    expect(shown.cost_usd).toBeGreaterThan(run.cost_usd ?? Number.POSITIVE_INFINITY);
    const kept = readStore(world.home).steps.filter((step) => step.epoch === 1 && step.adopted);
    expect(kept.map((step) => step.key)).toEqual([...ASKED_FIRST, ...ASKED_FIRST]);
    expect(recordedCalls(world.home)).toBe(44);
    expectSettledOnce(world.home);
  });

  it('--failed begins anew, without what was judged before', async () => {
    const names = photoNames(3);
    let isLenient = false;
    const world = await cliWorld(names, {
      respond(call) {
        if (!isLenient || stepOf(call) !== 'judge') return respondToFidelity(call);
        return allRight(call);
      },
    });
    const run = await world.json(...world.run('--quiet'));
    expect(run.counts).toMatchObject({ total: 3, passed: 2, failed: 1 });
    isLenient = true;
    await world.cli('resume', run.batch_id, '--failed', '--quiet');
    expect(world.server.counts.paid).toBe(21 + 5);
    expect(await world.json('show')).toMatchObject({ calls: 26, counts: { total: 3, passed: 3, failed: 0 } });
    expectSettledOnce(world.home);
  });

  it('of a finished batch makes no call and changes nothing', async () => {
    const world = await cliWorld(photoNames(3));
    const run = await world.json(...world.run('--quiet'));
    const again = await world.json('resume', run.batch_id);
    expect(again).toMatchObject({ batch_id: run.batch_id, state: 'finished', calls: run.calls, counts: run.counts });
    expect(world.server.counts.paid).toBe(21);
  });
});

describe('cancel', () => {
  it('ends a running process; resume takes the items again from where they stood', async () => {
    const names = photoNames(12);
    const held = Promise.withResolvers<void>();
    const world = await cliWorld(names, {
      latencyMs: 60,
      async respond(call) {
        if (call.n > 12) await held.promise;
        return respondToFidelity(call);
      },
    });
    const running = world.start(...world.run('--json', '--quiet'));
    await waitUntil(() => world.server.counts.calls >= 12 + 5);
    const [batchId = ''] = readStore(world.home).batches;
    const cancelling = world.start('cancel', batchId, '--json');
    await waitUntil(() => isCancelRequested(world.home));
    held.resolve();
    const cancelled = await cancelling.ended;
    expect(cancelled.code, cancelled.stderr).toBe(0);
    const end = await running.ended;
    expect(end.code).toBe(1);
    expect(end.stderr).toContain('The batch was cancelled.');
    const run: RunDocument = JSON.parse(end.stdout);
    expect(run.state).toBe('cancelled');
    expect(run.counts.cancelled).toBeGreaterThanOrEqual(5);
    expect(JSON.parse(cancelled.stdout).counts).toEqual(run.counts);
    const paid = world.server.counts.paid;
    expect(paid).toBeLessThan(callsOf(names));
    expect(recordedCalls(world.home)).toBe(paid);
    const begun = readStore(world.home).items.filter((item) => item.state === 'cancelled' && Number(item.calls) > 0);
    expect(begun.length).toBeGreaterThan(0);
    expectSettledOnce(world.home);

    expect((await world.cli('cancel', batchId)).stderr).toContain('nothing to cancel');
    const resumed = await world.cli('resume', batchId, '--json', '--quiet');
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(JSON.parse(resumed.stdout)).toMatchObject({
      state: 'finished',
      calls: callsOf(names),
      counts: { total: 12, passed: 8, failed: 4, cancelled: 0 },
    });
    expect(world.server.counts.paid).toBe(callsOf(names));
    expectSettledOnce(world.home);
  });
});

const ASKED_FIRST = ['describe', 'questions', 'entailment'];
