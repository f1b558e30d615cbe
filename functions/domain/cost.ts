import { z } from 'zod';
import type { LaneName, Usage } from './model-call.ts';

const price = z.number().nonnegative();

/** US dollars per million tokens. */
const rateSchema = z.object({
  input: price,
  /** Pictures in the input; priced as input where missing. */
  inputImage: price.optional(),
  /** Input tokens served from a cache; priced as input where missing. */
  cached: price.optional(),
  /** Text output; thoughts cost the same. */
  output: price,
  outputImage: price.optional(),
  /** US dollars per call, beside the tokens; the lane does not change it. */
  call: price.optional(),
});

/** A rate, and another one for calls whose input is longer than so many tokens. */
const tieredRateSchema = rateSchema.extend({
  above: rateSchema.extend({ tokens: z.number().int().positive() }).optional(),
});

/** Shares of the standard price; null where a model is not offered in the lane. */
const laneSharesSchema = z.object({ flex: price.nullable().optional(), batch: price.nullable().optional() });

const modelPriceSchema = tieredRateSchema.extend({
  /** Prices that replace these from a day on (UTC, `YYYY-MM-DD`). */
  from: z.array(tieredRateSchema.extend({ date: z.iso.date() })).optional(),
  /** In place of the table's. */
  lanes: laneSharesSchema.optional(),
  /** Tokens of one picture that the model makes. */
  picture: z.number().int().positive().optional(),
  /** Tokens of one picture in the input; left out, they follow from its size. */
  pictureInput: z.number().int().positive().optional(),
});

export const priceTableSchema = z.object({
  /** Day the prices were looked up. */
  asOf: z.iso.date(),
  lanes: laneSharesSchema.optional(),
  models: z.record(z.string(), modelPriceSchema),
});
export type PriceTable = z.infer<typeof priceTableSchema>;
type Rate = z.infer<typeof rateSchema>;

/** Where no table says otherwise. Source: Gemini API pricing, batch and flex at 50 %. */
const LANE_SHARES = { flex: 0.5, batch: 0.5 };

export interface PricedCall {
  model: string;
  /** What really answered, where that is known; it is what is billed. */
  modelVersion?: string;
  usage: Usage;
  lane: LaneName;
  /** Milliseconds since 1970. */
  at: number;
}

/**
 * Cost of one call in nano-dollars (1e-9 USD), rounded up; null when the model that answered has no known price,
 * or nobody said what it used.
 * A batch discount and a cache discount do not stack: the lane's share applies to uncached input only.
 */
export function costOf(call: PricedCall, prices: PriceTable): number | null {
  const model = billedModel(call, prices);
  const rate = rateOf(prices, model, call.at, call.usage.input);
  const share = shareOf(prices, model, call.lane);
  if (rate === undefined || share === undefined) return null;
  const { usage } = call;
  if (usage.untold || (usage.outputImage > 0 && rate.outputImage === undefined)) return null;
  const cachedRate = rate.cached ?? share * rate.input;
  const uncached = usage.input - usage.cached;
  // Caches hold what many calls begin with, which are texts: a picture counts as uncached first.
  const pictures = Math.min(uncached, usage.inputImage ?? 0);
  const perMillion =
    share * (uncached - pictures) * rate.input +
    share * pictures * (rate.inputImage ?? rate.input) +
    usage.cached * cachedRate +
    share * (usage.output + usage.thoughts) * rate.output +
    share * usage.outputImage * (rate.outputImage ?? 0) +
    1e6 * (rate.call ?? 0);
  return Math.ceil(Number((perMillion * 1000).toFixed(6)));
}

/** Models of a recipe without a price on that day. */
export function unpricedModels(models: readonly string[], prices: PriceTable, at: number): string[] {
  return [...new Set(models)].filter((model) => rateOf(prices, model, at, 0) === undefined);
}

/** Models that are not offered in a lane. */
export function modelsWithoutLane(models: readonly string[], prices: PriceTable, lane: LaneName): string[] {
  return [...new Set(models)].filter((model) => shareOf(prices, model, lane) === undefined);
}

/** `$0.0336`; four digits below a dollar, two above. */
export function dollars(nano: number): string {
  const usd = nano / 1e9;
  return `$${usd.toFixed(usd !== 0 && Math.abs(usd) < 1 ? 4 : 2)}`;
}

/** The id whose price counts: that of the model which answered, when the table has it (retired ids are routed on), else of the one that was asked. */
function billedModel({ model, modelVersion = model }: PricedCall, prices: PriceTable): string {
  return modelVersion in prices.models ? modelVersion : model;
}

function shareOf(prices: PriceTable, model: string, lane: LaneName): number | undefined {
  if (lane === 'standard') return 1;
  const shares = { ...LANE_SHARES, ...prices.lanes, ...prices.models[model]?.lanes };
  return shares[lane] ?? undefined;
}

function rateOf(prices: PriceTable, model: string, at: number, inputTokens: number): Rate | undefined {
  const listed = prices.models[model];
  if (listed === undefined) return undefined;
  const day = new Date(at).toISOString().slice(0, 10);
  const later = (listed.from ?? []).filter((change) => change.date <= day).sort((a, b) => (a.date < b.date ? 1 : -1));
  const rate = later[0] ?? listed;
  return rate.above !== undefined && inputTokens > rate.above.tokens ? rate.above : rate;
}
