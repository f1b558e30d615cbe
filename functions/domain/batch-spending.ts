import type { Batch, Counts } from './batch.ts';

/** A batch's counters with the calls that improving its prompt took, which are no item's. */
export function withOptimizer({ optimization }: Pick<Batch, 'optimization'>, counts: Counts): Counts {
  if (optimization === undefined) return counts;
  return {
    ...counts,
    calls: counts.calls + optimization.calls,
    costNano: counts.costNano + optimization.costNano,
    unpricedCalls: counts.unpricedCalls + optimization.unpricedCalls,
  };
}
