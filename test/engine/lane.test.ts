import { describe, expect, it } from 'vitest';
import { type ErrorCode, ProofsheetError } from '../../functions/domain/errors.ts';
import type { ModelRequest } from '../../functions/domain/model-call.ts';
import type { SharedPauses } from '../../functions/engine/shared-pauses.ts';
import { answer, instantClock, laneOf, scriptedModels } from '../support/engine-fakes.ts';

const REQUEST: ModelRequest = { kind: 'text', model: 'm', parts: [{ text: 'one' }] };
const never = new AbortController().signal;
const transient = (code: ErrorCode, retryAfterMs?: number) =>
  new ProofsheetError(code, code, { disposition: 'transient', ...(retryAfterMs !== undefined && { retryAfterMs }) });

/** A model that answers nothing until its time limit is over. */
function silentModels(clock: ReturnType<typeof instantClock>) {
  const tries: { at: number; timeoutMs: number }[] = [];
  const begin = clock.now();
  const { models } = scriptedModels(() => answer());
  return {
    tries,
    models: {
      ...models,
      async call(_request: ModelRequest, { timeoutMs }: { timeoutMs: number }) {
        tries.push({ at: clock.now() - begin, timeoutMs });
        await clock.sleep(timeoutMs);
        throw transient('timeout');
      },
    },
  };
}

describe('a call made now', () => {
  it.each([10_000, 120_000, 200_000, 405_000])(
    'with a time limit of %i ms is never under way at the end of the time for calls',
    async (timeoutMs) => {
      const clock = instantClock();
      const { models, tries } = silentModels(clock);
      const lane = laneOf(models, clock, 20, { timeoutMs, endBy: clock.now() + 540_000 });
      const result = await lane.perform(REQUEST, never);
      expect(result).toEqual({ kind: 'stopped', failedTries: tries.length });
      expect(tries.length).toBeGreaterThan(0);
      for (const { at, timeoutMs: limit } of tries) {
        expect(at + limit).toBeLessThanOrEqual(540_000);
        // A call that is cut shorter than asked for would be paid for nothing.
        expect(limit).toBeGreaterThanOrEqual(timeoutMs);
      }
    },
  );

  it('is not begun where its time limit does not fit any more', async () => {
    const clock = instantClock();
    const { models, requests } = scriptedModels(() => answer());
    const lane = laneOf(models, clock, 3, { timeoutMs: 120_000, endBy: clock.now() + 119_999 });
    expect(await lane.perform(REQUEST, never)).toEqual({ kind: 'stopped', failedTries: 0 });
    expect(requests).toHaveLength(0);
  });

  it('goes on counting tries where earlier passes stopped', async () => {
    const clock = instantClock();
    const { models, tries } = silentModels(clock);
    const lane = laneOf(models, clock, 5, { triesBefore: () => 3 });
    await expect(lane.perform(REQUEST, never)).rejects.toMatchObject({ code: 'timeout' });
    expect(tries).toHaveLength(2);
  });

  it('comes back later, as no failed try, when the service takes no more for too long', async () => {
    const clock = instantClock();
    const { models, requests } = scriptedModels(() => {
      throw transient('rate_limited');
    });
    const lane = laneOf(models, clock, 3, { limitWaitMs: 60_000 });
    const result = await lane.perform(REQUEST, never);
    expect(result).toEqual({ kind: 'stopped', failedTries: 0, afterMs: expect.any(Number) });
    const waited = clock.slept.reduce((sum, ms) => sum + ms, 0);
    expect(waited).toBeLessThanOrEqual(60_000);
    // 2, 4, 8, 16 and 32 s at most are about what fits.
    expect(requests.length).toBeGreaterThanOrEqual(5);
    expect(requests.length).toBeLessThanOrEqual(7);
  });

  it('comes back when the service asks for, without waiting, where that is too long', async () => {
    const clock = instantClock();
    const { models } = scriptedModels(() => {
      throw transient('spend_limited', 90_000);
    });
    const result = await laneOf(models, clock, 3, { limitWaitMs: 60_000 }).perform(REQUEST, never);
    expect(result).toMatchObject({ kind: 'stopped', failedTries: 0 });
    expect(result.kind === 'stopped' ? result.afterMs : 0).toBeGreaterThanOrEqual(90_000);
    expect(clock.slept).toEqual([]);
  });

  it('tells the others of a limit, and waits for one that it was told of', async () => {
    const clock = instantClock();
    const told: [string, number][] = [];
    let left = 7_000;
    const pauses: SharedPauses = {
      async leftMs() {
        const now = left;
        left = 0;
        return now;
      },
      limited: async (model, ms) => void told.push([model, ms]),
    };
    const { models, requests } = scriptedModels((_, n) => {
      if (n === 1) throw transient('rate_limited', 20_000);
      if (n === 2) throw transient('overloaded');
      return answer();
    });
    const result = await laneOf(models, clock, 3, { pauses }).perform(REQUEST, never);
    expect(result).toMatchObject({ kind: 'answered', tries: 3 });
    expect(clock.slept[0]).toBe(7_000);
    expect(told).toEqual([['m', clock.slept[1]]]);
    expect(requests).toHaveLength(3);
  });

  it('gives its place among the calls under way to another model while it waits', async () => {
    const clock = instantClock();
    const released: string[] = [];
    const limiterFor = () => ({
      ...{ current: 1, inFlight: 0, waiting: 0 },
      acquire: async () => ({ release: (outcome: string) => void released.push(outcome) }),
    });
    const pauses: SharedPauses = {
      leftMs: async () => (clock.slept.length === 0 ? 1_000 : 0),
      limited: () => Promise.resolve(),
    };
    const sleep = clock.sleep;
    clock.sleep = async (ms, signal) => {
      expect(released).toEqual(['neutral']);
      await sleep(ms, signal);
    };
    const { models } = scriptedModels(() => answer());
    await laneOf(models, clock, 3, { pauses, limiterFor }).perform(REQUEST, never);
    expect(released).toEqual(['neutral', 'ok']);
  });
});
