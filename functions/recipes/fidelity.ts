import { z } from 'zod';
import { GECKO } from '../domain/model-call.ts';
import type { Recipe, RecipeContext } from '../engine/recipe.ts';
import { geckoJudge } from './gecko.ts';
import { type Judge, rubricJudge } from './judge.ts';
import { promptTemplate, promptText, quoted } from './prompt-template.ts';
import { generateInRounds } from './rounds.ts';

const settingsSchema = z.object({
  textModel: z.string().min(1).default('gemini-3.1-flash-lite'),
  imageModel: z.string().min(1).default('gemini-nano-banana-2.1'),
  judgeModel: z.string().min(1).default('gemini-3.8-flash'),
  judge: z.enum(['rubric', GECKO]).default('rubric'),
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
  models({ textModel, imageModel, judgeModel, judge }) {
    return [...new Set([textModel, imageModel, judge === GECKO ? GECKO : judgeModel])];
  },
  callsPerItem({ judge, maxAttempts }) {
    const before = judge === GECKO ? 2 : 3;
    return { least: before + 2, most: before + 2 * maxAttempts };
  },
  async run(context) {
    const { imageModel, threshold, maxAttempts, aspectRatio, prompt } = context.settings;
    const description = await describe(context);
    const { rubric, judge } = await prepareJudge(context, description);
    const rounds = {
      ...{ threshold, maxAttempts, judge },
      request: { model: imageModel, ...(aspectRatio !== undefined && { aspectRatio }) },
      promptWith: (corrections: string) =>
        generatePrompt({
          scene: quoted(prompt ?? ANY_SCENE),
          description: quoted(description),
          product: quoted(context.metadata),
          corrections,
        }),
    };
    return { description, rubric, ...(await generateInRounds(context, rounds, rubric.dropped)) };
  },
};

function prepareJudge(context: RecipeContext<Settings>, description: string): Promise<Judge> {
  const { judge, textModel, judgeModel } = context.settings;
  if (judge === GECKO) return geckoJudge(context, description);
  return rubricJudge(context, { textModel, judgeModel, description });
}

async function describe(context: RecipeContext<Settings>): Promise<string> {
  const text = `Catalogue data of the product, as JSON: ${quoted(context.metadata)}`;
  const parts = [{ file: context.input }, { text }];
  const answer = await context.text('describe', { model: context.settings.textModel, system: DESCRIBE, parts });
  return answer.value.trim();
}
