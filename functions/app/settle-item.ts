import type { Batch, ItemSummary, TerminalState } from '../domain/batch.ts';
import type { ProofsheetError } from '../domain/errors.ts';
import { type StepEntry, totalsOf } from '../domain/journal.ts';
import type { FileRef } from '../domain/model-call.ts';
import { type ItemDetail, type Outcome, resultLine, type StepSummary } from '../domain/outcome.ts';
import type { Claim } from '../platform/ports.ts';
import { writeItemOutputs } from '../report/outputs.ts';
import type { App } from './app.ts';
import { announceIfComplete } from './completion.ts';
import { type PreparedInput, storeThumbnail } from './prepare-input.ts';
import { storeEmbedding } from './store-embedding.ts';

/** How an item ends. */
export type Ending =
  | { state: 'passed' | 'failed'; outcome: Outcome }
  /** `step`: key of the call that was never answered. */
  | { state: 'error' | 'skipped'; error: ProofsheetError; step?: string }
  | { state: 'cancelled'; message: string };

/**
 * Writes the item's results, then settles it: a settled item's files, and its vectors where it has some, are there. Both may be repeated after a crash in between. Wakes the
 * finaliser where the item was the last of its shard, and of the batch.
 */
export async function settleItem(
  app: App,
  batch: Batch,
  claim: Claim,
  ending: Ending,
  steps: readonly StepEntry[],
  prepared: PreparedInput | undefined,
): Promise<void> {
  const detail = await detailOf(app, ending, steps, prepared);
  const summary = summaryOf(ending, steps, detail, claim.item.summary);
  const settlement = { state: ending.state satisfies TerminalState, summary, detail };
  if ('outcome' in ending) await storeEmbedding(app, batch, claim.item, steps);
  await writeItemOutputs(app.files, batch, claim.item, settlement);
  const { shardFull } = await app.journal.settle(claim, settlement);
  app.log.info(
    { batchId: batch.id, itemId: claim.item.id, state: ending.state, code: summary.code, score: summary.score },
    'item settled',
  );
  if (shardFull) await announceIfComplete(app, batch.id);
}

async function detailOf(
  app: App,
  ending: Ending,
  steps: readonly StepEntry[],
  prepared: PreparedInput | undefined,
): Promise<ItemDetail> {
  const outcome = 'outcome' in ending ? ending.outcome : undefined;
  const candidateThumbnails: Record<string, FileRef> = {};
  for (const attempt of outcome?.attempts ?? []) {
    if (attempt.candidate === undefined) continue;
    const picture = await app.files.open(attempt.candidate);
    candidateThumbnails[attempt.n] = await storeThumbnail(app, picture);
  }
  return {
    steps: steps.map(summaryOfStep),
    candidateThumbnails,
    ...(outcome && { outcome }),
    ...('error' in ending && ending.step !== undefined && { failedStep: ending.step }),
    ...(prepared && { inputType: prepared.input.mimeType }),
    // A reference is shown where there is a picture to show.
    ...(prepared?.thumbnail && { reference: prepared.input, referenceThumbnail: prepared.thumbnail }),
  };
}

function summaryOfStep(step: StepEntry): StepSummary {
  const { usage } = step.paid;
  return {
    key: step.key,
    attempt: step.attempt,
    model: step.request.model,
    modelVersion: step.paid.modelVersion,
    lane: step.lane,
    tokensIn: usage.input,
    tokensOut: usage.output + usage.outputImage + usage.thoughts,
    tookMs: step.tookMs,
    tries: step.tries,
    costNano: step.costNano,
    ...(!step.outcome.ok && { code: step.outcome.code }),
    ...(step.adopted && { adopted: true }),
  };
}

function summaryOf(
  ending: Ending,
  steps: readonly StepEntry[],
  detail: ItemDetail,
  before: ItemSummary | undefined,
): ItemSummary {
  const outcome = detail.outcome;
  const best = outcome?.best === undefined ? undefined : detail.candidateThumbnails[outcome.best];
  const thumbnail = best ?? detail.referenceThumbnail;
  const code = codeOf(ending);
  const totals = totalsOf(steps, before);
  return {
    score: outcome?.score ?? null,
    attempts: outcome?.attempts.length ?? Math.max(0, ...steps.map((step) => step.attempt)),
    message: messageOf(ending).slice(0, 600),
    ...totals,
    // To the millisecond: sums of fractions would show digits that mean nothing.
    seconds: Math.round(totals.seconds * 1000) / 1000,
    result: shortResult(outcome),
    ...(code && { code }),
    ...(thumbnail && { thumbnail }),
    ...(best && detail.referenceThumbnail && { referenceThumbnail: detail.referenceThumbnail }),
  };
}

function codeOf(ending: Ending): ItemSummary['code'] {
  if (ending.state === 'failed') return 'below_threshold';
  return 'error' in ending ? ending.error.code : undefined;
}

function messageOf(ending: Ending): string {
  if ('outcome' in ending) return ending.outcome.message;
  return 'error' in ending ? ending.error.message : ending.message;
}

function shortResult(outcome: Outcome | undefined): string {
  const result = outcome?.result;
  if (!result || result.kind === 'image') return '';
  const text = result.kind === 'text' ? result.text : resultLine(result.value);
  return text.replace(/\s+/g, ' ').slice(0, 300);
}
