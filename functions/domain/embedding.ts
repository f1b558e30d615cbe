import { z } from 'zod';

/**
 * Where vectors lie together: a collection, and the encoders that made its semantic and its visual vectors, each with its version
 * and number of dimensions in its name. Vectors of two spaces are never compared.
 */
export const vectorSpaceSchema = z.object({
  collection: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'use small letters, digits, _ and -'),
  semantic: z.string().min(1),
  visual: z.string().min(1),
});
export type VectorSpace = z.infer<typeof vectorSpaceSchema>;

/** Shares of the two similarities in the score; only their ratio counts. */
export const fusionWeightsSchema = z
  .object({ semantic: z.number().min(0).max(1), visual: z.number().min(0).max(1) })
  .refine(({ semantic, visual }) => semantic + visual > 0, 'one of the weights must be above 0');
export type FusionWeights = z.infer<typeof fusionWeightsSchema>;

export const DEFAULT_WEIGHTS: FusionWeights = { semantic: 0.6, visual: 0.4 };

/** What a recipe keeps of every item: where its vectors go, and what is said with them. */
export interface Keeping {
  space: VectorSpace;
  /** What is asked for each of the vectors. */
  encoders: Record<'semantic' | 'visual', { model: string; dimensions?: number }>;
  weights: FusionWeights;
  source: EntryFacts['source'];
}

/** What is known of an embedded picture, to show it and to filter by. Texts are empty where nothing is known. */
export const entryFactsSchema = z.object({
  title: z.string(),
  price: z.number().nullable(),
  currency: z.string(),
  brand: z.string(),
  categories: z.array(z.string()),
  url: z.string(),
  /** Where the picture lies. */
  path: z.string(),
  source: z.enum(['references', 'scraped']),
  /** What the catalogue calls the product. */
  sku: z.string(),
});
export type EntryFacts = z.infer<typeof entryFactsSchema>;

/** Texts that the facts of an entry must have, without regard to case. */
export const entryFilterSchema = z.strictObject({
  category: z.string().optional(),
  brand: z.string().optional(),
  source: z.string().optional(),
});
export type EntryFilter = z.infer<typeof entryFilterSchema>;

export type FilterValues = { category: string[]; brand: string; source: string };

/** What an entry is filtered by, in small letters. */
export function filterValues(facts: EntryFacts): FilterValues {
  return {
    category: facts.categories.map((category) => category.toLowerCase()),
    brand: facts.brand.toLowerCase(),
    source: facts.source,
  };
}

/** The score of two similarities; one that was not asked for leaves the other alone. */
export function fusedScore(
  { semantic, visual }: { semantic: number | null; visual: number | null },
  weights: FusionWeights,
): number {
  if (visual === null) return semantic ?? 0;
  if (semantic === null) return visual;
  return (weights.semantic * semantic + weights.visual * visual) / (weights.semantic + weights.visual);
}

/** The vector at length 1, so that a dot product is the cosine. A vector of zeros stays as it is. */
export function normalized(vector: Float32Array): Float32Array {
  const length = Math.sqrt(dot(vector, vector));
  return length === 0 ? vector : vector.map((value) => value / length);
}

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) sum += (a[index] ?? 0) * (b[index] ?? 0);
  return sum;
}

/** A vector as text, for journals: base64 of 32-bit floats, little-endian. */
export function vectorText(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
}

export function vectorFromText(text: string): Float32Array {
  return vectorFromBytes(Buffer.from(text, 'base64'));
}

/** Copied, because floats must begin at a multiple of four. */
export function vectorFromBytes(bytes: Uint8Array): Float32Array {
  const copy = new Uint8Array(bytes.byteLength);
  copy.set(bytes);
  return new Float32Array(copy.buffer);
}
