import { z } from 'zod';
import { DEFAULT_WEIGHTS, fusionWeightsSchema, vectorSpaceSchema } from '../domain/embedding.ts';
import type { Recipe } from '../engine/recipe.ts';

const settingsSchema = z.object({
  /** What the picture is of: `gemini-embedding-2`, `clip:<model>`, or the built-in measures of colour. */
  semanticModel: z.string().min(1).default('simulated-semantic-1'),
  /** What it looks like: `dinov2:<model>`, or the built-in measures of shape. */
  visualModel: z.string().min(1).default('simulated-visual-1'),
  /** Of vectors by Gemini; Firestore takes 2048 at most. */
  dimensions: z.number().int().min(64).max(2048).default(768),
  collection: vectorSpaceSchema.shape.collection.default('products'),
  weights: fusionWeightsSchema.default(DEFAULT_WEIGHTS),
  source: z.enum(['references', 'scraped']).default('references'),
});
type EmbedSettings = z.infer<typeof settingsSchema>;

/** Two vectors of a picture, a semantic and a visual one, for searching. */
export const embed: Recipe<EmbedSettings> = {
  name: 'embed',
  version: 1,
  settings: settingsSchema,
  intake: () => 'image',
  // What is known of a picture is stored beside its vectors and changes neither of them.
  columns: () => [],
  stepCap: 10,
  models: ({ semanticModel, visualModel }) => [...new Set([semanticModel, visualModel])],
  callsPerItem: () => ({ least: 2, most: 2 }),
  keeps: (settings) => ({
    space: {
      collection: settings.collection,
      semantic: encoderName(settings, settings.semanticModel),
      visual: encoderName(settings, settings.visualModel),
    },
    weights: settings.weights,
    source: settings.source,
  }),
  async run({ settings, input, embed }) {
    const { semanticModel, visualModel, collection } = settings;
    const ask = (step: string, model: string) =>
      embed(step, { model, parts: [{ file: input }], ...dimensionsOf(settings, model) });
    const [semantic, visual] = await Promise.all([ask('semantic', semanticModel), ask('visual', visualModel)]);
    const value = {
      collection,
      semantic: { model: semanticModel, dimensions: semantic.value.length },
      visual: { model: visualModel, dimensions: visual.value.length },
    };
    const message = 'The picture was embedded.';
    return { state: 'passed', score: null, message, result: { kind: 'json', value }, attempts: [] };
  },
};

/** Only Gemini offers several lengths. */
function dimensionsOf({ dimensions }: EmbedSettings, model: string): { dimensions?: number } {
  return model.startsWith('gemini-') ? { dimensions } : {};
}

function encoderName(settings: EmbedSettings, model: string): string {
  const { dimensions } = dimensionsOf(settings, model);
  return dimensions === undefined ? model : `${model}@${dimensions}`;
}
