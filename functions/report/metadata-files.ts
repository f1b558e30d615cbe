import { passRateOf, settledOf } from '../domain/batch.ts';
import { errorCodeSchema, remedyFor } from '../domain/errors.ts';
import { type ReportItem, usd } from './item-row.ts';
import { type Comparison, compareWithEstimate } from './measured-work.ts';
import { optimizationRecord, type WorkedWith } from './prompt-versions.ts';
import type { ReportHead, TextReport } from './report-format.ts';
import { holdsAllCalls, type Reason, type StepTally, type Tally } from './tally.ts';

/** `processing_stats.json`: how much, how long, how dear, by model and by step. Durations in seconds, cost in dollars. */
export function processingStats({ batch, counts, run }: ReportHead, tally: Tally) {
  const seconds = tally.seconds.toSorted((a, b) => a - b);
  const sum = seconds.reduce((total, value) => total + value, 0);
  return {
    ...run,
    settled: settledOf(counts),
    pass_rate: passRateOf(counts),
    average_score: counts.scored === 0 ? null : counts.scoreSum / counts.scored,
    attempts: counts.attempts,
    attempts_per_item: Object.fromEntries([...tally.attempts].map(([n, { passed, other }]) => [n, passed + other])),
    created_at: new Date(batch.createdAt).toISOString(),
    finished_at: batch.finishedAt === undefined ? null : new Date(batch.finishedAt).toISOString(),
    items_per_minute: run.seconds === 0 ? null : (settledOf(counts) / run.seconds) * 60,
    item_seconds: {
      mean: seconds.length === 0 ? null : sum / seconds.length,
      median: quantile(seconds, 0.5),
      p95: quantile(seconds, 0.95),
      max: seconds.at(-1) ?? null,
    },
    /** An item that was taken again has only the calls of its last take in `models` and `steps`. */
    calls_in_tables: holdsAllCalls(tally, { calls: counts.calls - (batch.optimization?.calls ?? 0) })
      ? 'all'
      : 'last take of each item',
    prompt_optimization: optimizerSums(batch),
    models: tableOf(tally.models),
    steps: tableOf(tally.steps),
    judges: [...tally.judges],
    estimate: estimateOf(compareWithEstimate(batch, counts, tally.workedItems)),
    ignored_files: batch.ignored,
  };
}

/** Null where nothing was estimated when the batch began. */
function estimateOf(compared: Comparison | undefined) {
  if (compared === undefined) return null;
  const { estimated, actual, error, basedOn } = compared;
  return {
    low_usd: estimated.low / 1e9,
    likely_usd: estimated.likely / 1e9,
    high_usd: estimated.high / 1e9,
    actual_usd: actual / 1e9,
    error,
    measured_items: basedOn,
  };
}

/**
 * `error_analysis.json`: why items did not pass, by code, by kind of file and by the step at which they ended, each with what to
 * do, how often, and up to five examples.
 */
export function errorAnalysis({ counts }: ReportHead, tally: Tally) {
  return {
    counts: { failed: counts.failed, error: counts.error, skipped: counts.skipped, cancelled: counts.cancelled },
    by_code: sorted(tally.reasons).map(([code, reason]) => ({ code, remedy: remedyOf(code), ...reason })),
    by_file_kind: Object.fromEntries(
      [...tally.kinds].map(([kind, { items, codes }]) => [kind, { items, by_code: codesOf(codes) }]),
    ),
    by_step: Object.fromEntries([...tally.failedSteps].map(([step, codes]) => [step, codesOf(codes)])),
    useless_answers_by_step: Object.fromEntries(
      [...tally.steps].filter(([, sums]) => sums.codes.size > 0).map(([step, sums]) => [step, codesOf(sums.codes)]),
    ),
    questions_by_category: Object.fromEntries(tally.categories),
  };
}

/** Calls that are no item's; null where no prompt was to be improved. */
function optimizerSums({ optimize, optimization }: ReportHead['batch']) {
  if (optimize === undefined || optimization === undefined) return null;
  return { budget_calls: optimize.calls, calls: optimization.calls, cost_usd: usd(optimization) };
}

/**
 * `prompt_evolution.json`: for every item that was tried, each round's prompt, what was new in it and the scores around it; and what was
 * done to improve the prompt of all. `worked` is complete when the tail is asked for.
 */
export function promptEvolution({ batch }: ReportHead, worked: WorkedWith): TextReport {
  let first = true;
  return {
    head: () => '{"items": [',
    item: (entry) => {
      const evolution = evolutionOf(entry);
      if (evolution === undefined) return '';
      const separator = first ? '' : ',';
      first = false;
      return `${separator}\n${JSON.stringify(evolution)}`;
    },
    tail: () => [
      `${first ? '' : '\n'}],\n"optimization": ${JSON.stringify(optimizationRecord(batch, worked), null, 2)}}\n`,
    ],
  };
}

/** What to do about a reason, one sentence. */
export function remedyOf(code: string): string {
  const known = errorCodeSchema.safeParse(code);
  return known.success ? remedyFor(known.data) : '';
}

function evolutionOf({ item, detail }: ReportItem) {
  const outcome = detail?.outcome;
  if (outcome === undefined || outcome.attempts.length === 0) return undefined;
  return {
    item_id: item.id,
    name: item.name,
    state: item.state,
    best: outcome.best ?? null,
    ...(item.prompt !== undefined && { prompt_version: item.prompt.version }),
    attempts: outcome.attempts.map((attempt, index) => ({
      attempt: attempt.n,
      prompt: attempt.prompt,
      added: attempt.promptChanges,
      score_before: outcome.attempts[index - 1]?.score ?? null,
      score_after: attempt.score,
    })),
  };
}

function tableOf(sums: Map<string, StepTally>) {
  return Object.fromEntries([...sums].map(([name, step]) => [name, stepSums(step)]));
}

function stepSums(sums: StepTally) {
  return {
    calls: sums.calls,
    tokens_in: sums.tokensIn,
    tokens_out: sums.tokensOut,
    tries: sums.tries,
    seconds: sums.tookMs / 1000,
    cost_usd: usd(sums),
    ...(sums.unpricedCalls > 0 ? { unpriced_calls: sums.unpricedCalls } : {}),
    versions: [...sums.versions],
  };
}

function codesOf(codes: Map<string, Reason>) {
  return Object.fromEntries(sorted(codes).map(([code, reason]) => [code, { remedy: remedyOf(code), ...reason }]));
}

/** The most frequent first. */
function sorted(codes: Map<string, Reason>): [string, Reason][] {
  return [...codes].toSorted(([, a], [, b]) => b.count - a.count);
}

function quantile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
}
