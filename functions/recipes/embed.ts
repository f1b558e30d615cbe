import { z } from 'zod';
import { DEFAULT_WEIGHTS, fusionWeightsSchema, type Keeping, vectorSpaceSchema } from '../domain/embedding.ts';
import { modelIdSchema } from '../domain/model-call.ts';
import type { Recipe } from '../engine/recipe.ts';

const settingsSchema = z.object({
  /** What the picture is of: `gemini-embedding-2`, `clip:<model>`, or the built-in measures of colour. */
  semanticModel: modelIdSchema.default('simulated-semantic-1'),
  /** What it looks like: `dinov2:<model>`, or the built-in measures of shape. */
  visualModel: modelIdSchema.default('simulated-visual-1'),
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
  typicalCalls({ semanticModel, visualModel }) {
    const call = { isRound: false, inputs: 1, made: 0, text: 0, output: 0, makes: false };
    return [
      { ...call, step: 'semantic', model: semanticModel },
      { ...call, step: 'visual', model: visualModel },
    ];
  },
  keeps: (settings) => ({
    space: {
      collection: settings.collection,
      semantic: encoderName(encodersOf(settings).semantic),
      visual: encoderName(encodersOf(settings).visual),
    },
    encoders: encodersOf(settings),
    weights: settings.weights,
    source: settings.source,
  }),
  async run({ settings, input, embed }) {
    const encoders = encodersOf(settings);
    const parts = [{ file: input }];
    const [semantic, visual] = await Promise.all([
      embed('semantic', { ...encoders.semantic, parts }),
      embed('visual', { ...encoders.visual, parts }),
    ]);
    const value = {
      collection: settings.collection,
      semantic: { model: encoders.semantic.model, dimensions: semantic.value.length },
      visual: { model: encoders.visual.model, dimensions: visual.value.length },
    };
    const message = 'The picture was embedded.';
    return { state: 'passed', score: null, message, result: { kind: 'json', value }, attempts: [] };
  },
};

/** Only Gemini offers several lengths. */
function encodersOf({ semanticModel, visualModel, dimensions }: EmbedSettings): Keeping['encoders'] {
  const encoderOf = (model: string) => ({ model, ...(model.startsWith('gemini-') && { dimensions }) });
  return { semantic: encoderOf(semanticModel), visual: encoderOf(visualModel) };
}

function encoderName({ model, dimensions }: Keeping['encoders']['semantic']): string {
  return dimensions === undefined ? model : `${model}@${dimensions}`;
}
