import { z } from 'zod';
import type { Recipe, RecipeContext } from '../engine/recipe.ts';
import { callsOf, judgeFor, modelsOf, pictureRequest, pictureSettings, typicalCallsOf } from './picture-settings.ts';
import { promptTemplate, promptText, quoted } from './prompt-template.ts';
import { generateInRounds } from './rounds.ts';
import { revisedPrompt } from './user-prompt.ts';

const settingsSchema = z.object({
  ...pictureSettings,
  /** Share of right answers from which on a picture passes. */
  threshold: z.number().min(0).max(1).default(0.7),
  /** The scene the user wishes for. */
  prompt: z.string().max(4000).optional(),
  revisedPrompt,
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
  models: modelsOf,
  callsPerItem: callsOf,
  typicalCalls: typicalCallsOf,
  async run(context) {
    const { threshold, maxAttempts } = context.settings;
    const prompt = context.settings.revisedPrompt ?? context.settings.prompt;
    const description = await describe(context);
    const { rubric, judge } = await judgeFor(context, description);
    const rounds = {
      ...{ threshold, maxAttempts, judge },
      request: pictureRequest(context.settings),
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

async function describe(context: RecipeContext<Settings>): Promise<string> {
  const text = `Catalogue data of the product, as JSON: ${quoted(context.metadata)}`;
  const parts = [{ file: context.input }, { text }];
  const answer = await context.text('describe', { model: context.settings.textModel, system: DESCRIBE, parts });
  return answer.value.trim();
}
