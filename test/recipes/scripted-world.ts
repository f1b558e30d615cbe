import type { Criterion, JudgeAnswer, ModelAnswer, ModelRequest } from '../../functions/domain/model-call.ts';
import { fidelity } from '../../functions/recipes/fidelity.ts';
import { answer } from '../support/engine-fakes.ts';
import { type RecordedStep, runRecipe, stored } from '../support/run-recipe.ts';

export interface DraftQuestion {
  id: string;
  keywordId: string;
  question: string;
  choices: string[];
  answer: string;
  importance: string;
}
export interface JudgedQuestion {
  id: string;
  question: string;
  choices: string[];
}
type Answers = { id: string; evidence: string; choice: string }[];

/** What the models of a test say; everything left out is a well-behaved default with four questions. */
export interface World {
  describe?: () => ModelAnswer;
  /** `n` counts the calls, from 1. */
  questions?: (n: number, text: string) => unknown;
  entailment?: (asked: { id: string; question: string; answer: string }[]) => unknown;
  generate?: (n: number, prompt: string) => ModelAnswer;
  judge?: (n: number, asked: JudgedQuestion[]) => unknown;
  /** Answers of a judging service: its criteria, and what it finds by them in the nth picture. */
  rubric?: () => Criterion[];
  findings?: (n: number, criteria: readonly Criterion[]) => JudgeAnswer['findings'];
}

export const CRITERIA: readonly Criterion[] = [
  { id: 'c1', text: 'Is the mug red?', type: 'COLOR', importance: 'HIGH' },
  { id: 'c2', text: 'Is the handle on the left?', type: 'SPATIAL' },
  { id: 'c3', text: 'Is there no text?', importance: 'LOW' },
  { id: 'c4', text: 'Is there no lid?' },
];

/** Findings of a judging service that sees all criteria met but those that match. */
export function found(criteria: readonly Criterion[], unmet?: RegExp): JudgeAnswer['findings'] {
  return criteria.map(({ id, text }) => ({ id, met: unmet?.test(text) !== true, reasoning: `seen ${id}` }));
}

export const KEYWORDS = ['mug', 'black', 'handle left', 'no text'].map((text, index) => ({
  id: `k${index + 1}`,
  text,
  category: 'part',
}));

/** Question i of four; the right answers are red, no, left, no. */
export function draft(i: number, over: Partial<DraftQuestion> = {}): DraftQuestion {
  const [question, choices, right, importance] = [
    ['Which colour is it?', ['red', 'blue', 'green'], 'red', 'high'] as const,
    ['Is there a lid?', ['yes', 'no'], 'no', 'low'] as const,
    ['Where is the handle?', ['left', 'right'], 'left', 'high'] as const,
    ['Is there any text?', ['yes', 'no'], 'no', 'medium'] as const,
  ][i - 1] ?? ['?', ['yes', 'no'], 'yes', 'low'];
  return { id: `q${i}`, keywordId: `k${i}`, question, choices: [...choices], answer: right, importance, ...over };
}

export const RIGHT: Record<string, string> = Object.fromEntries(
  [1, 2, 3, 4].map((i) => [draft(i).question, draft(i).answer]),
);
const WRONG: Record<string, string> = {
  'Which colour is it?': 'blue',
  'Is there a lid?': 'yes',
  'Where is the handle?': 'right',
  'Is there any text?': 'yes',
};

/** Answers of a judge who finds the questions wrong that match, and all others right. */
export function judged(asked: readonly JudgedQuestion[], wrong: RegExp | undefined): { answers: Answers } {
  return {
    answers: asked.map(({ id, question }) => ({
      id,
      evidence: 'seen',
      choice: (wrong?.test(question) === true ? WRONG : RIGHT)[question] ?? 'cannot_tell',
    })),
  };
}

export function picture(n: number): ModelAnswer {
  return answer({ image: { bytes: Uint8Array.of(n), mimeType: 'image/png' } });
}

/** Models that behave as the world says, with the calls they got. */
export function worldModels(world: World) {
  const counts = { questions: 0, generate: 0, judge: 0 };
  return {
    call(request: ModelRequest): Promise<ModelAnswer> {
      return Promise.resolve().then(() => reply(world, request, counts));
    },
    check: () => Promise.resolve([]),
  };
}

function reply(world: World, request: ModelRequest, counts: { questions: number; generate: number; judge: number }) {
  const text = textOf(request);
  if (request.kind === 'text')
    return world.describe?.() ?? answer({ text: 'A red mug, handle left, no text, no lid.' });
  if (request.kind === 'image') {
    counts.generate++;
    return world.generate?.(counts.generate, text) ?? picture(counts.generate);
  }
  if (request.kind === 'rubric') return json({ criteria: world.rubric?.() ?? CRITERIA });
  if (request.kind === 'judge') {
    const { criteria = [] } = request;
    counts.judge++;
    return json({ findings: world.findings?.(counts.judge, criteria) ?? found(criteria), score: 0.123 });
  }
  const asked = Object.keys((request.jsonSchema?.properties ?? {}) as object);
  if (asked.includes('keywords')) {
    counts.questions++;
    const all = { keywords: KEYWORDS, questions: [1, 2, 3, 4].map((i) => draft(i)) };
    return json(world.questions?.(counts.questions, text) ?? all);
  }
  const listed = JSON.parse(text.slice(text.lastIndexOf('as JSON:\n') + 9));
  if (asked.includes('results')) {
    return json(
      world.entailment?.(listed) ?? { results: listed.map(({ id }: { id: string }) => ({ id, entailed: true })) },
    );
  }
  counts.judge++;
  return json(world.judge?.(counts.judge, listed) ?? judged(listed, undefined));
}

function json(value: unknown): ModelAnswer {
  return answer({ text: typeof value === 'string' ? value : JSON.stringify(value) });
}

export function textOf(request: ModelRequest): string {
  return request.parts.flatMap((part) => ('text' in part ? part.text : [])).join('\n');
}

export async function runWorld(world: World, settings: Record<string, unknown> = {}) {
  const objects = new Map<string, Uint8Array>();
  const input = stored(objects, Uint8Array.of(0), 'image/png');
  return runRecipe(fidelity, { models: worldModels(world), objects, input, settings });
}

export function names(steps: readonly RecordedStep[]): string[] {
  return steps.map(({ step }) => step);
}
