import { describe, expect, it } from 'vitest';
import { promptTemplate } from '../../functions/recipes/prompt-template.ts';
import { draft, KEYWORDS, names, runWorld, textOf } from './scripted-world.ts';

const all = [1, 2, 3, 4].map((i) => draft(i));
const without = (i: number) => all.filter((_, index) => index !== i - 1);

describe('rubric', () => {
  it('shuffles choices by content alone and keeps the right answer', async () => {
    const [first, second] = [await runWorld({}), await runWorld({})];
    expect(first.outcome?.rubric).toEqual(second.outcome?.rubric);
    const questions = first.outcome?.rubric?.questions ?? [];
    expect(questions.map(({ id, expected }) => [id, expected])).toEqual([
      ['q1', 'red'],
      ['q2', 'no'],
      ['q3', 'left'],
      ['q4', 'no'],
    ]);
    expect([...(questions[0]?.choices ?? [])].sort()).toEqual(['blue', 'green', 'red']);
  });

  it.each([
    ['no question', without(2)],
    ['two questions', [...all, draft(2, { id: 'q9' })]],
    ['an answer that is no choice', [...without(2), draft(2, { answer: 'maybe' })]],
    ['choices that are the same', [...without(2), draft(2, { choices: ['no', 'No'] })]],
    ['one choice', [...without(2), draft(2, { choices: ['no'] })]],
    ['cannot_tell as a choice', [...without(2), draft(2, { choices: ['no', 'cannot_tell'] })]],
  ])('asks again only for the keyword with %s', async (_, questions) => {
    const { outcome, steps } = await runWorld({
      questions: (n, text) => {
        if (n === 1) return { keywords: KEYWORDS, questions };
        expect(text).toContain('"id":"k2"');
        expect(text).not.toContain('"id":"k1"');
        return { keywords: [KEYWORDS[1]], questions: [draft(2)] };
      },
    });
    expect(names(steps).slice(0, 4)).toEqual(['describe', 'questions', 'questions-missing', 'entailment']);
    expect(outcome?.rubric?.questions.map(({ question }) => question)).toEqual(all.map(({ question }) => question));
  });

  it('fails after two more tries rather than leave a keyword out', async () => {
    const { error, steps } = await runWorld({ questions: () => ({ keywords: KEYWORDS, questions: without(3) }) });
    expect(error).toMatchObject({ code: 'rubric_failed' });
    expect((error as Error).message).toContain('"handle left"');
    expect(names(steps)).toEqual(['describe', 'questions', 'questions-missing', 'questions-missing']);
  });

  it('fails without keywords', async () => {
    const { error } = await runWorld({ questions: () => ({ keywords: [], questions: [] }) });
    expect(error).toMatchObject({ code: 'rubric_failed' });
  });

  it('has questions turned when "yes" is right too often, and goes on if that does not help', async () => {
    const yes = [1, 2, 3, 4].map((i) =>
      draft(i, { question: `Is it so ${i}?`, choices: ['yes', 'no'], answer: 'yes' }),
    );
    const turned = draft(4, { question: 'Is it blue?', choices: ['yes', 'no'], answer: 'no' });
    const judge = (_: number, asked: { id: string }[]) => ({
      answers: asked.map(({ id }) => ({ id, evidence: '', choice: id === 'q4' ? 'no' : 'yes' })),
    });
    const helped = await runWorld({
      judge,
      questions: (n, text) => {
        if (n === 1) return { keywords: KEYWORDS, questions: yes };
        expect(text).toMatch(/"id":"k4".*too many right answers/);
        return { keywords: [KEYWORDS[3]], questions: [turned] };
      },
    });
    expect(helped.outcome?.rubric?.questions.map(({ expected }) => expected)).toEqual(['yes', 'yes', 'yes', 'no']);
    const stubborn = await runWorld({ judge, questions: () => ({ keywords: KEYWORDS, questions: yes }) });
    expect(stubborn.outcome?.rubric?.questions).toHaveLength(4);
  });

  it('drops what the description does not settle or nobody confirmed, and counts it', async () => {
    const { outcome } = await runWorld({
      entailment: (asked) => ({
        results: asked.slice(0, 3).map(({ id }) => ({ id, entailed: id !== 'q1' })),
      }),
    });
    expect(outcome?.rubric?.dropped).toBe(2);
    expect(outcome?.rubric?.questions.map(({ id }) => id)).toEqual(['q2', 'q3']);
    expect(outcome?.attempts[0]?.verdicts).toHaveLength(2);
  });

  it('fails when nothing is left to ask', async () => {
    const { error, steps } = await runWorld({ entailment: () => ({ results: [] }) });
    expect(error).toMatchObject({ code: 'rubric_failed' });
    expect(names(steps)).not.toContain('generate');
  });

  it('never shows the photograph to those who write and check the questions', async () => {
    const { steps } = await runWorld({});
    for (const { step, request } of steps) {
      const files = request.parts.filter((part) => 'file' in part);
      expect(files, step).toHaveLength(['questions', 'entailment'].includes(step) ? 0 : 1);
      expect(textOf(request), step).not.toContain('{{');
    }
  });
});

describe('prompt templates', () => {
  it('put values in as they are and miss none', () => {
    const generate = promptTemplate('generate');
    const values = { scene: '"$& {{description}}"', description: '"d"', product: '{}', corrections: '' };
    expect(generate(values)).toContain('"$& {{description}}"');
    expect(() => generate({ scene: '' })).toThrow(/description|no value/);
  });
});
