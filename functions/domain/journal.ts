import { z } from 'zod';
import { type ErrorCode, errorCodeSchema } from './errors.ts';
import { fileRefSchema, laneSchema, modelRequestSchema, paidAnswerSchema } from './model-call.ts';

/** What a step gave back: a useful answer, or a refusal that was billed and so is never asked for again. */
export const stepOutcomeSchema = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), text: z.string().optional(), file: fileRefSchema.optional() }),
  z.object({ ok: z.literal(false), code: errorCodeSchema, message: z.string() }),
]);
export type StepOutcome = z.infer<typeof stepOutcomeSchema>;

/** One recorded step of an item. Written once, never changed. */
export const stepEntrySchema = z.object({
  /** Name given by the recipe; the second use of a name is `name:1`, a question asked again `name~1`. */
  key: z.string(),
  /** Position in the journal, from 0. */
  seq: z.number().int().nonnegative(),
  /** Hash of the request; replaying with another request is the error `recipe_changed`. */
  fingerprint: z.string(),
  request: modelRequestSchema,
  outcome: stepOutcomeSchema,
  paid: paidAnswerSchema,
  lane: laneSchema,
  /** Round of the item (from 1) that the step belongs to; 0 before the first. */
  attempt: z.number().int().nonnegative(),
  /** Requests sent until this answer came, the failed ones included. */
  tries: z.number().int().positive(),
  /** Milliseconds since 1970. */
  startedAt: z.number(),
  /** Milliseconds from the first request to the answer. */
  tookMs: z.number().nonnegative(),
  /** Cost in nano-dollars (1e-9 USD); null when the price is unknown. 0 for a step adopted from another item. */
  costNano: z.number().int().nonnegative().nullable(),
  /** True when the answer was taken from another item with the same work, without a call. */
  adopted: z.boolean().optional(),
});
export type StepEntry = z.infer<typeof stepEntrySchema>;

/** Errors that lie in answers that were recorded as useful. */
const USELESS_ANSWERS: ReadonlySet<ErrorCode> = new Set([
  'empty_answer',
  'malformed_answer',
  'rubric_failed',
  'judge_undecided',
  'recipe_changed',
  'step_limit',
]);

/**
 * Steps of an item that ended with `code` which are of use when it is tried again: all before the first question that was
 * never answered usefully; none if useful-looking answers were the trouble.
 */
export function stepsWorthKeeping(steps: readonly StepEntry[], code: ErrorCode | undefined): StepEntry[] {
  const question = (step: StepEntry) => step.key.split('~')[0];
  const answered = new Set(steps.filter((step) => step.outcome.ok).map(question));
  const open = steps.filter((step) => !answered.has(question(step)));
  if (open.length === 0 && code !== undefined && USELESS_ANSWERS.has(code)) return [];
  const end = Math.min(...open.map((step) => step.seq));
  return steps.filter((step) => step.seq < end);
}

/** Totals of an item's journal. */
export interface StepTotals {
  calls: number;
  costNano: number;
  /** Time in calls, in seconds. */
  seconds: number;
  /** Calls whose model has no known price; their cost is missing from `costNano`. */
  unpricedCalls: number;
}

/** What was really called and paid; adopted steps cost nothing. `before`: the totals of earlier epochs. */
export function totalsOf(
  entries: readonly Pick<StepEntry, 'adopted' | 'costNano' | 'tookMs'>[],
  before: StepTotals = { calls: 0, costNano: 0, unpricedCalls: 0, seconds: 0 },
): StepTotals {
  const { calls, costNano, unpricedCalls, seconds } = before;
  const totals: StepTotals = { calls, costNano, unpricedCalls, seconds };
  for (const entry of entries) {
    if (entry.adopted) continue;
    totals.calls += 1;
    totals.seconds += entry.tookMs / 1000;
    if (entry.costNano === null) totals.unpricedCalls += 1;
    else totals.costNano += entry.costNano;
  }
  return totals;
}
