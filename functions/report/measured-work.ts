import type { Batch, Counts } from '../domain/batch.ts';
import { estimateError, type Range, type Work, type WorkStep } from '../domain/estimate.ts';
import type { Tally } from './tally.ts';

/** What an item of the batch took on average; undefined where no call was made. */
export function measuredWork(tally: Tally): Work | undefined {
  const { workedItems } = tally;
  if (workedItems === 0) return undefined;
  const steps = [...tally.steps].map(([step, sums]): WorkStep => {
    const priced = sums.calls - sums.unpricedCalls;
    return {
      step,
      model: sums.model,
      isRound: sums.roundCalls * 2 > sums.calls,
      calls: sums.calls / workedItems,
      tokensIn: sums.tokensIn / sums.calls,
      tokensOut: sums.tokensOut / sums.calls,
      seconds: sums.tookMs / 1000 / sums.calls,
      nano: priced === 0 ? null : sums.standardNano / priced,
    };
  });
  return { items: workedItems, rounds: roundsOf(tally), steps };
}

/** What was expected of a batch and what it came to, in nano-dollars; undefined where nothing was expected or not all is known. */
export interface Comparison {
  estimated: Range;
  actual: number;
  /** 0.1: 10 % more than estimated. */
  error: number | null;
  /** Items that the estimate was measured of; 0: typical values. */
  basedOn: number;
}

export function compareWithEstimate(
  { expected }: Pick<Batch, 'expected'>,
  { costNano, unpricedCalls }: Pick<Counts, 'costNano' | 'unpricedCalls'>,
  items: number,
): Comparison | undefined {
  if (expected === undefined || items === 0 || unpricedCalls > 0) return undefined;
  const { low, likely, high } = expected.nano;
  const estimated = { low: low * items, likely: likely * items, high: high * items };
  return { estimated, actual: costNano, error: estimateError(estimated.likely, costNano), basedOn: expected.basedOn };
}

function roundsOf({ attempts }: Tally): number {
  let items = 0;
  let rounds = 0;
  for (const [n, { passed, other }] of attempts) {
    items += passed + other;
    rounds += n * (passed + other);
  }
  return items === 0 ? 1 : rounds / items;
}
