import { z } from 'zod';
import { entryFactsSchema, fusionWeightsSchema, type VectorSpace, vectorFromBytes } from '../../domain/embedding.ts';
import { ProofsheetError } from '../../domain/errors.ts';
import type { KnownEntry, VectorEntry } from '../ports.ts';
import type { Sql } from './sqlite.ts';

export interface SpaceRow {
  number: number;
  collection: string;
  semantic: string;
  visual: string;
  semantic_length: number;
  visual_length: number;
  generation: number;
}
export interface EntryRow {
  number: number;
  id: string;
  content_hash: string;
  facts: string;
  weights: string;
}
export type WholeRow = EntryRow & { semantic: Uint8Array; visual: Uint8Array };
export type VectorRow = { entry: number; semantic: Uint8Array; visual: Uint8Array };

export const WHOLE = `SELECT vector_entries.*, vectors.semantic, vectors.visual
  FROM vector_entries JOIN vectors ON vectors.entry = vector_entries.number`;

const jsonText = <T>(schema: z.ZodType<T>) => z.string().transform((text) => schema.parse(JSON.parse(text)));
const rowSchema = z.object({ facts: jsonText(entryFactsSchema), weights: jsonText(fusionWeightsSchema) });

export function knownFrom(row: EntryRow): KnownEntry {
  return { id: row.id, contentHash: row.content_hash, ...rowSchema.parse(row) };
}

export function entryFrom(row: WholeRow): VectorEntry {
  return { ...knownFrom(row), semantic: vectorFromBytes(row.semantic), visual: vectorFromBytes(row.visual) };
}

export function findSpace(sql: Sql, { collection, semantic, visual }: VectorSpace): SpaceRow | undefined {
  const text = 'SELECT * FROM vector_spaces WHERE collection = ? AND semantic = ? AND visual = ?';
  return sql.get<SpaceRow>(text, collection, semantic, visual);
}

export function refuseLengths(
  row: SpaceRow,
  { collection, semantic, visual }: VectorSpace,
  given: readonly { semantic?: Float32Array; visual?: Float32Array }[],
): void {
  for (const one of given) {
    const semanticLength = one.semantic?.length ?? row.semantic_length;
    const visualLength = one.visual?.length ?? row.visual_length;
    if (semanticLength === row.semantic_length && visualLength === row.visual_length) continue;
    throw new ProofsheetError(
      'vectors_differ',
      `Vectors of ${semantic} and ${visual} in the collection ${collection} have ${row.semantic_length} and ${row.visual_length} dimensions, these have ${semanticLength} and ${visualLength}; use another collection.`,
      { scope: 'batch' },
    );
  }
}
