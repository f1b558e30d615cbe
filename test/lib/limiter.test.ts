import { describe, expect, it } from 'vitest';
import { createLimiter, type Limiter, type Permit } from '../../functions/lib/limiter.ts';

/** Everything that is ready to run has run. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

async function take(limiter: Limiter, count: number): Promise<Permit[]> {
  return Promise.all(Array.from({ length: count }, () => limiter.acquire()));
}

function releaseAll(permits: readonly Permit[], outcome: Parameters<Permit['release']>[0]): void {
  for (const permit of permits) permit.release(outcome);
}

describe('admission', () => {
  it('lets max calls through and the next one when one ends', async () => {
    const limiter = createLimiter({ max: 2 });
    const [first] = await take(limiter, 2);
    let admitted = false;
    const third = limiter.acquire().then((permit) => {
      admitted = true;
      return permit;
    });
    await settled();
    expect({ admitted, inFlight: limiter.inFlight, waiting: limiter.waiting }).toEqual({
      admitted: false,
      inFlight: 2,
      waiting: 1,
    });
    first?.release('ok');
    await third;
    expect({ inFlight: limiter.inFlight, waiting: limiter.waiting }).toEqual({ inFlight: 2, waiting: 0 });
  });

  it('serves those who wait in the order they came', async () => {
    const limiter = createLimiter({ max: 1 });
    const order: number[] = [];
    const all = [1, 2, 3, 4].map(async (n) => {
      const permit = await limiter.acquire();
      order.push(n);
      await settled();
      permit.release('ok');
    });
    await Promise.all(all);
    expect(order).toEqual([1, 2, 3, 4]);
  });

  it('takes one who gives up out of the line, with the reason of the signal', async () => {
    const limiter = createLimiter({ max: 1 });
    const [held] = await take(limiter, 1);
    const abort = new AbortController();
    const leaving = limiter.acquire(abort.signal);
    const staying = limiter.acquire();
    abort.abort(new Error('stop'));
    await expect(leaving).rejects.toThrow('stop');
    expect(limiter.waiting).toBe(1);
    held?.release('ok');
    await staying;
    expect(limiter.inFlight).toBe(1);
  });

  it('does not admit one whose signal is already aborted', async () => {
    const limiter = createLimiter({ max: 1 });
    await expect(limiter.acquire(AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
    expect(limiter.inFlight).toBe(0);
  });

  it('ignores an abort after admission and a second release', async () => {
    const limiter = createLimiter({ max: 1 });
    const abort = new AbortController();
    const permit = await limiter.acquire(abort.signal);
    abort.abort();
    permit.release('ok');
    permit.release('ok');
    expect(limiter.inFlight).toBe(0);
    await take(limiter, 1);
    expect(limiter.inFlight).toBe(1);
  });
});

describe('the limit', () => {
  it('lands where the service is when half of a burst is rejected', async () => {
    const limiter = createLimiter({ max: 20 });
    const burst = await take(limiter, 20);
    releaseAll(burst.slice(0, 10), 'rejected');
    expect(limiter.current).toBe(10);
  });

  it('falls at most by half for one burst, however many of it are rejected', async () => {
    const limiter = createLimiter({ max: 20 });
    releaseAll(await take(limiter, 20), 'rejected');
    expect(limiter.current).toBe(10);
    releaseAll(await take(limiter, 10), 'rejected');
    expect(limiter.current).toBe(5);
  });

  it('does not count rejections of calls that are older than the drop before', async () => {
    const limiter = createLimiter({ max: 20 });
    const oldest = await take(limiter, 20);
    releaseAll(oldest.splice(0, 10), 'rejected');
    releaseAll(oldest.splice(0, 5), 'neutral');
    const newer = await take(limiter, 5);
    releaseAll(newer.splice(0, 2), 'rejected');
    expect(limiter.current).toBe(8);
    releaseAll(oldest, 'rejected');
    expect(limiter.current).toBe(8);
  });

  it('never falls below one', async () => {
    const limiter = createLimiter({ max: 3 });
    for (let round = 0; round < 10; round += 1) releaseAll(await take(limiter, limiter.current), 'rejected');
    expect(limiter.current).toBe(1);
  });

  it('is not moved by calls that say nothing, nor by successes while nobody waits', async () => {
    const limiter = createLimiter({ max: 8 });
    releaseAll(await take(limiter, 8), 'rejected');
    releaseAll(await take(limiter, 4), 'neutral');
    for (let n = 0; n < 50; n += 1) releaseAll(await take(limiter, 4), 'ok');
    expect(limiter.current).toBe(4);
  });

  it('bears a stray rejection, and gives way when the next one of that rank is rejected too', async () => {
    const limiter = createLimiter({ max: 8 });
    const permits = await take(limiter, 8);
    permits.pop()?.release('rejected');
    expect(limiter.current).toBe(8);
    const [again] = await take(limiter, 1);
    again?.release('rejected');
    expect(limiter.current).toBe(7);
  });

  it('takes a stray rejection back when the next call of that rank gets through', async () => {
    const limiter = createLimiter({ max: 8 });
    for (let n = 0; n < 50; n += 1) {
      const permits = await take(limiter, 8);
      permits.pop()?.release('rejected');
      const [again] = await take(limiter, 1);
      releaseAll(permits.concat(again ?? []), 'ok');
    }
    expect(limiter.current).toBe(8);
  });

  it('comes back within a few successes after an outage in which nothing got through', async () => {
    const limiter = createLimiter({ max: 20 });
    while (limiter.current > 1) releaseAll(await take(limiter, limiter.current), 'rejected');
    let successes = 0;
    while (limiter.current < 20) {
      const demand = Array.from({ length: 100 }, () => limiter.acquire());
      for (const asked of demand) {
        const permit = await asked;
        permit.release('ok');
        successes += 1;
      }
    }
    expect(successes).toBeLessThanOrEqual(100);
  });
});

/** A service of its own time: `capacity` calls at once, each of `latencyMs`; further ones are rejected after 2 ms. */
async function simulate(options: {
  calls: number;
  workers: number;
  max: number;
  capacity: (now: number) => number;
  latencyMs: number;
  seed: number;
  failsAtRandom?: number;
}) {
  const limiter = createLimiter({ max: options.max });
  const random = seeded(options.seed);
  const events: { at: number; go: () => void }[] = [];
  const wait = (ms: number) => new Promise<void>((go) => events.push({ at: now + ms, go }));
  let now = 0;
  let left = options.calls;
  let atService = 0;
  let rejections = 0;
  const done: number[] = [];

  async function worker() {
    while (left > 0) {
      left -= 1;
      for (let rejected = 1; ; rejected += 1) {
        const permit = await limiter.acquire();
        if (atService >= options.capacity(now) || random() < (options.failsAtRandom ?? 0)) {
          await wait(2);
          rejections += 1;
          permit.release('rejected');
          // The retry policy's wait for rate limits: 1 to 2 s, then 2 to 4 s.
          await wait(Math.min(60_000, 1000 * 2 ** (rejected - 1)) * (1 + random()));
          continue;
        }
        atService += 1;
        await wait(options.latencyMs * (0.9 + 0.2 * random()));
        atService -= 1;
        permit.release('ok');
        done.push(now);
        break;
      }
    }
  }

  let running = options.workers;
  for (let n = 0; n < options.workers; n += 1) void worker().finally(() => (running -= 1));
  await settled();
  while (running > 0) {
    const next = events.reduce((a, b) => (b.at < a.at ? b : a));
    now = next.at;
    for (const event of events.filter((one) => one.at === now)) event.go();
    events.splice(0, events.length, ...events.filter((one) => one.at !== now));
    await settled();
  }
  return { wallMs: now, rejections, limiter, done };
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

describe('against a simulated service', () => {
  const seeds = Array.from({ length: 15 }, (_, n) => n + 1);
  const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

  it('does 1,000 calls of 200 ms in at most 1.06 of the ideal when the service takes 10 of 20 at once', async () => {
    const ideal = (1000 * 200) / 10;
    const ratios: number[] = [];
    for (const seed of seeds) {
      const run = await simulate({ calls: 1000, workers: 20, max: 20, capacity: () => 10, latencyMs: 200, seed });
      expect(run.done).toHaveLength(1000);
      expect(run.rejections).toBeLessThan(25);
      ratios.push(run.wallMs / ideal);
    }
    expect(median(ratios)).toBeLessThanOrEqual(1.06);
    expect(Math.max(...ratios)).toBeLessThanOrEqual(1.1);
  });

  it.each([1, 5, 19])('finds the capacity of a service that takes %i of 20 at once', async (capacity) => {
    const calls = 100 * capacity;
    const ratios: number[] = [];
    for (const seed of seeds) {
      const run = await simulate({ calls, workers: 20, max: 20, capacity: () => capacity, latencyMs: 200, seed });
      ratios.push(run.wallMs / ((calls * 200) / capacity));
    }
    expect(median(ratios)).toBeLessThanOrEqual(1.12);
  });

  it('finds it in hundreds as well as in tens', async () => {
    const run = await simulate({
      calls: 10_000,
      workers: 600,
      max: 600,
      capacity: () => 300,
      latencyMs: 200,
      seed: 1,
    });
    expect(run.wallMs / ((10_000 * 200) / 300)).toBeLessThanOrEqual(1.15);
  });

  it('loses nothing when the service takes everything', async () => {
    const run = await simulate({ calls: 1000, workers: 20, max: 20, capacity: () => 20, latencyMs: 200, seed: 1 });
    expect(run.rejections).toBe(0);
    expect(run.limiter.current).toBe(20);
    expect(run.wallMs).toBeLessThanOrEqual(1.03 * 10_000);
  });

  it('is back at max within seconds after an outage of ten', async () => {
    for (const seed of seeds) {
      const capacity = (now: number) => (now > 5_000 && now < 15_000 ? 0 : 20);
      const run = await simulate({ calls: 4000, workers: 20, max: 20, capacity, latencyMs: 200, seed });
      expect(run.limiter.current).toBe(20);
      // 10 s of outage, 40 s of work; the rest is what the rejected calls still wait when it ends.
      expect(run.wallMs).toBeLessThanOrEqual(60_000);
    }
  });

  it('notices when the service takes more than it did', async () => {
    for (const seed of seeds) {
      const capacity = (now: number) => (now < 20_000 ? 10 : 20);
      const run = await simulate({ calls: 4000, workers: 20, max: 20, capacity, latencyMs: 200, seed });
      expect(run.limiter.current).toBe(20);
      // 20 s for the first 1,000 calls, 30 s for the others.
      expect(run.wallMs).toBeLessThanOrEqual(1.15 * 50_000);
    }
  });

  it('is not pushed down by rejections that have nothing to do with the number of calls', async () => {
    const work = { calls: 2000, workers: 20, max: 20, capacity: () => 20, latencyMs: 200, failsAtRandom: 0.05 };
    const walls: number[] = [];
    for (const seed of seeds) walls.push((await simulate({ ...work, seed })).wallMs);
    // 20 s of work and about 8 s in which each of the workers waits after its rejections.
    expect(median(walls)).toBeLessThanOrEqual(40_000);
  });
});
