import type { Attempt, Verdict } from '../domain/outcome.ts';
import { quoted } from './prompt-template.ts';

const RANK = { high: 0, medium: 1, low: 2 } as const;

/**
 * What the next prompt must put right: one line per question that any round so far got wrong, most important first. A
 * point that was right again later stays in, or the next picture may lose it again.
 */
export function correctionsFrom(attempts: readonly Pick<Attempt, 'verdicts'>[]): string[] {
  const latest = new Map<string, Verdict>();
  for (const { verdicts } of attempts) {
    for (const verdict of verdicts) if (verdict.verdict === 'fail') latest.set(verdict.id, verdict);
  }
  return [...latest.values()].sort((a, b) => RANK[a.importance] - RANK[b.importance]).map(correctionOf);
}

/** True when a round repeats the mistakes of the judged round before without a better score: more rounds would not help. */
export function isPlateau(before: Attempt | undefined, now: Attempt): boolean {
  if (before === undefined || before.score === null || now.score === null || now.score > before.score) return false;
  return failingIds(before) === failingIds(now);
}

function failingIds(attempt: Attempt): string {
  const failing = attempt.verdicts.filter(({ verdict }) => verdict === 'fail');
  return quoted(failing.map(({ id }) => id).sort());
}

function correctionOf(verdict: Verdict): string {
  return `${verdict.question} must be ${quoted(verdict.expected)} (was ${quoted(verdict.answer)})`;
}
