import { describe, expect, it } from 'vitest';
import { promptTemplate } from '../../functions/recipes/prompt-template.ts';
import { draft, KEYWORDS, names, runWorld, textOf } from './scripted-world.ts';

const all = [1, 2, 3, 4].map((i) => draft(i));
const without = (i: number) => all.filter((_, index) => index !== i - 1);

/** Keywords with a question each, all of which are rightly answered with "no". */
function manyOf(count: number) {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const keywords = numbers.map((n) => ({ id: `k${n}`, text: `part ${n}`, category: 'part' }));
  const own = (n: number) => ({ id: `q${n}`, keywordId: `k${n}`, question: `Is there a part ${n}?` });
  return [keywords, numbers.map((n) => draft(2, own(n)))] as const;
}

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
        results: asked.slice(0, 3).map(({ id }) => ({ id, entailed: true })),
      }),
    });
    expect(outcome?.rubric?.dropped).toBe(1);
    expect(outcome?.rubric?.questions.map(({ id }) => id)).toEqual(['q1', 'q2', 'q3']);
    expect(outcome?.attempts[0]?.verdicts).toHaveLength(3);
    expect(outcome?.message).toBe('3 of 3 questions right (1 dropped) after 1 round');
  });

  it.each([0, 1, 2])('fails when %i of 4 questions are left', async (left) => {
    const { error, steps } = await runWorld({
      entailment: (asked) => ({ results: asked.slice(0, left).map(({ id }) => ({ id, entailed: true })) }),
    });
    expect(error).toMatchObject({ code: 'rubric_failed' });
    expect((error as Error).message).toContain(`Only ${left} of 4 questions`);
    expect(names(steps)).not.toContain('generate');
  });

  it.each([
    [3, undefined],
    [4, 'passed'],
  ])('with %i of 9 questions left ends %s', async (left, end) => {
    const [keywords, questions] = manyOf(9);
    const { outcome, error } = await runWorld({
      questions: () => ({ keywords, questions }),
      entailment: (asked) => ({ results: asked.slice(0, left).map(({ id }) => ({ id, entailed: true })) }),
      judge: (_, asked) => ({ answers: asked.map(({ id }) => ({ id, evidence: '', choice: 'no' })) }),
    });
    expect(outcome?.state).toBe(end);
    if (end === undefined) expect(error).toMatchObject({ code: 'rubric_failed' });
  });

  it('asks again about every keyword that shares its id with another', async () => {
    const shared = KEYWORDS.map((keyword) => ({ ...keyword, id: 'k1' }));
    const { outcome, steps } = await runWorld({
      questions: (n, text) => {
        if (n === 1) return { keywords: shared, questions: [draft(1)] };
        const open: { id: string; text: string }[] = JSON.parse(text.slice(text.indexOf('as JSON:\n') + 9));
        expect(open.map((keyword) => keyword.text)).toEqual(KEYWORDS.map((keyword) => keyword.text));
        return { keywords: open, questions: open.map(({ id }, index) => draft(index + 1, { keywordId: id })) };
      },
    });
    expect(outcome?.rubric?.questions.map(({ question }) => question)).toEqual(all.map(({ question }) => question));
    expect(outcome?.message).toBe('4 of 4 questions right after 1 round');
    expect(names(steps).slice(1, 3)).toEqual(['questions', 'questions-missing']);
  });

  it('fails rather than judge by one question when keywords keep sharing one id', async () => {
    const shared = KEYWORDS.map((keyword) => ({ ...keyword, id: 'k1' }));
    const { error } = await runWorld({ questions: () => ({ keywords: shared, questions: [draft(1)] }) });
    expect(error).toMatchObject({ code: 'rubric_failed' });
  });

  it('takes a keyword that is listed twice for one', async () => {
    const { outcome, steps } = await runWorld({
      questions: () => ({ keywords: [...KEYWORDS, KEYWORDS[0]], questions: all }),
    });
    expect(outcome?.rubric?.questions).toHaveLength(4);
    expect(names(steps)).not.toContain('questions-missing');
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
