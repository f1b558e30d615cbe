import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../functions/domain/errors.ts';
import { type StepEntry, stepEntrySchema, stepsWorthKeeping, totalsOf } from '../../functions/domain/journal.ts';
import { sampleStep } from '../contract/samples.ts';

/** Steps in order; a key with `!` was answered uselessly. */
function steps(...keys: string[]): StepEntry[] {
  return keys.map((key, seq) =>
    key.endsWith('!')
      ? { ...sampleStep(key.slice(0, -1), seq), outcome: { ok: false, code: 'no_image', message: 'None.' } }
      : sampleStep(key, seq),
  );
}

describe('steps worth keeping when an item is tried again', () => {
  it.each<[string, string[], ErrorCode | undefined, string[]]>([
    ['all when nothing is wrong with them', ['a', 'b'], 'server_error', ['a', 'b']],
    ['all after a cancel', ['a', 'b'], undefined, ['a', 'b']],
    ['none of none', [], 'server_error', []],
    ['those before the question that was never answered', ['a', 'b!', 'b~1!', 'b~2!'], 'no_image', ['a']],
    ['a question that was answered in the end, with its first tries', ['a!', 'a~1', 'b!'], 'no_image', ['a', 'a~1']],
    ['none after an unanswered first question', ['a!', 'b'], 'safety', []],
    ['the use of a name apart from its other uses', ['judge', 'judge:1!'], 'safety', ['judge']],
    ['none where useful-looking answers were the trouble', ['a', 'b'], 'rubric_failed', []],
    ['none when the recipe asks something else now', ['a', 'b'], 'recipe_changed', []],
    ['those before an unanswered question, also then', ['a', 'b!'], 'judge_undecided', ['a']],
  ])('are %s', (_, keys, code, kept) => {
    expect(stepsWorthKeeping(steps(...keys), code).map((step) => step.key)).toEqual(kept);
  });
});

describe('totals of a journal', () => {
  it('are those of what was really called', () => {
    const entries = [
      { costNano: 100, tookMs: 1500 },
      { costNano: null, tookMs: 500 },
      { costNano: 0, tookMs: 9000, adopted: true },
    ];
    expect(totalsOf(entries)).toEqual({ calls: 2, costNano: 100, unpricedCalls: 1, seconds: 2 });
  });

  it('come on top of those of earlier epochs, which are left as they were', () => {
    const before = { calls: 3, costNano: 50, unpricedCalls: 1, seconds: 4, score: 0.5 };
    expect(totalsOf([{ costNano: 7, tookMs: 1000 }], before)).toEqual({
      ...{ calls: 4, costNano: 57, unpricedCalls: 1, seconds: 5 },
    });
    expect(before.calls).toBe(3);
  });
});

it('steps survive being written and read', () => {
  const step = { ...sampleStep('describe', 0), costNano: null, adopted: true };
  expect(stepEntrySchema.parse(JSON.parse(JSON.stringify(step)))).toEqual(step);
  expect(stepEntrySchema.safeParse({ ...step, tries: 0 }).success).toBe(false);
});
