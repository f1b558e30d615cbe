import { type ErrorCode, ProofsheetError } from '../domain/errors.ts';
import type { FileRef } from '../domain/model-call.ts';
import type { Attempt, Outcome } from '../domain/outcome.ts';
import type { RecipeContext, RequestOf } from '../engine/recipe.ts';
import type { Judgement } from './judge.ts';
import { promptTemplate } from './prompt-template.ts';
import { correctionsFrom, isPlateau } from './refine.ts';

/** What is the same in every round of an item. */
export interface Rounds {
  /** Share of right answers from which on a picture passes. */
  threshold: number;
  maxAttempts: number;
  /** The request for a picture, without its prompt. */
  request: Omit<RequestOf, 'parts'>;
  /** The prompt; `corrections` is empty or a block of its own. */
  promptWith(corrections: string): string;
  judge(candidate: FileRef): Promise<Judgement>;
}

/** A reason why rounds ended before the limit, for the message. */
type Stop = 'passed' | 'plateau' | { refusal: ProofsheetError } | undefined;

const correctionsBlock = promptTemplate('corrections');

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
 * Generates a picture from the input, has it judged, and refines the prompt from every mistake so far, until a picture passes
 * or the rounds are used up. The best picture is shipped. Fails when no round gave a judged picture.
 */
export async function generateInRounds(
  context: RecipeContext<unknown>,
  rounds: Rounds,
  dropped: number,
): Promise<Pick<Outcome, 'state' | 'score' | 'message' | 'result' | 'attempts' | 'best'>> {
  const { attempts, stop } = await attemptsOf(context, rounds);
  const scores = attempts.map(scoreOf);
  const best = attempts[scores.indexOf(Math.max(...scores))];
  if (best?.candidate === undefined || best.score === null) {
    throw new ProofsheetError('internal', 'An item was settled without a judged picture; report this as a bug.');
  }
  return {
    state: best.score >= rounds.threshold ? 'passed' : 'failed',
    score: best.score,
    message: messageOf(best, attempts.length, stop, dropped),
    result: { kind: 'image', file: best.candidate },
    attempts,
    best: best.n,
  };
}

async function attemptsOf(
  context: RecipeContext<unknown>,
  rounds: Rounds,
): Promise<{ attempts: Attempt[]; stop: Stop }> {
  const attempts: Attempt[] = [];
  let corrections: string[] = [];
  for (let n = 1; n <= rounds.maxAttempts; n++) {
    context.beginAttempt(n);
    const before = corrections;
    corrections = correctionsFrom(attempts);
    const lines = corrections.map((line) => `- ${line}`).join('\n');
    const prompt = rounds.promptWith(corrections.length === 0 ? '' : correctionsBlock({ lines }));
    const promptChanges = corrections.filter((line) => !before.includes(line));
    const round = await roundOf(context, rounds, { n, prompt, promptChanges });
    const lastJudged = attempts.findLast(({ score }) => score !== null);
    attempts.push(round.attempt);
    if (round.failure !== undefined) {
      if (lastJudged !== undefined && round.failure.code !== 'judge_undecided') {
        return { attempts, stop: { refusal: round.failure } };
      }
      const last = n === rounds.maxAttempts || !isWorthAnotherRound(round.attempt, round.failure);
      if (last && lastJudged === undefined) throw round.failure;
    } else if (scoreOf(round.attempt) >= rounds.threshold) return { attempts, stop: 'passed' };
    else if (isPlateau(lastJudged, round.attempt)) return { attempts, stop: 'plateau' };
  }
  return { attempts, stop: undefined };
}

/** One generate + judge round. A final refusal becomes the attempt's error; every other failure is thrown. */
async function roundOf(
  context: RecipeContext<unknown>,
  rounds: Rounds,
  planned: Pick<Attempt, 'n' | 'prompt' | 'promptChanges'>,
): Promise<{ attempt: Attempt; failure?: ProofsheetError }> {
  const parts = [{ file: context.input }, { text: planned.prompt }];
  let candidate: FileRef | undefined;
  try {
    candidate = (await context.image('generate', { ...rounds.request, parts })).value;
    const { error, ...judgement } = await rounds.judge(candidate);
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
