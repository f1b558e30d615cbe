import { z } from 'zod';
import { ProofsheetError } from '../domain/errors.ts';
import type { Question } from '../domain/outcome.ts';
import type { RecipeContext, RequestOf } from '../engine/recipe.ts';
import { sha256 } from '../lib/hash.ts';
import { promptTemplate, promptText, quoted } from './prompt-template.ts';

/** The choice that every judge has besides a question's own. */
export const CANNOT_TELL = 'cannot_tell';

/** Questions about one product, made once and then the same for every picture that is judged. */
export interface Rubric {
  questions: Question[];
  /** Questions left out because the description alone does not settle them. */
  dropped: number;
}

const questionsSchema = z.object({
  keywords: z.array(z.object({ id: z.string(), text: z.string(), category: z.string() })),
  questions: z.array(
    z.object({
      id: z.string(),
      keywordId: z.string(),
      question: z.string(),
      choices: z.array(z.string()),
      answer: z.string(),
      importance: z.enum(['high', 'medium', 'low']),
    }),
  ),
});
type Keyword = z.infer<typeof questionsSchema>['keywords'][number];
type Draft = z.infer<typeof questionsSchema>['questions'][number];

const entailmentSchema = z.object({ results: z.array(z.object({ id: z.string(), entailed: z.boolean() })) });

const QUESTIONS = promptText('questions');
const ENTAILMENT = promptText('entailment');
const missingPrompt = promptTemplate('questions-missing');

const MOST_REASKS = 2;
/** A judge that says "yes" to everything must not look good: at least this share has another right answer. */
const LEAST_NOT_YES = 0.25;

/** A score from fewer questions says little: so many must be left, and so large a share of those that were asked. */
export const LEAST_QUESTIONS = 3;
const LEAST_KEPT = 0.4;

/**
 * Writes the rubric for a description: one question per keyword, checked in code, then filtered to those the description
 * settles. Fails with `rubric_failed` rather than give a rubric with holes or with hardly any questions.
 */
export async function makeRubric(
  context: RecipeContext<unknown>,
  of: { model: string; description: string },
): Promise<Rubric> {
  const drafts = await coveringQuestions(context, of);
  const questions = drafts.map(({ draft, keyword }, index): Question => {
    const choices = draft.choices.map((choice) => choice.trim());
    return {
      id: `q${index + 1}`,
      question: draft.question.replace(/\s+/g, ' ').trim(),
      choices: shuffled(choices, draft.question),
      expected: draft.answer.trim(),
      category: keyword.category,
      importance: draft.importance,
    };
  });
  const kept = await entailed(context, of, questions);
  if (kept.length < LEAST_QUESTIONS || kept.length < LEAST_KEPT * questions.length) {
    throw new ProofsheetError(
      'rubric_failed',
      `Only ${kept.length} of ${questions.length} questions can be used, too few to judge a picture by; check the picture and the text model.`,
    );
  }
  return { questions: kept, dropped: questions.length - kept.length };
}

async function coveringQuestions(
  context: RecipeContext<unknown>,
  { model, description }: { model: string; description: string },
): Promise<{ draft: Draft; keyword: Keyword }[]> {
  const ask = (step: string, text: string) =>
    context.json(step, { model, system: QUESTIONS, parts: [{ text }] } satisfies RequestOf, questionsSchema);
  const first = await ask('questions', `Description of the product, as a JSON string:\n${quoted(description)}`);
  const keywords = distinctKeywords(first.value.keywords);
  const found = accepted(keywords, first.value.questions);
  for (let asked = 0; asked < MOST_REASKS; asked++) {
    const open = openKeywords(keywords, found);
    if (open.length === 0) break;
    const text = missingPrompt({ description: quoted(description), keywords: quoted(open) });
    const more = await ask('questions-missing', text);
    const wanted = keywords.filter((keyword) => open.some(({ id }) => id === keyword.id));
    for (const [id, draft] of accepted(wanted, more.value.questions)) found.set(id, draft);
  }
  const missing = keywords.filter((keyword) => !found.has(keyword.id));
  if (keywords.length === 0 || missing.length > 0) {
    const what = keywords.length === 0 ? 'no keywords were found' : `no valid question for ${namesOf(missing)}`;
    throw new ProofsheetError(
      'rubric_failed',
      `No rubric could be made: ${what}; check the picture and the text model.`,
    );
  }
  return keywords.flatMap((keyword) => {
    const draft = found.get(keyword.id);
    return draft === undefined ? [] : [{ draft, keyword }];
  });
}

