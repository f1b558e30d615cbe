import { z } from 'zod';
import { pictureTokensOf } from './budget.ts';
import { costOf, dollars, modelsWithoutLane, type PriceTable } from './cost.ts';
import { type LaneName, laneSchema } from './model-call.ts';

/** What a call of a recipe is like before any was measured. */
export interface TypicalCall {
  step: string;
  model: string;
  /** Made in every round, not once. */
  isRound: boolean;
  /** Pictures in it: the input, and those that were made before. */
  inputs: number;
  made: number;
  /** Tokens of text in it, and of the answer with its thoughts. */
  text: number;
  output: number;
  /** The answer is a picture. */
  makes: boolean;
}

const workStepSchema = z.object({
  step: z.string(),
  model: z.string(),
  isRound: z.boolean(),
  /** Calls of an item, on average. */
  calls: z.number().nonnegative(),
  /** Per call. */
  tokensIn: z.number().nonnegative(),
  tokensOut: z.number().nonnegative(),
  seconds: z.number().nonnegative(),
  /** At the standard price, in nano-dollars; null where that is unknown. */
  nano: z.number().nonnegative().nullable(),
});
export type WorkStep = z.infer<typeof workStepSchema>;

/** What an item of a recipe takes on average. */
export const workSchema = z.object({
  /** Items that it was measured of; 0: typical values. */
  items: z.number().int().nonnegative(),
  /** Rounds of an item. */
  rounds: z.number().positive(),
  steps: z.array(workStepSchema),
});
export type Work = z.infer<typeof workSchema>;

const rangeSchema = z.object({ low: z.number(), likely: z.number(), high: z.number() });
export type Range = z.infer<typeof rangeSchema>;

export const laneEstimateSchema = z.object({
  lane: laneSchema,
  calls: rangeSchema,
  tokens: rangeSchema,
  /** In dollars; null where a price is unknown or the lane is not offered. */
  usd: rangeSchema.nullable(),
  /** Wall time in seconds. */
  seconds: rangeSchema,
});
export type LaneEstimate = z.infer<typeof laneEstimateSchema>;

/** What an item was expected to cost when its batch began. */
export const expectedSchema = z.object({
  /** In nano-dollars, in the lane of the batch. */
  nano: rangeSchema,
  /** Items that this was measured of; 0: typical values. */
  basedOn: z.number().int().nonnegative(),
});

/** Rounds of an item, as others have needed them, where nothing was measured. */
const TYPICAL_ROUNDS = 1.4;
const TYPICAL_SIDE = 1024;
const SECONDS_OF_TEXT = 4;
const SECONDS_OF_PICTURE = 12;
/** A call of the flex lane waits for its place: 1 to 15 minutes by the service's own word. */
const FLEX_WAIT: Range = { low: 10, likely: 60, high: 900 };
/** A job of the batch lane, in seconds: most end within hours, at the latest after a day. */
const JOB: Range = { low: 900, likely: 2 * 3600, high: 24 * 3600 };
/** Below this a batch is a trial or somebody waits for it; from the second on the discount is worth the wait. */
const FEW_ITEMS = 50;
const MANY_ITEMS = 100;

/** Typical work as measured work is described; `picture`: the average size of the inputs. */
export function typicalWork(
  calls: readonly TypicalCall[],
  of: { prices: PriceTable; at: number; mostRounds: number; picture?: { width: number; height: number } },
): Work {
  const { prices, at, mostRounds, picture = { width: TYPICAL_SIDE, height: TYPICAL_SIDE } } = of;
  const rounds = Math.min(TYPICAL_ROUNDS, mostRounds);
  const steps = calls.map(({ step, model, isRound, inputs, made, text, output, makes }): WorkStep => {
    const inputImage =
      inputs * pictureTokensOf(picture, model, prices) +
      made * pictureTokensOf({ width: TYPICAL_SIDE, height: TYPICAL_SIDE }, model, prices);
    const outputImage = makes ? (prices.models[model]?.picture ?? 1120) : 0;
    const usage = { input: text + inputImage, inputImage, cached: 0, output, outputImage, thoughts: 0 };
    return {
      ...{ step, model, isRound, calls: isRound ? rounds : 1 },
      ...{ tokensIn: usage.input, tokensOut: output + outputImage },
      seconds: makes ? SECONDS_OF_PICTURE : SECONDS_OF_TEXT,
      nano: costOf({ model, usage, lane: 'standard', at }, prices),
    };
  });
  return { items: 0, rounds, steps };
}

export interface EstimateOf {
  items: number;
  mostRounds: number;
  maxConcurrent: number;
  prices: PriceTable;
}

