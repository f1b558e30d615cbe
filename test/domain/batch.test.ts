import { describe, expect, it } from 'vitest';
import {
  batchIdFor,
  batchSchema,
  ITEM_STATES,
  isTerminal,
  NO_COUNTS,
  passRateOf,
  settledOf,
  shardOf,
} from '../../functions/domain/batch.ts';
import { sha256 } from '../../functions/lib/hash.ts';
import { sampleBatch } from '../contract/samples.ts';

describe('items', () => {
  it('are at their end in five states', () => {
    expect(ITEM_STATES.filter(isTerminal)).toEqual(['passed', 'failed', 'error', 'cancelled', 'skipped']);
  });
});

describe('counts', () => {
  it('settle by any end', () => {
    const counts = { ...NO_COUNTS, total: 40, passed: 1, failed: 2, error: 4, cancelled: 8, skipped: 16, calls: 99 };
    expect(settledOf(counts)).toBe(31);
    expect(settledOf(NO_COUNTS)).toBe(0);
  });

  it.each([
    [{}, null],
    [{ skipped: 5, cancelled: 2 }, null],
    [{ passed: 3, failed: 1, skipped: 9 }, 0.75],
    [{ passed: 1, error: 1 }, 0.5],
    [{ error: 2 }, 0],
  ])('%j have the pass rate %s', (counts, rate) => {
    expect(passRateOf({ ...NO_COUNTS, ...counts })).toBe(rate);
  });
});

describe('shards', () => {
  it('share items out evenly, and always the same way', () => {
    const sizes = new Array<number>(8).fill(0);
    for (let n = 0; n < 8000; n++) {
      const shard = shardOf(sha256(`item ${n}`).slice(0, 20), 8);
      sizes[shard] = (sizes[shard] ?? 0) + 1;
    }
    for (const size of sizes) expect(Math.abs(size - 1000)).toBeLessThan(150);
    expect(shardOf('ffffffff00', 4)).toBe(3);
    expect(shardOf('00000005aa', 4)).toBe(1);
  });
});

describe('batches', () => {
  it('have ids that sort by time and can be read', () => {
    expect(batchIdFor(Date.UTC(2026, 10, 20, 14, 30, 5), 'k3f9')).toBe('20261120-143005-k3f9');
  });

  it('survive being written and read, and are refused in a state that there is not', () => {
    const batch = sampleBatch({ pause: { code: 'daily_quota', message: 'Wait.', until: 5 }, ignored: { hidden: 2 } });
    expect(batchSchema.parse(JSON.parse(JSON.stringify(batch)))).toEqual(batch);
    expect(batchSchema.safeParse({ ...batch, state: 'lost' }).success).toBe(false);
    expect(batchSchema.safeParse({ ...batch, run: { ...batch.run, maxConcurrent: 0 } }).success).toBe(false);
  });
});
