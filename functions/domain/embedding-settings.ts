import { z } from 'zod';
import type { PriceTable } from './cost.ts';
import { fusionWeightsSchema, vectorSpaceSchema } from './embedding.ts';

/** What a settings file may say of pictures as vectors. */
export const embeddingFileSchema = z.strictObject({
  semanticModel: z.string().optional(),
  visualModel: z.string().optional(),
  dimensions: z.number().int().min(64).max(2048).optional(),
  collection: vectorSpaceSchema.shape.collection.optional(),
  weights: fusionWeightsSchema.optional(),
  referencesDir: z.string().optional(),
  scrapedDir: z.string().optional(),
  batchSize: z.number().int().min(1).max(1000).optional(),
  /** Where models of `clip:` and `dinov2:` are looked for and kept. */
  modelDir: z.string().optional(),
  /** Processor threads of an encoder on this machine. */
  threads: z.number().int().min(1).max(256).optional(),
});

/** Where pictures to be embedded are, and how many are embedded at once. Encoders, collection and weights are settings of the recipe. */
export interface EmbeddingSettings {
  readonly referencesDir: string;
  readonly scrapedDir: string;
  readonly batchSize: number;
  readonly modelDir: string;
  readonly threads: number;
}

/** Model ids of encoders that run on this machine: their kind, and the name or folder of the model. */
export const LOCAL_ENCODER = /^(clip|dinov2):(.+)$/;

/** Of encoders that run on this machine, which cost nothing. */
export function freePrices(models: readonly (string | undefined)[]): PriceTable['models'] {
  const local = models.filter((model) => model !== undefined && LOCAL_ENCODER.test(model));
  return Object.fromEntries(local.map((model) => [model, { input: 0, output: 0 }]));
}
