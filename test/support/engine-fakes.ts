import type { PriceTable } from '../../functions/domain/cost.ts';
import type { StepEntry } from '../../functions/domain/journal.ts';
import type { FileRef, ModelAnswer, ModelRequest } from '../../functions/domain/model-call.ts';
import { type DirectLane, type DirectLaneOptions, directLane, type Lane } from '../../functions/engine/lane.ts';
import { type PassInput, type PassResult, runPass } from '../../functions/engine/pass.ts';
import type { Recipe } from '../../functions/engine/recipe.ts';
import type { SharedPauses } from '../../functions/engine/shared-pauses.ts';
import { sha256 } from '../../functions/lib/hash.ts';
import { createLimiter } from '../../functions/lib/limiter.ts';
import type { Clock, Models } from '../../functions/platform/ports.ts';

export const PRICES: PriceTable = {
  asOf: '2026-11-12',
  models: { m: { input: 1, output: 10, outputImage: 30 } },
};

export const INPUT: FileRef = { sha256: '0'.repeat(64), mimeType: 'image/png', bytes: 3 };

/** Sleeps end at once; time moves on by what was slept. */
export function instantClock(): Clock & { slept: number[] } {
  let now = 1_800_000_000_000;
  const slept: number[] = [];
  return {
    slept,
    now: () => now,
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      slept.push(ms);
      now += ms;
    },
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    random: () => 0.5,
  };
}

export function answer(of: Partial<ModelAnswer> = {}): ModelAnswer {
  const usage = { input: 100, cached: 0, output: 10, outputImage: 0, thoughts: 0 };
  return { usage, modelVersion: 'm-001', responseId: 'r', ...(of.image ? {} : { text: 'yes' }), ...of };
}

/** Models from one function; `requests` are the ones that were sent. */
export function scriptedModels(reply: (request: ModelRequest, n: number) => ModelAnswer | Promise<ModelAnswer>) {
  const requests: ModelRequest[] = [];
  const models: Models = {
    async call(request) {
      requests.push(request);
      return await reply(request, requests.length);
    },
    check: () => Promise.resolve([]),
  };
  return { models, requests };
}

export function laneOf(models: Models, clock: Clock, maxTries = 3, over: Partial<DirectLaneOptions> = {}): DirectLane {
  const limiter = createLimiter({ max: 10 });
  return directLane({
    ...{ name: 'standard', models, clock, limiterFor: () => limiter, pauses: NO_PAUSES, maxTries },
    ...{
      triesBefore: () => 0,
      timeoutMs: 1000,
      endBy: Number.POSITIVE_INFINITY,
      limitWaitMs: Number.POSITIVE_INFINITY,
    },
    ...over,
  });
}

const NO_PAUSES: SharedPauses = { leftMs: () => Promise.resolve(0), limited: () => Promise.resolve() };

/** A journal in memory and the means to run passes over it. */
export function passRunner(recipe: Recipe, of: { lane: Lane; clock?: Clock; stop?: AbortSignal; settings?: unknown }) {
  const journal: StepEntry[] = [];
  const objects = new Map<string, Uint8Array>();
  const run = (over: Partial<PassInput> = {}): Promise<PassResult> =>
    runPass({
      recipe,
      settings: of.settings ?? {},
      metadata: {},
      input: INPUT,
      recorded: [...journal],
      lane: of.lane,
      async record(steps) {
        journal.push(...steps);
      },
      files: {
        async put(bytes, mimeType) {
          const file = { sha256: sha256(bytes), mimeType, bytes: bytes.length };
          objects.set(file.sha256, bytes);
          return file;
        },
      },
      prices: PRICES,
      clock: of.clock ?? instantClock(),
      stop: of.stop ?? new AbortController().signal,
      ...over,
    });
  return { journal, objects, run };
}
