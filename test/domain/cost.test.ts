import { describe, expect, it } from 'vitest';
import {
  costOf,
  dollars,
  modelsWithoutLane,
  type PriceTable,
  priceTableSchema,
  unpricedModels,
} from '../../functions/domain/cost.ts';
import type { LaneName, Usage } from '../../functions/domain/model-call.ts';

const PRICES: PriceTable = {
  asOf: '2026-11-12',
  models: {
    text: { input: 1, cached: 0.1, output: 10 },
    uncached: { input: 2, output: 4 },
    image: { input: 1, output: 5, outputImage: 30 },
    changing: {
      ...{ input: 1, output: 1 },
      from: [
        { date: '2027-03-01', input: 3, output: 3 },
        { date: '2027-01-01', input: 2, output: 2 },
      ],
    },
    service: { input: 0, output: 0, call: 0.0125 },
    both: { input: 1, output: 1, call: 0.5 },
    long: { input: 2, output: 12, above: { tokens: 200_000, input: 4, output: 18 } },
    embedding: { input: 0.2, inputImage: 0.45, output: 0, lanes: { flex: null, batch: 0.4 } },
    free: { input: 0, output: 0, outputImage: 0 },
  },
};
const NOVEMBER = Date.UTC(2026, 10, 20);

function cost(model: string, usage: Partial<Usage>, lane: LaneName = 'standard', at = NOVEMBER): number | null {
  const whole = { input: 0, cached: 0, output: 0, outputImage: 0, thoughts: 0, ...usage };
  return costOf({ model, usage: whole, lane, at }, PRICES);
}

describe('the cost of a call in nano-dollars', () => {
  it.each<[string, string, Partial<Usage>, LaneName, number | null]>([
    ['input and output', 'text', { input: 1000, output: 100 }, 'standard', 2_000_000],
    ['thoughts as output', 'text', { thoughts: 100 }, 'standard', 1_000_000],
    ['cached input at its own price', 'text', { input: 1000, cached: 600 }, 'standard', 460_000],
    ['cached input as input where it has no price', 'uncached', { input: 1000, cached: 600 }, 'standard', 2_000_000],
    ['pictures at their own price', 'image', { outputImage: 1120, output: 10 }, 'standard', 33_650_000],
    ['half for flex', 'text', { input: 1000, output: 100 }, 'flex', 1_000_000],
    ['half for batch', 'image', { outputImage: 1000 }, 'batch', 15_000_000],
    ['no second discount on cached input', 'text', { input: 1000, cached: 600 }, 'batch', 260_000],
    [
      'the lane on cached input without a price of its own',
      'uncached',
      { input: 1000, cached: 1000 },
      'flex',
      1_000_000,
    ],
    ['by the call', 'service', {}, 'standard', 12_500_000],
    ['by the call and the tokens, the call in every lane', 'both', { input: 1000 }, 'flex', 500_500_000],
    ['the ordinary tier up to its end', 'long', { input: 200_000, output: 1000 }, 'standard', 412_000_000],
    ['the tier of long inputs, output included', 'long', { input: 200_001, output: 0 }, 'batch', 400_002_000],
    ['pictures in the input at their price', 'embedding', { input: 1000, inputImage: 800 }, 'standard', 400_000],
    ['a share of its own in a lane', 'embedding', { input: 1000, inputImage: 800 }, 'batch', 160_000],
    ['unknown in a lane that is not offered', 'embedding', { input: 1000 }, 'flex', null],
    ['nothing for a free model', 'free', { input: 5, output: 5, outputImage: 5 }, 'standard', 0],
    ['unknown for a model that is not in the table', 'nobody', { input: 1 }, 'standard', null],
    ['unknown for a picture of a model without a price for pictures', 'text', { outputImage: 1 }, 'standard', null],
  ])('%s', (_, model, usage, lane, expected) => {
    expect(cost(model, usage, lane)).toBe(expected);
  });

  it.each([
    ['text-002', 'a version of the model that was asked', 1_000_000],
    ['uncached', 'another model that is in the table', 2_000_000],
  ])('is that of what answered: %s, %s', (modelVersion, _, expected) => {
    const usage = { input: 1000, cached: 0, output: 0, outputImage: 0, thoughts: 0 };
    expect(costOf({ model: 'text', modelVersion, usage, lane: 'standard', at: NOVEMBER }, PRICES)).toBe(expected);
  });

  it('rounds up, and only what is really a fraction', () => {
    const table = { asOf: '2026-11-12', models: { odd: { input: 0.0001, output: 0.1 } } };
    const of = (input: number, output: number) =>
      costOf(
        { model: 'odd', usage: { input, cached: 0, output, outputImage: 0, thoughts: 0 }, lane: 'standard', at: 0 },
        table,
      );
    expect(of(1, 0)).toBe(1);
    expect(of(0, 3)).toBe(300);
  });

  it.each([
    ['2026-12-31T23:59:59Z', 1],
    ['2027-01-01T00:00:00Z', 2],
    ['2027-02-28T23:59:59Z', 2],
    ['2027-03-01T00:00:00Z', 3],
  ])('at %s is that of the day: %i', (time, price) => {
    expect(cost('changing', { input: 1000 }, 'standard', Date.parse(time))).toBe(price * 1_000_000);
  });
});

describe('prices', () => {
  it('names each model without a price once', () => {
    expect(unpricedModels(['text', 'nobody', 'nobody', 'free'], PRICES, NOVEMBER)).toEqual(['nobody']);
  });

  it('names the models that a lane does not have', () => {
    expect(modelsWithoutLane(['text', 'embedding'], PRICES, 'flex')).toEqual(['embedding']);
    expect(modelsWithoutLane(['text', 'embedding'], PRICES, 'batch')).toEqual([]);
  });

  it('are refused with a wrong date or a negative price', () => {
    expect(priceTableSchema.safeParse({ asOf: 'today', models: {} }).success).toBe(false);
    expect(priceTableSchema.safeParse({ asOf: '2026-11-12', models: { m: { input: -1, output: 1 } } }).success).toBe(
      false,
    );
  });

  it.each([
    [0, '$0.00'],
    [33_600_000, '$0.0336'],
    [999_900_000, '$0.9999'],
    [1_000_000_000, '$1.00'],
    [1_234_500_000, '$1.23'],
  ])('%i nano-dollars are %s', (nano, text) => {
    expect(dollars(nano)).toBe(text);
  });
});
