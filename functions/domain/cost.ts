import { z } from 'zod';
import type { LaneName, Usage } from './model-call.ts';

/** US dollars per million tokens. */
const rateSchema = z.object({
  input: z.number().nonnegative(),
  /** Input tokens served from a cache; priced as input where missing. */
  cached: z.number().nonnegative().optional(),
  /** Text output; thoughts cost the same. */
  output: z.number().nonnegative(),
  outputImage: z.number().nonnegative().optional(),
  /** US dollars per call, beside the tokens; the lane does not change it. */
  call: z.number().nonnegative().optional(),
});

const modelPriceSchema = rateSchema.extend({
  /** Prices that replace these from a day on (UTC, `YYYY-MM-DD`). */
  from: z.array(rateSchema.extend({ date: z.iso.date() })).optional(),
});

export const priceTableSchema = z.object({
  /** Day the prices were looked up. */
  asOf: z.iso.date(),
  models: z.record(z.string(), modelPriceSchema),
});
export type PriceTable = z.infer<typeof priceTableSchema>;

/** Share of the standard price. Source: Gemini API pricing, batch and flex at 50 %. */
const LANE_FACTOR: Record<LaneName, number> = { standard: 1, flex: 0.5, batch: 0.5 };

/**
 * Cost of one call in nano-dollars (1e-9 USD), rounded up; null when the model has no known price.
 * A batch discount and a cache discount do not stack: the lane's share applies to uncached input only.
 */
export function costOf(
  call: { model: string; usage: Usage; lane: LaneName; at: number },
  prices: PriceTable,
): number | null {
  const rate = rateOf(prices, call.model, call.at);
  if (rate === undefined) return null;
  const { usage } = call;
  if (usage.outputImage > 0 && rate.outputImage === undefined) return null;
  const factor = LANE_FACTOR[call.lane];
  const perMillion =
    factor * (usage.input - usage.cached) * rate.input +
    usage.cached * (rate.cached ?? factor * rate.input) +
    factor * (usage.output + usage.thoughts) * rate.output +
    factor * usage.outputImage * (rate.outputImage ?? 0) +
    1e6 * (rate.call ?? 0);
  return Math.ceil(Number((perMillion * 1000).toFixed(6)));
}

/** Models of a recipe without a price on that day. */
export function unpricedModels(models: readonly string[], prices: PriceTable, at: number): string[] {
  return [...new Set(models)].filter((model) => rateOf(prices, model, at) === undefined);
}

/** `$0.0336`; four digits below a dollar, two above. */
export function dollars(nano: number): string {
  const usd = nano / 1e9;
  return `$${usd.toFixed(usd !== 0 && Math.abs(usd) < 1 ? 4 : 2)}`;
}

function rateOf(prices: PriceTable, model: string, at: number): z.infer<typeof rateSchema> | undefined {
  const price = prices.models[model];
  if (price === undefined) return undefined;
  const day = new Date(at).toISOString().slice(0, 10);
  const later = (price.from ?? []).filter((change) => change.date <= day).sort((a, b) => (a.date < b.date ? 1 : -1));
  return later[0] ?? price;
}
