import type { PriceTable } from '../domain/cost.ts';
import { WAVE_LIMITS, type WaveLimits } from '../domain/wave.ts';
import type { RecipeRegistry } from '../engine/recipe.ts';
import { type SharedPauses, sharedPauses } from '../engine/shared-pauses.ts';
import { createLimiter, type Limiter } from '../lib/limiter.ts';
import type { Platform } from '../platform/ports.ts';
import { recipes } from '../recipes/index.ts';
import { batchLook } from './batch-look.ts';

/** Everything a use case needs: a platform, the recipes and the bounds of this process. */
export interface App extends Platform {
  recipes: RecipeRegistry;
  prices: PriceTable;
  /** Model ids that cannot be asked with what is configured here, each with a sentence that says why and what to do. */
  unavailable: Readonly<Record<string, string>>;
  /** One limiter per model id and bound, shared by all items of the process. */
  limiterFor(model: string, max: number): Limiter;
  sharedPauses: SharedPauses;
  /** Whether the batch still wants calls, as of a few seconds ago. */
  wantsCalls(batchId: string): Promise<boolean>;
  /** Resolves when the item at hand may make calls; gives what is to be called when it needs no more of them. */
  enterCalls(): Promise<() => void>;
  limits: Limits;
  /** All batches together spend no more than this in a day (UTC), in nano-dollars; undefined: any amount. */
  dailySpendNano: number | undefined;
  /** Aborted when the process shall end: no further call starts, those under way finish and are recorded. */
  stop: AbortSignal;
}

export interface Limits {
  /** A worker that records nothing keeps its item this long, or for one call if that takes longer. */
  leaseMs: number;
  /** Added to the lease, so that a slow answer is still recorded under it. */
  leaseMarginMs: number;
  /** A delivery starts no further call after this and goes on in another message. */
  passMs: number;
  /**
   * All calls of a delivery have ended by then: before its message comes again (600 s) and its lease ends. No call is given more than
   * three quarters of it, so that a fresh delivery has the time for any.
   */
  callsMs: number;
  /** How long a call waits within a pass for a service that takes no more; then the item is given back. */
  limitWaitMs: number;
  /** How long a copy waits before it looks again whether its twin is done. */
  twinWaitMs: number;
  /** Claims without a recorded step in between; one more is `attempts_exhausted`. */
  maxClaims: number;
  /** Age since the first claim at which an unfinished item is given up. */
  itemAgeMs: number;
  /** Age since its start, or since it was last gone on with, at which an unfinished batch is cancelled. */
  batchAgeMs: number;
  /** Entries looked at per page of a listing. */
  pageSize: number;
  /** Items of a batch that are announced and not settled, at most, or a page if that is more. */
  window: number;
  /** Shards of a batch, at most. */
  maxShards: number;
  waves: WaveLimits;
}

export const DEFAULT_LIMITS: Limits = {
  leaseMs: 600_000,
  leaseMarginMs: 30_000,
  passMs: 420_000,
  callsMs: 540_000,
  limitWaitMs: Number.POSITIVE_INFINITY,
  twinWaitMs: 5_000,
  maxClaims: 25,
  itemAgeMs: 24 * 3_600_000,
  batchAgeMs: 7 * 24 * 3_600_000,
  pageSize: 500,
  window: Number.POSITIVE_INFINITY,
  maxShards: 1,
  waves: WAVE_LIMITS,
};

/**
 * Where many instances share the work and each delivery has its time: no item holds its place while it can only wait, counters are
 * spread, and a page of inputs is read within a minute. The window is a setting, because it depends on the number of instances.
 */
export const CLOUD_LIMITS = {
  limitWaitMs: 60_000,
  twinWaitMs: 60_000,
  pageSize: 100,
  maxShards: 256,
} satisfies Partial<Limits>;

/**
 * On one machine a delivery has no end but our own: a call of the flex lane may take a quarter of an hour, and its message comes again
 * only after that.
 */
export const LOCAL_LIMITS = { passMs: 1_080_000, callsMs: 1_200_000 } satisfies Partial<Limits>;
export const LOCAL_ACK_MS = 1_260_000;

/** A platform with the recipes and bounds of this process. */
export function createApp(platform: Platform, bounds: AppBounds): App {
  const limiters = new Map<string, Limiter>();
  const limiterFor = (model: string, max: number): Limiter => {
    const key = `${model} ${max}`;
    const limiter = limiters.get(key) ?? createLimiter({ max });
    limiters.set(key, limiter);
    return limiter;
  };
  const limits = { ...DEFAULT_LIMITS, ...bounds.limits };
  // A page is announced whole, so a smaller window would never have room.
  limits.window = Math.max(limits.window, limits.pageSize);
  return {
    ...platform,
    recipes: bounds.recipes ?? recipes,
    prices: bounds.prices,
    unavailable: bounds.unavailable ?? {},
    limiterFor,
    sharedPauses: sharedPauses(platform),
    wantsCalls: batchLook(platform),
    enterCalls: () => Promise.resolve(() => undefined),
    limits,
    dailySpendNano: bounds.dailySpendNano,
    stop: bounds.stop,
  };
}

export interface AppBounds {
  prices: PriceTable;
  stop: AbortSignal;
  unavailable?: App['unavailable'];
  limits?: Partial<Limits>;
  dailySpendNano?: number | undefined;
  /** Other recipes than the built-in ones. */
  recipes?: RecipeRegistry;
}
