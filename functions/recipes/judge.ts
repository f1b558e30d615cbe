import { z } from 'zod';
import { ProofsheetError } from '../domain/errors.ts';
import type { FileRef } from '../domain/model-call.ts';
import type { Attempt, Question, Verdict } from '../domain/outcome.ts';
import type { RecipeContext } from '../engine/recipe.ts';
import { promptText, quoted } from './prompt-template.ts';
import { CANNOT_TELL, makeRubric, type Rubric } from './rubric.ts';

/** A rubric, frozen, and who judges pictures by it. */
export interface Judge {
  rubric: Rubric;
  judge(candidate: FileRef): Promise<Judgement>;
}

/** `score`: share of right answers among the decided ones; null with an error when fewer than half are decided. */
export type Judgement = Required<Pick<Attempt, 'score' | 'verdicts' | 'judge'>> & { error?: ProofsheetError };

// Evidence stands before the choice so that a model writes down what it sees before it decides.
const judgeSchema = z.object({
  answers: z.array(z.object({ id: z.string(), evidence: z.string(), choice: z.string() })),
});
type Answer = z.infer<typeof judgeSchema>['answers'][number];

const JUDGE = promptText('judge');

/** A rubric of our own making, and a model that answers its questions. */
export async function rubricJudge(
  context: RecipeContext<unknown>,
  of: { textModel: string; judgeModel: string; description: string },
): Promise<Judge> {
  const rubric = await makeRubric(context, { model: of.textModel, description: of.description });
  const { questions } = rubric;
  return { rubric, judge: (candidate) => judgeCandidate(context, { model: of.judgeModel, candidate, questions }) };
}

/**
 * Has a picture judged by all questions in one call; what stays unanswered is asked once more. The judge sees neither
 * the reference nor the right answers. Fails as `RecipeContext.json` does.
 */
async function judgeCandidate(
  context: RecipeContext<unknown>,
  of: { model: string; candidate: FileRef; questions: readonly Question[] },
): Promise<Judgement> {
  const ask = (step: string, questions: readonly Question[]) => {
    const listed = questions.map(({ id, question, choices }) => ({ id, question, choices }));
    const text = `Questions, as JSON:\n${quoted(listed)}`;
    const parts = [{ file: of.candidate }, { text }];
    return context.json(step, { model: of.model, system: JUDGE, parts }, judgeSchema);
  };
  const first = await ask('judge', of.questions);
  const answers = validAnswers(of.questions, first.value.answers);
  const missing = of.questions.filter(({ id }) => !answers.has(id));
  if (missing.length > 0) {
    const more = await ask('judge-missing', missing);
    for (const [id, answer] of validAnswers(missing, more.value.answers)) answers.set(id, answer);
  }
  const verdicts = of.questions.map((question) => verdictOf(question, answers.get(question.id)));
  return { ...scored(verdicts), judge: { name: 'rubric', model: of.model, version: first.modelVersion } };
}

/** First answer per id whose choice is exactly one that was offered. */
function validAnswers(questions: readonly Question[], answers: readonly Answer[]): Map<string, Answer> {
  const valid = new Map<string, Answer>();
  const byId = new Map(questions.map((question) => [question.id, question]));
  for (const answer of answers) {
    const choice = answer.choice.trim();
    const offered = byId.get(answer.id)?.choices.includes(choice) === true || choice === CANNOT_TELL;
    if (offered && byId.has(answer.id) && !valid.has(answer.id)) valid.set(answer.id, { ...answer, choice });
  }
  return valid;
}

function verdictOf(question: Question, answer: Answer | undefined): Verdict {
  if (answer === undefined) return { ...question, answer: null, verdict: 'undecided', evidence: '' };
  const { choice, evidence } = answer;
  const decided = choice === question.expected ? 'pass' : 'fail';
  return { ...question, answer: choice, verdict: choice === CANNOT_TELL ? 'undecided' : decided, evidence };
}

/** The score of a picture, or why it has none. */
export function scored(verdicts: Verdict[]): Pick<Judgement, 'score' | 'verdicts' | 'error'> {
  const decided = verdicts.filter(({ verdict }) => verdict !== 'undecided').length;
  if (decided * 2 < verdicts.length || decided === 0) {
    const message = `The judge decided only ${decided} of ${verdicts.length} questions, too few for a score; look at the picture yourself.`;
    return { verdicts, score: null, error: new ProofsheetError('judge_undecided', message) };
  }
  return { verdicts, score: verdicts.filter(({ verdict }) => verdict === 'pass').length / decided };
}
