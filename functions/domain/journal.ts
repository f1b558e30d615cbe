import { z } from 'zod';
import { errorCodeSchema } from './errors.ts';
import { fileRefSchema, laneSchema, modelRequestSchema, paidAnswerSchema } from './model-call.ts';

/** What a step gave back: a useful answer, or a refusal that was billed and so is never asked for again. */
const stepOutcomeSchema = z.discriminatedUnion('ok', [
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

/** Totals of an item's journal. */
export interface StepTotals {
  calls: number;
  costNano: number;
  /** Calls whose model has no known price; their cost is missing from `costNano`. */
  unpricedCalls: number;
}

export function totalsOf(entries: readonly Pick<StepEntry, 'adopted' | 'costNano'>[]): StepTotals {
  const totals: StepTotals = { calls: 0, costNano: 0, unpricedCalls: 0 };
  for (const entry of entries) {
    if (entry.adopted) continue;
    totals.calls += 1;
    if (entry.costNano === null) totals.unpricedCalls += 1;
    else totals.costNano += entry.costNano;
  }
  return totals;
}
