import { describe, expect, it } from 'vitest';
import type { PriceTable } from '../../functions/domain/cost.ts';
import { estimateLanes, sensibleLane, type TypicalCall, typicalWork } from '../../functions/domain/estimate.ts';
import { costComparison } from '../support/cost-comparison.ts';

const PRICES: PriceTable = {
  asOf: '2026-11-12',
  models: {
    text: { input: 1, output: 10, pictureInput: 1000 },
    tiles: { input: 1, output: 10 },
    image: { input: 1, output: 10, outputImage: 30, picture: 1000, pictureInput: 1000 },
    online: { input: 1, output: 10, lanes: { batch: null } },
  },
};
const AT = Date.UTC(2026, 10, 21);
const call = (change: Partial<TypicalCall>): TypicalCall => ({
  ...{ step: 'one', model: 'text', isRound: false, inputs: 0, made: 0, text: 1000, output: 100, makes: false },
  ...change,
});
const estimate = (calls: TypicalCall[], items = 10, picture?: { width: number; height: number }, mostRounds = 3) => {
  const work = typicalWork(calls, { prices: PRICES, at: AT, mostRounds, ...(picture && { picture }) });
  return estimateLanes(work, { items, mostRounds, maxConcurrent: 5, prices: PRICES });
};

it('computes a published comparison anew and says where it is wrong', () => {
  const text = costComparison().join('\n');
  expect(text).toContain('| Original pipeline | $0.0000458 | $0.3655 | - |');
  expect(text).toContain('| Optimized individual | $0.0000255 | $0.2037 | 44.3 % |');
  expect(text).toMatch(/\| Batch API \| \$0\.000012[78] \| \$0\.101[89] \| 72\.1 % \|/);
  expect(text).toContain('save $13.71');
  expect(text).toContain('the batch lane saves 50.0 %');
});

describe('an estimate', () => {
  it('is half the price in the lanes that wait, of the same calls and tokens', () => {
    const [standard, flex, batch] = estimate([call({ inputs: 1 })]);
    // 10 calls of 2000 tokens in and 100 out.
    const usd = { low: 0.03, likely: 0.03, high: 0.03 };
    expect(standard).toMatchObject({ lane: 'standard', calls: { likely: 10 }, tokens: { likely: 21_000 }, usd });
    const half = { low: 0.015, likely: 0.015, high: 0.015 };
    expect(flex).toMatchObject({ lane: 'flex', calls: standard?.calls, tokens: standard?.tokens, usd: half });
    expect(batch).toMatchObject({ lane: 'batch', calls: standard?.calls, tokens: standard?.tokens, usd: half });
  });

  it('ranges from every item passing at once to every item using all rounds', () => {
    const round = call({ step: 'generate', model: 'image', isRound: true, text: 0, output: 0, makes: true });
    const [standard] = estimate([call({}), round]);
    expect(standard?.calls).toEqual({ low: 20, likely: 24, high: 40 });
    // 2000 nano-dollars of text and 30,000 a picture, in thousands.
    expect(standard?.usd).toEqual({ low: 0.32, likely: 0.44, high: 0.92 });
  });

  it('goes by the size of the pictures where their tokens do', () => {
    const tokens = (width: number, height: number) =>
      estimate([call({ model: 'tiles', inputs: 1, text: 0, output: 0 })], 1, { width, height })[0]?.tokens.likely;
    expect([tokens(300, 300), tokens(1024, 768), tokens(3000, 2000)]).toEqual([258, 516, 3096]);
  });

  it('has no dollars for a lane that a model does not have, nor for an unknown price', () => {
    expect(estimate([call({ model: 'online' })]).map(({ usd }) => usd === null)).toEqual([false, false, true]);
    expect(estimate([call({ model: 'nobody' })]).map(({ usd }) => usd)).toEqual([null, null, null]);
  });

  it.each<[number, string, string]>([
    [10, 'text', 'standard'],
    [60, 'text', 'flex'],
    [5000, 'text', 'batch'],
    [5000, 'online', 'flex'],
    [5000, 'nobody', 'standard'],
  ])('for %i items with the model %s advises %s, with a reason', (items, model, lane) => {
    const choice = sensibleLane(estimate([call({ model })], items), items);
    expect(choice.lane).toBe(lane);
    expect(choice.reason).toMatch(/\w+.*\.$/);
  });
});
