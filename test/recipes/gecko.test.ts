import { describe, expect, it } from 'vitest';
import { GECKO } from '../../functions/domain/model-call.ts';
import { outcomeSchema } from '../../functions/domain/outcome.ts';
import { fidelity } from '../../functions/recipes/fidelity.ts';
import { CRITERIA, found, names, runWorld, textOf, type World } from './scripted-world.ts';

/** A service that finds these criteria unmet in picture 1, 2, 3. */
const pictures = (...unmet: (RegExp | undefined)[]): World => ({
  findings: (n, criteria) => found(criteria, unmet[n - 1]),
});
const run = (world: World, settings: Record<string, unknown> = {}) => runWorld(world, { judge: GECKO, ...settings });

describe('fidelity judged by Gecko', () => {
  it('asks for a rubric once and for one judgement per picture, of no other model', async () => {
    const { outcome, steps } = await run({});
    expect(names(steps)).toEqual(['describe', 'rubric', 'generate', 'judge']);
    expect(outcome).toMatchObject({
      state: 'passed',
      score: 1,
      best: 1,
      message: '4 of 4 questions right after 1 round',
    });
    const settings = fidelity.settings.parse({ judge: GECKO });
    expect(fidelity.models(settings)).toEqual([settings.textModel, settings.imageModel, GECKO]);
    expect(fidelity.callsPerItem(settings)).toEqual({ least: 4, most: 8 });
    const longest = await run(pictures(/red|lid/, /left|lid/, /text|red/));
    expect(longest.steps).toHaveLength(8);
  });

  it('has every picture judged by the frozen rubric of the first description', async () => {
    const description = 'A red mug, handle left, no text, no lid.';
    const { steps, outcome } = await run(pictures(/red|lid/, /left|text/, undefined), { threshold: 0.9 });
    const [rubric] = steps.filter(({ step }) => step === 'rubric');
    expect(rubric?.request).toEqual({ kind: 'rubric', model: GECKO, parts: [{ text: description }] });
    const judgements = steps.filter(({ step }) => step === 'judge').map(({ request }) => request);
    const candidates = outcome?.attempts.map(({ candidate }) => candidate);
    expect(candidates).toHaveLength(3);
    expect(judgements).toEqual(
      candidates?.map((file) => ({
        ...{ kind: 'judge', model: GECKO, criteria: CRITERIA },
        parts: [{ text: description }, { file }],
      })),
    );
  });

  it('gives the same shapes as the rubric judge', async () => {
    const { outcome } = await run(pictures(/text|lid/), { maxAttempts: 1 });
    expect(outcomeSchema.parse(outcome)).toEqual(outcome);
    expect(outcome?.rubric).toEqual({
      questions: [
        question('c1', 'Is the mug red?', 'color', 'high'),
        question('c2', 'Is the handle on the left?', 'spatial', 'medium'),
        question('c3', 'Is there no text?', 'other', 'low'),
        question('c4', 'Is there no lid?', 'other', 'medium'),
      ],
      dropped: 0,
    });
    expect(outcome?.attempts[0]).toMatchObject({
      score: 0.5,
      judge: { name: 'gecko', model: GECKO, version: 'm-001' },
      verdicts: [
        { id: 'c1', answer: 'yes', verdict: 'pass', evidence: 'seen c1', expected: 'yes' },
        { id: 'c2', answer: 'yes', verdict: 'pass' },
        { id: 'c3', answer: 'no', verdict: 'fail', evidence: 'seen c3' },
        { id: 'c4', answer: 'no', verdict: 'fail' },
      ],
    });
    expect(outcome?.message).toBe(
      '2 of 4 questions right after 1 round; wrong: Is there no text? (no, not yes), Is there no lid? (no, not yes)',
    );
  });

  it('refines from what was not met, most important first', async () => {
    const { steps } = await run(pictures(/red|text/, undefined), { threshold: 0.9 });
    const second = steps.filter(({ step }) => step === 'generate')[1]?.request;
    const prompt = second === undefined ? '' : textOf(second);
    expect(prompt.match(/^- .* must be .*$/gm)).toEqual([
      '- Is the mug red? must be "yes" (was "no")',
      '- Is there no text? must be "yes" (was "no")',
    ]);
  });

  it('counts a criterion without a finding neither way, and gives no score for too few', async () => {
    const some = (count: number): World => ({ findings: (_, criteria) => found(criteria, /red/).slice(0, count) });
    const { outcome } = await run(some(3), { maxAttempts: 1, threshold: 0.5 });
    expect(outcome).toMatchObject({
      score: 2 / 3,
      message: expect.stringContaining('2 of 3 questions right (1 undecided)'),
    });
    expect(outcome?.attempts[0]?.verdicts[3]).toMatchObject({ answer: null, verdict: 'undecided', evidence: '' });
    expect((await run(some(1))).error).toMatchObject({ code: 'judge_undecided' });
  });

  it('fails rather than judge by hardly any criteria', async () => {
    const { error, steps } = await run({ rubric: () => CRITERIA.slice(0, 2) });
    expect(error).toMatchObject({ code: 'rubric_failed', message: expect.stringContaining('only 2 criteria') });
    expect(names(steps)).toEqual(['describe', 'rubric']);
  });
});

function question(id: string, text: string, category: string, importance: string) {
  return { id, question: text, choices: ['yes', 'no'], expected: 'yes', category, importance };
}
