import { ProofsheetError } from '../domain/errors.ts';
import { type Criterion, GECKO, type JudgeAnswer } from '../domain/model-call.ts';
import type { Question, Verdict } from '../domain/outcome.ts';
import type { RecipeContext } from '../engine/recipe.ts';
import { type Judge, scored } from './judge.ts';
import { LEAST_QUESTIONS } from './rubric.ts';

/**
 * Gecko as the judge: the service makes the criteria of the description, once, and gets the same ones back with every
 * picture. Each is a question to be answered with yes; the score is counted here from the answers, as for any other judge.
 */
export async function geckoJudge(context: RecipeContext<unknown>, description: string): Promise<Judge> {
  const text = { text: description };
  const { criteria } = (await context.rubric('rubric', { model: GECKO, parts: [text] })).value;
  if (criteria.length < LEAST_QUESTIONS) {
    throw new ProofsheetError(
      'rubric_failed',
      `${GECKO} made only ${criteria.length} criteria of the description, too few to judge a picture by; check the picture and the text model.`,
    );
  }
  const questions = criteria.map(questionOf);
  return {
    rubric: { questions, dropped: 0 },
    async judge(candidate) {
      const parts = [text, { file: candidate }];
      const { value, modelVersion } = await context.judge('judge', { model: GECKO, parts, criteria });
      const verdicts = questions.map((question) => verdictOf(question, value.findings));
      return { ...scored(verdicts), judge: { name: 'gecko', model: GECKO, version: modelVersion } };
    },
  };
}

function questionOf({ id, text, type, importance }: Criterion): Question {
  return {
    id,
    question: text,
    choices: ['yes', 'no'],
    expected: 'yes',
    category: type?.toLowerCase() ?? 'other',
    importance: IMPORTANCE[importance ?? 'MEDIUM'],
  };
}

const IMPORTANCE = { HIGH: 'high', MEDIUM: 'medium', LOW: 'low' } as const;

/** A criterion that the service said nothing about counts neither way. */
function verdictOf(question: Question, findings: JudgeAnswer['findings']): Verdict {
  const finding = findings.find(({ id }) => id === question.id);
  if (finding === undefined) return { ...question, answer: null, verdict: 'undecided', evidence: '' };
  const { met, reasoning } = finding;
  return { ...question, answer: met ? 'yes' : 'no', verdict: met ? 'pass' : 'fail', evidence: reasoning };
}
