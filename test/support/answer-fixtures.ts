import type { Batch } from '../../functions/domain/batch.ts';
import { type Outcome, resultLine, type StepSummary } from '../../functions/domain/outcome.ts';
import { sha256 } from '../../functions/lib/hash.ts';
import type { ReportItem } from '../../functions/report/item-row.ts';
import type { Product } from './report-fixtures.ts';

const STEP: StepSummary = {
  ...{ key: 'answer', attempt: 0, model: 'gemini-3-flash', modelVersion: 'gemini-3-flash-002', lane: 'standard' },
  ...{ tokensIn: 1200, tokensOut: 90, tookMs: 1200, tries: 1, costNano: 1_000_000 },
};

/** An item of a recipe without rounds: one call, answered in words or JSON; without a result it timed out. */
export function answeredItem(
  batch: Batch,
  n: number,
  of: { name?: string; metadata?: Record<string, string>; result?: Outcome['result']; product?: Product },
): ReportItem {
  const { name = `item-${n}.jpg`, metadata = {}, result = null, product } = of;
  const state = result === null ? ('error' as const) : ('passed' as const);
  const said = result?.kind === 'text' ? result.text : result?.kind === 'json' ? resultLine(result.value) : '';
  const summary = {
    ...{ score: null, attempts: 0, calls: 1, costNano: 1_000_000, unpricedCalls: 0, seconds: 1.2 },
    message: result === null ? 'The service did not answer in time.' : 'The model answered.',
    result: said.slice(0, 300),
    ...(result === null && { code: 'timeout' as const }),
  };
  const outcome = { state: 'passed' as const, score: null, message: summary.message, result, attempts: [] };
  return {
    item: {
      ...{ batchId: batch.id, id: sha256(`${batch.id}/${n}`), name, source: `/shop/photos/${name}`, metadata },
      ...{ contentHash: sha256(name), workKey: sha256(`work/${n}`), state, shard: 0, fence: 1, claims: 0, epoch: 0 },
      summary,
    },
    detail: {
      steps: [STEP],
      candidateThumbnails: {},
      ...(product && { reference: product.reference, referenceThumbnail: product.referenceThumbnail }),
      ...(result !== null && { outcome }),
    },
  };
}
