import { z } from 'zod';
import { ProofsheetError } from '../domain/errors.ts';
import type { Recipe, RecipeContext } from '../engine/recipe.ts';
import { judgeCandidate } from './judge.ts';
import { promptTemplate, promptText, quoted } from './prompt-template.ts';
import { generateInRounds } from './rounds.ts';
import { makeRubric } from './rubric.ts';

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

const DESCRIBE = promptText('describe');
const generatePrompt = promptTemplate('generate');
const ANY_SCENE = 'a fitting, uncluttered place where such a product would be used or shown, in soft daylight';

/**
 * Describes a product, re-generates its picture in a new scene, judges the pixels by a frozen rubric, and refines the
 * prompt from every mistake so far, until a picture passes or the rounds are used up. The best picture is shipped.
 */
export const fidelity: Recipe<Settings> = {
  name: 'fidelity',
  version: 1,
  settings: settingsSchema,
  intake: () => 'image',
  columns: () => 'all',
  stepCap: 100,
  models(settings) {
    checkJudge(settings);
    return [...new Set([settings.textModel, settings.imageModel, settings.judgeModel])];
  },
  callsPerItem: ({ maxAttempts }) => ({ least: 5, most: 3 + 2 * maxAttempts }),
  async run(context) {
    checkJudge(context.settings);
    const { textModel, imageModel, judgeModel, threshold, maxAttempts, aspectRatio, prompt } = context.settings;
    const description = await describe(context);
    const rubric = await makeRubric(context, { model: textModel, description });
    const { questions, dropped } = rubric;
    const rounds = {
      ...{ threshold, maxAttempts },
      request: { model: imageModel, ...(aspectRatio !== undefined && { aspectRatio }) },
      promptWith: (corrections: string) =>
        generatePrompt({
          scene: quoted(prompt ?? ANY_SCENE),
          description: quoted(description),
          product: quoted(context.metadata),
          corrections,
        }),
      judge: (candidate: typeof context.input) => judgeCandidate(context, { model: judgeModel, candidate, questions }),
    };
    return { description, rubric, ...(await generateInRounds(context, rounds, dropped)) };
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