/** What the items would take in each lane. Low: all pass in their first round; high: all use every round. */
export function estimateLanes(work: Work, of: EstimateOf): LaneEstimate[] {
  return laneSchema.options.map((lane) => {
    const perItem = (value: (step: WorkStep) => number): Range => {
      const at = (rounds: number) =>
        work.steps.reduce((sum, step) => sum + value(step) * step.calls * (step.isRound ? rounds / work.rounds : 1), 0);
      return { low: at(1), likely: at(work.rounds), high: at(Math.max(of.mostRounds, work.rounds)) };
    };
    const nano = nanoPerItem(work, lane, of.prices, perItem);
    return {
      lane,
      calls: times(
        perItem(() => 1),
        of.items,
        Math.round,
      ),
      tokens: times(
        perItem((step) => step.tokensIn + step.tokensOut),
        of.items,
        Math.round,
      ),
      usd: nano === null ? null : times(nano, of.items / 1e9, (usd) => Number(usd.toFixed(6))),
      seconds: secondsOf(lane, perItem, of, work),
    };
  });
}

/** What is expected of an item in a lane; undefined where a price is unknown. */
export function expectedOfItem(
  work: Work,
  of: { lane: LaneName; mostRounds: number; prices: PriceTable },
): z.infer<typeof expectedSchema> | undefined {
  // Of many items, so that fractions of a cent are not lost.
  const items = 1_000_000;
  const usd = estimateLanes(work, { ...of, items, maxConcurrent: 1 }).find(({ lane }) => lane === of.lane)?.usd;
  return usd ? { nano: times(usd, 1e9 / items, (nano) => nano), basedOn: work.items } : undefined;
}

/** The lane to choose, and why. */
export function sensibleLane(lanes: readonly LaneEstimate[], items: number): { lane: LaneName; reason: string } {
  const usdOf = (lane: LaneName) => lanes.find((one) => one.lane === lane)?.usd?.likely;
  const [standard, flex, batch] = [usdOf('standard'), usdOf('flex'), usdOf('batch')];
  if (standard === 0) return { lane: 'standard', reason: 'Nothing is paid, so nothing is saved by waiting.' };
  const saved = (usd: number | undefined) =>
    standard === undefined || usd === undefined ? 'half of the price' : dollars((standard - usd) * 1e9);
  if (items < FEW_ITEMS) {
    return {
      lane: 'standard',
      reason: `With ${items} items the other lanes save ${saved(flex ?? batch)} and keep you waiting.`,
    };
  }
  if (items >= MANY_ITEMS && batch !== undefined) {
    return {
      lane: 'batch',
      reason: `It saves ${saved(batch)}, if the results may take a day; flex saves as much within hours.`,
    };
  }
  if (flex !== undefined) return { lane: 'flex', reason: `It saves ${saved(flex)} and needs no jobs; calls may wait.` };
  return { lane: 'standard', reason: 'The models are not offered at a discount, or their prices are unknown.' };
}

/** How far an estimate was off: 0.1 is 10 % more than estimated; null where nothing was estimated. */
export function estimateError(estimatedNano: number, actualNano: number): number | null {
  return estimatedNano === 0 ? null : (actualNano - estimatedNano) / estimatedNano;
}

function nanoPerItem(
  work: Work,
  lane: LaneName,
  prices: PriceTable,
  perItem: (value: (step: WorkStep) => number) => Range,
): Range | null {
  const models = work.steps.map(({ model }) => model);
  if (work.steps.some(({ nano }) => nano === null) || modelsWithoutLane(models, prices, lane).length > 0) return null;
  return perItem(({ nano, model }) => (nano ?? 0) * shareOf(model, lane, prices));
}

/** Of the standard price. */
function shareOf(model: string, lane: LaneName, prices: PriceTable): number {
  const usage = { input: 1_000_000, cached: 0, output: 0, outputImage: 0, thoughts: 0 };
  const at = Date.parse(prices.asOf);
  const whole = costOf({ model, usage, lane: 'standard', at }, prices) ?? 0;
  const part = costOf({ model, usage, lane, at }, prices) ?? 0;
  return whole === 0 ? 1 : part / whole;
}

function secondsOf(
  lane: LaneName,
  perItem: (value: (step: WorkStep) => number) => Range,
  { items, maxConcurrent, mostRounds }: EstimateOf,
  work: Work,
): Range {
  if (lane === 'batch') {
    const once = work.steps.filter((step) => !step.isRound).length;
    const round = work.steps.length - once;
    const waves = (rounds: number) => once + round * rounds;
    // An item goes through one job after the other, all items together.
    return {
      low: Math.round(JOB.low * waves(1)),
      likely: Math.round(JOB.likely * waves(work.rounds)),
      high: Math.round(JOB.high * waves(mostRounds)),
    };
  }
  const wait = lane === 'flex' ? FLEX_WAIT : { low: 0, likely: 0, high: 0 };
  const atOnce = Math.max(1, Math.min(maxConcurrent, items));
  const with_ = (extra: number) => perItem((step) => step.seconds + extra);
  const scale = (seconds: number) => Math.round((seconds * items) / atOnce);
  return {
    low: scale(with_(wait.low).low),
    likely: scale(with_(wait.likely).likely),
    high: scale(with_(wait.high).high),
  };
}

function times({ low, likely, high }: Range, factor: number, round: (value: number) => number): Range {
  return { low: round(low * factor), likely: round(likely * factor), high: round(high * factor) };
}
