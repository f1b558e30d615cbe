import { z } from 'zod';

/** A file named by its content: the same bytes are the same file. */
export const fileRefSchema = z.object({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  mimeType: z.string(),
  bytes: z.number().int().nonnegative(),
  /** Where an input lies that is used as it is; all other files are in the object store. Not part of what a request asks. */
  uri: z.string().optional(),
  /** Pixels, for pictures. */
  width: z.number().int().positive().optional(),
  height: z.number().int().positive().optional(),
});
export type FileRef = z.infer<typeof fileRefSchema>;

const partSchema = z.union([z.object({ text: z.string() }), z.object({ file: fileRefSchema })]);

/**
 * What is asked of a model. Files are named, never inlined, so a request is small, can be recorded and parked, and has a
 * stable fingerprint.
 */
export const modelRequestSchema = z.object({
  kind: z.enum(['text', 'json', 'image']),
  model: z.string(),
  system: z.string().optional(),
  parts: z.array(partSchema).min(1),
  /** JSON Schema of the answer, for kind `json`. */
  jsonSchema: z.record(z.string(), z.unknown()).optional(),
  maxOutputTokens: z.number().int().positive().optional(),
  /** e.g. `1:1`, for kind `image`. */
  aspectRatio: z.string().optional(),
});
export type ModelRequest = z.infer<typeof modelRequestSchema>;

/** Tokens of one call, as the service counts them. `output` is text only; thoughts and pictures stand beside it. */
export const usageSchema = z.object({
  input: z.number().int().nonnegative(),
  /** The part of `input` that came from a cache. */
  cached: z.number().int().nonnegative(),
  output: z.number().int().nonnegative(),
  outputImage: z.number().int().nonnegative(),
  thoughts: z.number().int().nonnegative(),
});
export type Usage = z.infer<typeof usageSchema>;

/** What is known of every answer that the service billed, useful or not. */
export const paidAnswerSchema = z.object({
  usage: usageSchema,
  /** The model that really answered; retired ids are rerouted silently, so it can differ from the one asked. */
  modelVersion: z.string(),
  responseId: z.string(),
});
export type PaidAnswer = z.infer<typeof paidAnswerSchema>;

/** A useful answer: `text` for kinds text and json (unparsed), `image` for kind image. */
export interface ModelAnswer extends PaidAnswer {
  text?: string;
  image?: { bytes: Uint8Array; mimeType: string };
}

export const laneSchema = z.enum(['standard', 'flex', 'batch']);
/** Price and latency lane of a call. */
export type LaneName = z.infer<typeof laneSchema>;
