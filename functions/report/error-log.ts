import type { Batch, Item, ItemSummary, TerminalState } from '../domain/batch.ts';
import { remedyFor } from '../domain/errors.ts';
import type { Attempt, ItemDetail, Verdict } from '../domain/outcome.ts';
import { oneLine } from './safe-text.ts';

/** The text of `failed/<name>_error.log`: what happened to one item and what to do, for people. */
export function errorLog(of: {
  batch: Batch;
  item: Item;
  state: TerminalState;
  summary: ItemSummary;
  detail: ItemDetail;
}): string {
  const { batch, item, state, summary, detail } = of;
  const lines = [
    `${oneLine(item.name)}: ${state}`,
    '',
    `What happened  ${oneLine(summary.message)}`,
    ...(summary.code === undefined
      ? []
      : [`Code           ${summary.code}`, `What to do     ${remedyFor(summary.code)}`]),
    ...(detail.failedStep === undefined ? [] : [`Step           ${oneLine(detail.failedStep)}`]),
    ...(summary.score === null ? [] : [`Best score     ${summary.score.toFixed(2)}`]),
    '',
    `Source         ${oneLine(item.source)}`,
    `Batch          ${batch.id} (${oneLine(batch.name)})${batch.simulated ? ', simulated' : ''}`,
    `Item           ${item.id}`,
    `Calls          ${summary.calls}`,
  ];
  const outcome = detail.outcome;
  for (const attempt of outcome?.attempts ?? []) lines.push('', ...attemptLines(attempt, attempt.n === outcome?.best));
  const refused = detail.steps.filter((step) => step.code !== undefined);
  if (refused.length > 0) lines.push('', 'Answers that were no use');
  for (const step of refused) lines.push(`  ${oneLine(step.key)}: ${step.code} (${oneLine(step.modelVersion)})`);
  return `${lines.join('\n')}\n`;
}

function attemptLines(attempt: Attempt, best: boolean): string[] {
  const score = attempt.score === null ? 'no valid score' : `score ${attempt.score.toFixed(2)}`;
  const judge = attempt.judge ? `, judged by ${oneLine(attempt.judge.name)} ${oneLine(attempt.judge.version)}` : '';
  return [
    `Attempt ${attempt.n}: ${score}${judge}${best ? ' (best)' : ''}`,
    ...(attempt.error ? [`  ${attempt.error.code}: ${oneLine(attempt.error.message)}`] : []),
    ...attempt.promptChanges.map((change) => `  added to the prompt: ${oneLine(change)}`),
    ...attempt.verdicts.filter((verdict) => verdict.verdict !== 'pass').map(verdictLine),
  ];
}

function verdictLine(verdict: Verdict): string {
  const answer = verdict.answer === null ? 'no answer' : oneLine(verdict.answer);
  const mark = verdict.verdict === 'fail' ? 'failed' : 'undecided';
  return `  ${mark}: ${oneLine(verdict.question)} Expected ${oneLine(verdict.expected)}, got ${answer}. ${oneLine(verdict.evidence)}`;
}
