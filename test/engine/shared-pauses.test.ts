import { describe, expect, it } from 'vitest';
import { ProofsheetError } from '../../functions/domain/errors.ts';
import { sharedPauses } from '../../functions/engine/shared-pauses.ts';
import type { ModelPauses } from '../../functions/platform/limit-ports.ts';
import { SILENT_LOG } from '../platform/local-platform.ts';
import { manualClock } from '../support/manual-clock.ts';

/** Pauses in a map, with the reads and writes counted. */
function store() {
  const until = new Map<string, number>();
  const counts = { reads: 0, writes: 0 };
  const state = { isDown: false };
  const answering = () => {
    if (state.isDown) throw new ProofsheetError('storage_unavailable', 'No answer.', { disposition: 'transient' });
  };
  const pauses: ModelPauses = {
    async pause(model, end) {
      answering();
      counts.writes += 1;
      until.set(model, Math.max(end, until.get(model) ?? 0));
    },
    async pausedUntil(model) {
      answering();
      counts.reads += 1;
      return until.get(model) ?? 0;
    },
  };
  return { pauses, counts, state };
}

function processes(count: number) {
  const { pauses, counts, state } = store();
  const clock = manualClock();
  const all = Array.from({ length: count }, () => sharedPauses({ pauses, clock, log: SILENT_LOG }));
  const [one, two] = all;
  if (one === undefined || two === undefined) throw new Error('Two processes are the least.');
  return { one, two, all, clock, counts, state };
}

describe('pauses shared by processes', () => {
  it('keep every process off a model that one of them was sent away from', async () => {
    const { one, two, clock } = processes(2);
    expect(await two.leftMs('m')).toBe(0);
    await one.limited('m', 30_000);
    expect(await one.leftMs('m')).toBeGreaterThanOrEqual(30_000);
    clock.advance(3_000);
    expect(await two.leftMs('m')).toBeGreaterThanOrEqual(27_000);
    expect(await two.leftMs('other')).toBe(0);
    clock.advance(27_000);
    expect([await one.leftMs('m'), await two.leftMs('m')]).toEqual([0, 0]);
  });

  it('are looked up at most every three seconds, however many calls begin', async () => {
    const { one, clock, counts } = processes(2);
    for (let n = 0; n < 10; n += 1) {
      await Promise.all(Array.from({ length: 20 }, () => one.leftMs('m')));
      clock.advance(600);
    }
    expect(counts.reads).toBe(2);
  });

  it('leave out short waits, and are written once for all that meet the same limit', async () => {
    const { one, all, clock, counts } = processes(8);
    await one.limited('m', 4_000);
    expect(counts.writes).toBe(0);
    expect(await one.leftMs('m')).toBe(0);
    await one.limited('m', 20_000);
    clock.advance(3_000);
    await Promise.all(all.map((process) => process.leftMs('m')));
    await Promise.all(all.map((process) => process.limited('m', 17_500)));
    expect(counts.writes).toBe(1);
  });

  it('never last longer than ten minutes', async () => {
    const { one, two, clock } = processes(2);
    await one.limited('m', 24 * 3_600_000);
    expect(await two.leftMs('m')).toBeLessThan(610_000);
    clock.advance(600_000);
    expect(await two.leftMs('m')).toBe(0);
  });

  it('are done without while the store does not answer', async () => {
    const { one, two, clock, state } = processes(2);
    await one.limited('m', 60_000);
    clock.advance(3_000);
    expect(await two.leftMs('m')).toBeGreaterThan(0);
    state.isDown = true;
    clock.advance(3_000);
    expect(await two.leftMs('m')).toBeGreaterThan(0);
    expect(await two.leftMs('other')).toBe(0);
    await two.limited('other', 60_000);
    expect(await two.leftMs('other')).toBeGreaterThan(0);
  });
});
