import { z } from 'zod';
import { errorCodeSchema } from './errors.ts';
import { fileRefSchema } from './model-call.ts';

export const questionSchema = z.object({
  id: z.string(),
  question: z.string(),
  choices: z.array(z.string()).min(2),
  /** The right choice, settled by the description alone. */
  expected: z.string(),
  category: z.string(),
  importance: z.enum(['high', 'medium', 'low']),
});
export type Question = z.infer<typeof questionSchema>;

/** One question answered for one picture. `undecided`: the judge could not tell or did not answer; it counts neither way. */
export const verdictSchema = questionSchema.extend({
  answer: z.string().nullable(),
  verdict: z.enum(['pass', 'fail', 'undecided']),
  evidence: z.string(),
});
export type Verdict = z.infer<typeof verdictSchema>;

/** One generate + evaluate round. */
export const attemptSchema = z.object({
  /** From 1. */
  n: z.number().int().positive(),
  prompt: z.string(),
  /** What was added to the prompt since the round before; empty in the first round. */
  promptChanges: z.array(z.string()),
  candidate: fileRefSchema.optional(),
  /** 0 to 1; null when the round has no valid judgement. */
  score: z.number().min(0).max(1).nullable(),
  verdicts: z.array(verdictSchema),
  judge: z.object({ name: z.string(), model: z.string(), version: z.string() }).optional(),
  error: z.object({ code: errorCodeSchema, message: z.string() }).optional(),
});
export type Attempt = z.infer<typeof attemptSchema>;

const resultSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('image'), file: fileRefSchema }),
  z.object({ kind: z.literal('text'), text: z.string() }),
  z.object({ kind: z.literal('json'), value: z.unknown() }),
]);

/** What a recipe gives back for an item whose work was done. */
export const outcomeSchema = z.object({
  state: z.enum(['passed', 'failed']),
  /** Score of the shipped attempt; null where a recipe does not judge. */
  score: z.number().min(0).max(1).nullable(),
  /** One sentence: why it passed or failed. */
  message: z.string(),
  result: resultSchema.nullable(),
  description: z.string().optional(),
  rubric: z.object({ questions: z.array(questionSchema), dropped: z.number().int().nonnegative() }).optional(),
  attempts: z.array(attemptSchema),
  /** Number of the shipped attempt. */
  best: z.number().int().positive().optional(),
});
export type Outcome = z.infer<typeof outcomeSchema>;

/** A JSON result in one line for lists: `title: red mug; colours: red, white`. */
export function resultLine(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return plainValue(value);
  const members = Object.entries(value).filter(([, member]) => plainValue(member) !== '');
  return members.map(([name, member]) => `${name.replaceAll('_', ' ')}: ${plainValue(member)}`).join('; ');
}

function plainValue(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value) && value.every((one) => typeof one !== 'object')) return value.join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** One line of an item's bill, shown in reports. */
export const stepSummarySchema = z.object({
  key: z.string(),
  attempt: z.number().int().nonnegative(),
  model: z.string(),
  modelVersion: z.string(),
  lane: z.string(),
  code: errorCodeSchema.optional(),
  tokensIn: z.number(),
  tokensOut: z.number(),
  tookMs: z.number(),
  tries: z.number(),
  costNano: z.number().nullable(),
  /** The answer was taken over from another item or an earlier take: no call was made and nothing paid. */
  adopted: z.boolean().optional(),
});
export type StepSummary = z.infer<typeof stepSummarySchema>;

/** Everything the report shows about one settled item; stored beside the item, not in it. */
export const itemDetailSchema = z.object({
  outcome: outcomeSchema.optional(),
  steps: z.array(stepSummarySchema),
  /** Key of the call that was never answered, where that ended the item. */
  failedStep: z.string().optional(),
  /** MIME type of the input as the models saw it. */
  inputType: z.string().optional(),
  /** The picture as the models saw it, and small versions (WebP) of it and of each attempt's candidate, by attempt number. */
  reference: fileRefSchema.optional(),
  referenceThumbnail: fileRefSchema.optional(),
  candidateThumbnails: z.record(z.string(), fileRefSchema),
});
export type ItemDetail = z.infer<typeof itemDetailSchema>;
