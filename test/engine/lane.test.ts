import { describe, expect, it } from 'vitest';
import { type ErrorCode, ProofsheetError } from '../../functions/domain/errors.ts';
import type { LaneName, ModelRequest } from '../../functions/domain/model-call.ts';
import type { Purse } from '../../functions/engine/purse.ts';
import type { SharedPauses } from '../../functions/engine/shared-pauses.ts';
import type { Models } from '../../functions/platform/ports.ts';
import { answer, instantClock, laneOf, scriptedModels } from '../support/engine-fakes.ts';

const REQUEST: ModelRequest = { kind: 'text', model: 'm', parts: [{ text: 'one' }] };
const STEP = { key: 'ask', fingerprint: 'f' };
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
      const result = await lane.perform(REQUEST, never, STEP);
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
    expect(await lane.perform(REQUEST, never, STEP)).toEqual({ kind: 'stopped', failedTries: 0 });
    expect(requests).toHaveLength(0);
  });

  it('goes on counting tries where earlier passes stopped', async () => {
    const clock = instantClock();
    const { models, tries } = silentModels(clock);
    const lane = laneOf(models, clock, 5, { triesBefore: () => 3 });
    await expect(lane.perform(REQUEST, never, STEP)).rejects.toMatchObject({ code: 'timeout' });
    expect(tries).toHaveLength(2);
  });

  it('comes back later, as no failed try, when the service takes no more for too long', async () => {
    const clock = instantClock();
    const { models, requests } = scriptedModels(() => {
      throw transient('rate_limited');
    });
    const lane = laneOf(models, clock, 3, { limitWaitMs: 60_000 });
    const result = await lane.perform(REQUEST, never, STEP);
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
    const result = await laneOf(models, clock, 3, { limitWaitMs: 60_000 }).perform(REQUEST, never, STEP);
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
    const result = await laneOf(models, clock, 3, { pauses }).perform(REQUEST, never, STEP);
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
    await laneOf(models, clock, 3, { pauses, limiterFor }).perform(REQUEST, never, STEP);
    expect(released).toEqual(['neutral', 'ok']);
  });
});

describe('a call in the flex lane', () => {
  /** Turned away so often, then answered. */
  function sheddingModels(sheds: readonly ProofsheetError[]) {
    const lanes: LaneName[] = [];
    const models: Models = {
      async call(_, options) {
        lanes.push(options.lane);
        const shed = sheds[lanes.length - 1];
        if (shed !== undefined) throw shed;
        return answer();
      },
      check: () => Promise.resolve([]),
    };
    return { models, lanes };
  }

  it.each<[string, ProofsheetError[], LaneName[]]>([
    ['is made there', [], ['flex']],
    ['waits for its place', [transient('overloaded'), transient('rate_limited')], ['flex', 'flex', 'flex']],
    [
      'is made at full price after three refusals',
      [transient('overloaded'), transient('rate_limited'), transient('overloaded')],
      ['flex', 'flex', 'flex', 'standard'],
    ],
    ['is made at full price where it would wait too long', [transient('rate_limited', 45_000)], ['flex', 'standard']],
  ])('%s, and says in which lane it was made', async (_, sheds, lanes) => {
    const { models, lanes: sent } = sheddingModels(sheds);
    // One failed try is all it may have: being turned away is none.
    const lane = laneOf(models, instantClock(), 1, { name: 'flex' });
    const result = await lane.perform(REQUEST, never, STEP);
    expect(sent).toEqual(lanes);
    expect(result).toMatchObject({ kind: 'answered', lane: lanes.at(-1), tries: lanes.length });
  });

  it('fails as any other when something else goes wrong', async () => {
    const { models } = sheddingModels([transient('server_error')]);
    const lane = laneOf(models, instantClock(), 1, { name: 'flex' });
    await expect(lane.perform(REQUEST, never, STEP)).rejects.toMatchObject({ code: 'server_error' });
  });

  it('is not used for a judging service, which has no lanes', async () => {
    const { models, lanes } = sheddingModels([]);
    const lane = laneOf(models, instantClock(), 1, { name: 'flex' });
    expect(await lane.perform({ ...REQUEST, kind: 'judge' }, never, STEP)).toMatchObject({ lane: 'standard' });
    expect(lanes).toEqual(['standard']);
  });
});

describe('a call under a ceiling', () => {
  /** Gives money after `busy` refusals and tells what became of it. */
  function purseOf(busy: number) {
    const ends: string[] = [];
    let asked = 0;
    const end = (how: string) => () => {
      ends.push(how);
      return Promise.resolve();
    };
    const purse: Purse = {
      async hold(_, step) {
        asked += 1;
        if (asked <= busy) return undefined;
        ends.push(`held for ${step}`);
        return { spent: end('spent'), free: end('free'), lost: end('lost') };
      },
    };
    return { purse, ends };
  }

  it('waits for money that others hold, and gives its own to whoever records the answer', async () => {
    const { purse, ends } = purseOf(2);
    const clock = instantClock();
    const { models, requests } = scriptedModels(() => answer());
    const result = await laneOf(models, clock, 3, { purse }).perform(REQUEST, never, STEP);
    expect(result).toMatchObject({ kind: 'answered', held: expect.anything() });
    expect(ends).toEqual(['held for ask']);
    expect(clock.slept).toHaveLength(2);
    expect(requests).toHaveLength(1);
  });

  it('comes back later when the money takes too long', async () => {
    const { purse, ends } = purseOf(1000);
    const { models, requests } = scriptedModels(() => answer());
    const lane = laneOf(models, instantClock(), 3, { purse });
    expect(await lane.perform(REQUEST, never, STEP)).toMatchObject({ kind: 'stopped', afterMs: expect.any(Number) });
    expect({ ends, requests }).toEqual({ ends: [], requests: [] });
  });

  it('gives the money back when it fails, and counts it as lost when it may be answered after all', async () => {
    const { purse, ends } = purseOf(0);
    const failures = [transient('timeout'), transient('server_error'), transient('server_error')];
    const { models } = scriptedModels((_, n) => {
      throw failures[n - 1] ?? transient('server_error');
    });
    const lane = laneOf(models, instantClock(), 3, { purse });
    await expect(lane.perform(REQUEST, never, STEP)).rejects.toMatchObject({ code: 'server_error' });
    expect(ends).toEqual(['held for ask', 'lost', 'held for ask', 'free']);
  });

  it('is not made when the ceiling is reached', async () => {
    const purse: Purse = { hold: () => Promise.reject(new ProofsheetError('budget', 'Spent.', { scope: 'batch' })) };
    const { models, requests } = scriptedModels(() => answer());
    const lane = laneOf(models, instantClock(), 3, { purse });
    await expect(lane.perform(REQUEST, never, STEP)).rejects.toMatchObject({ code: 'budget' });
    expect(requests).toEqual([]);
  });
});
