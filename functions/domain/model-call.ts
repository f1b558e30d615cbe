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
 * Model id of the one judging service: Google's Gecko metric for text and picture. Always with its version, for what an unnamed
 * version means has changed before, and scores of two versions cannot be compared.
 */
export const GECKO = 'gecko_text2image_v1';

/** A model by its id or resource name. It becomes part of an address at the service, which it must not lead elsewhere. */
export const modelIdSchema = z
  .string()
  .regex(/^(?!.*\.\.)[\w.-]+([/@:][\w.-]+)*$/, 'must be a model id such as gemini-3.1-flash-lite');

/** One thing that a judging service looks for in a picture, in its own words; it gets them back unchanged for every picture. */
export const criterionSchema = z.object({
  id: z.string(),
  text: z.string(),
  type: z.string().optional(),
  importance: z.enum(['HIGH', 'MEDIUM', 'LOW']).optional(),
});
export type Criterion = z.infer<typeof criterionSchema>;

/**
 * What is asked of a model, or of a judging service: `rubric` asks it for the criteria that follow from a text, `judge` which
 * of these criteria a picture meets; `embed` asks an encoder for the vector of one picture or text. Files are named, never inlined, so a request is small, can be recorded and parked, and has a
 * stable fingerprint.
 */
export const modelRequestSchema = z.object({
  kind: z.enum(['text', 'json', 'image', 'rubric', 'judge', 'embed']),
  model: z.string(),
  system: z.string().optional(),
  parts: z.array(partSchema).min(1),
  /** JSON Schema of the answer, for kind `json`. */
  jsonSchema: z.record(z.string(), z.unknown()).optional(),
  maxOutputTokens: z.number().int().positive().optional(),
  /** e.g. `1:1`, for kind `image`. */
  aspectRatio: z.string().optional(),
  /** Length of the vector, for kind `embed`, where the model offers several. */
  dimensions: z.number().int().positive().optional(),
  /** The frozen rubric, for kind `judge`. */
  criteria: z.array(criterionSchema).optional(),
});
export type ModelRequest = z.infer<typeof modelRequestSchema>;

/** Answers are texts of a page or two; a model that repeats itself without end is stopped here. */
const MOST_OUTPUT_TOKENS = 16_384;

/** The most tokens that an answer may have, thoughts included; undefined where the service's own limit holds. */
export function outputLimitOf({ kind, maxOutputTokens }: Pick<ModelRequest, 'kind' | 'maxOutputTokens'>) {
  return maxOutputTokens ?? (kind === 'text' || kind === 'json' ? MOST_OUTPUT_TOKENS : undefined);
}

/** Tokens of one call, as the service counts them. `output` is text only; thoughts and pictures stand beside it. */
export const usageSchema = z.object({
  input: z.number().int().nonnegative(),
  /** The part of `input` that came from a cache. */
  cached: z.number().int().nonnegative(),
  /** The part of `input` that is pictures, where the service says so. */
  inputImage: z.number().int().nonnegative().optional(),
  output: z.number().int().nonnegative(),
  outputImage: z.number().int().nonnegative(),
  thoughts: z.number().int().nonnegative(),
  /** The service did not say, so that the price of the call is unknown. */
  untold: z.literal(true).optional(),
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

/** Answer to kind `rubric`, as JSON in `text`. */
export const rubricAnswerSchema = z.object({ criteria: z.array(criterionSchema) });
export type RubricAnswer = z.infer<typeof rubricAnswerSchema>;

/** Answer to kind `judge`, as JSON in `text`: at most one finding per criterion; none where the service gave none. */
export const judgeAnswerSchema = z.object({
  findings: z.array(z.object({ id: z.string(), met: z.boolean(), reasoning: z.string() })),
  /** The service's own score, kept for comparison; it is not used. */
  score: z.number().optional(),
});
export type JudgeAnswer = z.infer<typeof judgeAnswerSchema>;

/** A useful answer: `image` for kind image, `text` for all others (JSON unparsed; a vector of length 1 as `vectorText`). */
export interface ModelAnswer extends PaidAnswer {
  text?: string;
  image?: { bytes: Uint8Array; mimeType: string };
}

export const laneSchema = z.enum(['standard', 'flex', 'batch']);
/** Price and latency lane of a call. */
export type LaneName = z.infer<typeof laneSchema>;
