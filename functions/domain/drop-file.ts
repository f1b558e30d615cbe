import { z } from 'zod';
import { ProofsheetError } from './errors.ts';

/** What batch.json may say. */
const dropFileSchema = z.strictObject({
  name: z.string().min(1).max(200).optional(),
  recipe: z.string().min(1).optional(),
  prompt: z.string().min(1).optional(),
  /** Settings of the recipe. */
  settings: z.record(z.string(), z.unknown()).optional(),
  lane: z.enum(['standard', 'batch']).optional(),
  /** Number of images after which the drop is complete. */
  expect: z.number().int().positive().optional(),
});
export type DropFile = z.infer<typeof dropFileSchema>;

export const MAX_DROP_FILE_BYTES = 1_000_000;

/** What a batch.json says. Errors: usage, with what is wrong where. */
export function parseDropFile(bytes: Uint8Array): DropFile {
  const parsed = dropFileSchema.safeParse(parseJson(bytes));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': '));
  throw new ProofsheetError('usage', problems.join('; '));
}

function parseJson(bytes: Uint8Array): unknown {
  const text = new TextDecoder().decode(bytes);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ProofsheetError('usage', `it is no JSON (${reason})`, { cause });
  }
}
