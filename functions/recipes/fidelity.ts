import { z } from 'zod';
import { type ErrorCode, ProofsheetError } from '../domain/errors.ts';
import type { FileRef } from '../domain/model-call.ts';
import type { Attempt, Outcome } from '../domain/outcome.ts';
import type { Recipe, RecipeContext } from '../engine/recipe.ts';
import { judgeCandidate } from './judge.ts';
import { promptTemplate, promptText, quoted } from './prompt-template.ts';
import { correctionsFrom, isPlateau } from './refine.ts';
import { makeRubric, type Rubric } from './rubric.ts';

const settingsSchema = z.object({
  textModel: z.string().min(1).default('gemini-3.1-flash-lite'),
  imageModel: z.string().min(1).default('gemini-nano-banana-2.1'),
  judgeModel: z.string().min(1).default('gemini-3.8-flash'),
  judge: z.enum(['rubric', 'gecko_text2image_v1']).default('rubric'),
  /** Share of right answers from which on a picture passes. */
  threshold: z.number().min(0).max(1).default(0.7),
  maxAttempts: z.number().int().min(1).max(10).default(3),
  /** The scene the user wishes for. */
  prompt: z.string().max(4000).optional(),
  aspectRatio: z
    .string()
    .regex(/^\d{1,2}:\d{1,2}$/, 'must look like 1:1 or 16:9')
    .optional(),
});
type Settings = z.infer<typeof settingsSchema>;

interface Product {
  description: string;
  rubric: Rubric;
}

/** A reason why rounds ended before the limit, for the message. */
type Stop = 'passed' | 'plateau' | { refusal: ProofsheetError } | undefined;

const DESCRIBE = promptText('describe');
const generatePrompt = promptTemplate('generate');
const correctionsBlock = promptTemplate('corrections');
const ANY_SCENE = 'a fitting, uncluttered place where such a product would be used or shown, in soft daylight';

/** Refusals after which another picture from the same prompt, or a refined one, may well be given. */
const WORTH_ANOTHER_ROUND: readonly ErrorCode[] = [
  'image_safety',
  'no_image',
  'image_other',
  'answered_in_words',
  'empty_answer',
  'model_declined',
];
/** Useless answers that are final for their question. Every other failure is not the picture's and ends the pass. */
const FINAL_ANSWERS: readonly ErrorCode[] = [
  ...WORTH_ANOTHER_ROUND,
  'prompt_blocked',
  'safety',
  'prohibited_content',
  'blocklist',
  'sensitive_data',
  'recitation',
  'unsupported_language',
  'image_prohibited_content',
  'image_recitation',
  'truncated_answer',
  'malformed_answer',
  'invalid_request',
  'judge_undecided',
];

/**
 * Describes a product, re-generates its picture in a new scene, judges the pixels by a frozen rubric, and refines the
 * prompt from every mistake so far, until a picture passes or the rounds are used up. The best picture is shipped.
 */
export const fidelity: Recipe<Settings> = {
  name: 'fidelity',
  version: 1,
  settings: settingsSchema,
  intake: 'image',
  stepCap: 100,
  models(settings) {
    checkJudge(settings);
    return [...new Set([settings.textModel, settings.imageModel, settings.judgeModel])];
  },
  callsPerItem: ({ maxAttempts }) => ({ least: 5, most: 3 + 2 * maxAttempts }),
  async run(context) {
    checkJudge(context.settings);
    const { textModel } = context.settings;
    const description = await describe(context);
    const rubric = await makeRubric(context, { model: textModel, description });
    const { attempts, stop } = await rounds(context, { description, rubric });
    return outcomeOf(context.settings, { description, rubric }, attempts, stop);
  },
};

function checkJudge(settings: Settings): void {
  if (settings.judge === 'rubric') return;
  throw new ProofsheetError(
    'usage',
    `The judge "${settings.judge}" is not available yet; set the judge to "rubric" (JUDGE=rubric).`,
    { scope: 'batch' },
  );
}

async function describe(context: RecipeContext<Settings>): Promise<string> {
  const text = `Catalogue data of the product, as JSON: ${quoted(context.metadata)}`;
  const parts = [{ file: context.input }, { text }];
  const answer = await context.text('describe', { model: context.settings.textModel, system: DESCRIBE, parts });
  return answer.value.trim();
}

async function rounds(
  context: RecipeContext<Settings>,
  product: Product,
): Promise<{ attempts: Attempt[]; stop: Stop }> {
  const attempts: Attempt[] = [];
  let corrections: string[] = [];
  for (let n = 1; n <= context.settings.maxAttempts; n++) {
    context.beginAttempt(n);
    const before = corrections;
    corrections = correctionsFrom(attempts);
    const prompt = promptOf(context, product.description, corrections);
    const promptChanges = corrections.filter((line) => !before.includes(line));
    const round = await roundOf(context, product.rubric, { n, prompt, promptChanges });
    const lastJudged = attempts.findLast(({ score }) => score !== null);
    attempts.push(round.attempt);
    if (round.failure !== undefined) {
      if (lastJudged !== undefined && round.failure.code !== 'judge_undecided') {
        return { attempts, stop: { refusal: round.failure } };
      }
      const last = n === context.settings.maxAttempts || !isWorthAnotherRound(round.attempt, round.failure);
      if (last && lastJudged === undefined) throw round.failure;
    } else if (scoreOf(round.attempt) >= context.settings.threshold) return { attempts, stop: 'passed' };
    else if (isPlateau(lastJudged, round.attempt)) return { attempts, stop: 'plateau' };
  }
  return { attempts, stop: undefined };
}