/** The one valid question of each keyword; a keyword with none, or with two that differ, is left out. */
function accepted(keywords: readonly Keyword[], drafts: readonly Draft[]): Map<string, Draft> {
  const found = new Map<string, Draft>();
  for (const keyword of keywords) {
    const own = drafts.filter((draft) => draft.keywordId === keyword.id);
    const [draft] = own;
    if (draft !== undefined && own.length === 1 && isValid(draft)) found.set(keyword.id, draft);
  }
  return found;
}

function isValid(draft: Draft): boolean {
  const choices = draft.choices.map((choice) => choice.trim());
  const distinct = new Set(choices.map((choice) => choice.toLowerCase()));
  return (
    draft.question.trim() !== '' &&
    choices.length >= 2 &&
    distinct.size === choices.length &&
    !distinct.has('') &&
    !distinct.has(CANNOT_TELL) &&
    choices.includes(draft.answer.trim())
  );
}

/** Keywords to ask about again: those without a question, and surplus ones whose right answer is "yes". */
function openKeywords(keywords: readonly Keyword[], found: Map<string, Draft>): (Keyword & { problem: string })[] {
  const missing = keywords
    .filter((keyword) => !found.has(keyword.id))
    .map((keyword) => ({
      ...keyword,
      problem: 'needs exactly one question with distinct choices, the answer among them',
    }));
  const saysYes = (keyword: Keyword) => found.get(keyword.id)?.answer.trim().toLowerCase() === 'yes';
  const surplus = Math.ceil(keywords.filter(saysYes).length - (1 - LEAST_NOT_YES) * keywords.length);
  if (surplus <= 0) return missing;
  const turned = keywords
    .filter(saysYes)
    .slice(-surplus)
    .map((keyword) => ({ ...keyword, problem: 'too many right answers are "yes": ask so that another one is right' }));
  return [...missing, ...turned];
}

async function entailed(
  context: RecipeContext<unknown>,
  { model, description }: { model: string; description: string },
  questions: readonly Question[],
): Promise<Question[]> {
  const asked = questions.map(({ id, question, choices, expected }) => ({ id, question, choices, answer: expected }));
  const text = `Description of the product, as a JSON string:\n${quoted(description)}\n\nQuestions, as JSON:\n${quoted(asked)}`;
  const answer = await context.json('entailment', { model, system: ENTAILMENT, parts: [{ text }] }, entailmentSchema);
  const settled = new Map(answer.value.results.map((result) => [result.id, result.entailed]));
  return questions.filter((question) => settled.get(question.id) === true);
}

/** Order that depends on the content alone: the same question always shows its choices in the same order. */
function shuffled(choices: readonly string[], seed: string): string[] {
  return choices
    .map((choice) => ({ choice, rank: sha256(`${seed}\n${choice}`) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ choice }) => choice);
}

/**
 * Every keyword under an id of its own. Those that differ but share an id get new ones: nobody can say which of them a
 * question with the shared id is about, so each is asked about again.
 */
function distinctKeywords(keywords: readonly Keyword[]): Keyword[] {
  const wordings = new Map(keywords.map((keyword) => [`${keyword.id}\n${wordingOf(keyword)}`, keyword]));
  const distinct = [...wordings.values()];
  const ids = distinct.map(({ id }) => id);
  const taken = new Set(ids);
  return distinct.map((keyword, index) => {
    if (ids.indexOf(keyword.id) === ids.lastIndexOf(keyword.id)) return keyword;
    let id = `keyword${index + 1}`;
    while (taken.has(id)) id += '_';
    taken.add(id);
    return { ...keyword, id };
  });
}

function wordingOf({ text }: Keyword): string {
  return text.replace(/\s+/g, ' ').trim().toLowerCase();
}

function namesOf(keywords: readonly Keyword[]): string {
  const names = keywords.slice(0, 3).map(({ text }) => quoted(text.slice(0, 60)));
  return names.join(', ') + (keywords.length > 3 ? ` and ${keywords.length - 3} more` : '');
}