/** One generate + judge round. A final refusal becomes the attempt's error; every other failure is thrown. */
async function roundOf(
  context: RecipeContext<Settings>,
  rubric: Rubric,
  planned: Pick<Attempt, 'n' | 'prompt' | 'promptChanges'>,
): Promise<{ attempt: Attempt; failure?: ProofsheetError }> {
  const { imageModel, judgeModel, aspectRatio } = context.settings;
  const parts = [{ file: context.input }, { text: planned.prompt }];
  let candidate: FileRef | undefined;
  try {
    const ratio = aspectRatio === undefined ? {} : { aspectRatio };
    candidate = (await context.image('generate', { model: imageModel, parts, ...ratio })).value;
    const { questions } = rubric;
    const { error, ...judgement } = await judgeCandidate(context, { model: judgeModel, candidate, questions });
    const attempt = { ...planned, candidate, ...judgement };
    return error === undefined ? { attempt } : { attempt: { ...attempt, error: shown(error) }, failure: error };
  } catch (thrown) {
    if (!isFinalAnswer(thrown)) throw thrown;
    const shots = candidate === undefined ? {} : { candidate };
    const attempt = { ...planned, ...shots, score: null, verdicts: [], error: shown(thrown) };
    return { attempt, failure: thrown };
  }
}

function isFinalAnswer(thrown: unknown): thrown is ProofsheetError {
  return (
    thrown instanceof ProofsheetError &&
    thrown.disposition === 'permanent' &&
    thrown.scope === 'item' &&
    FINAL_ANSWERS.includes(thrown.code)
  );
}

/** A judge that fails would mostly fail on the next picture too; one that could not see enough may see more there. */
function isWorthAnotherRound(attempt: Attempt, failure: ProofsheetError): boolean {
  if (attempt.candidate !== undefined) return failure.code === 'judge_undecided';
  return WORTH_ANOTHER_ROUND.includes(failure.code);
}

function shown({ code, message }: ProofsheetError): Attempt['error'] {
  return { code, message };
}

function promptOf(context: RecipeContext<Settings>, description: string, corrections: readonly string[]): string {
  const lines = corrections.map((line) => `- ${line}`).join('\n');
  return generatePrompt({
    scene: quoted(context.settings.prompt ?? ANY_SCENE),
    description: quoted(description),
    product: quoted(context.metadata),
    corrections: corrections.length === 0 ? '' : correctionsBlock({ lines }),
  });
}

function outcomeOf(settings: Settings, product: Product, attempts: Attempt[], stop: Stop): Outcome {
  const scores = attempts.map(scoreOf);
  const best = attempts[scores.indexOf(Math.max(...scores))];
  if (best?.candidate === undefined || best.score === null) {
    throw new ProofsheetError('internal', 'A product was settled without a judged picture; report this as a bug.');
  }
  return {
    state: best.score >= settings.threshold ? 'passed' : 'failed',
    score: best.score,
    message: messageOf(best, attempts.length, stop, product.rubric.dropped),
    result: { kind: 'image', file: best.candidate },
    description: product.description,
    rubric: product.rubric,
    attempts,
    best: best.n,
  };
}

function scoreOf(attempt: Attempt): number {
  return attempt.score ?? -1;
}

/** For example `8 of 9 questions right (2 dropped) after 2 rounds; wrong: Which colour is the lid? (red, not brown)`. */
function messageOf(best: Attempt, roundCount: number, stop: Stop, dropped: number): string {
  const count = (verdict: string) => best.verdicts.filter((one) => one.verdict === verdict).length;
  const [right, open] = [count('pass'), count('undecided')];
  const wrong = best.verdicts.filter(({ verdict }) => verdict === 'fail');
  const notes = [...(open > 0 ? [`${open} undecided`] : []), ...(dropped > 0 ? [`${dropped} dropped`] : [])];
  const uncounted = notes.length === 0 ? '' : ` (${notes.join(', ')})`;
  const after = roundCount === 1 ? '1 round' : `${roundCount} rounds`;
  const shipped = best.n === roundCount ? '' : `, best was round ${best.n}`;
  const named = wrong.slice(0, 2).map((one) => clipped(`${one.question} (${one.answer}, not ${one.expected})`, 140));
  const more = wrong.length > 2 ? ` and ${wrong.length - 2} more` : '';
  const mistakes = wrong.length === 0 ? '' : `; wrong: ${named.join(', ')}${more}`;
  const reason = stop === 'plateau' ? '; stopped because the same mistakes came back' : '';
  const refusal = typeof stop === 'object' ? `; stopped: ${clipped(stop.refusal.message, 140)}` : '';
  return `${right} of ${right + wrong.length} questions right${uncounted} after ${after}${shipped}${mistakes}${reason}${refusal}`;
}

function clipped(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
