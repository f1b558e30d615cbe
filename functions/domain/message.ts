import { z } from 'zod';

/**
 * The last input done, and the last name or row in it. `ignored` counts, by reason, the files left aside up to there, and
 * `taken` the items: with the cursor, because a page that is listed twice must not be counted twice. `sample` says how far the
 * choice of a sample is: first the best ranks, one behind the other, then the last rank that is taken.
 */
export const inputCursorSchema = z.object({
  input: z.number().int().nonnegative(),
  after: z.string(),
  ignored: z.record(z.string(), z.number()).optional(),
  taken: z.number().int().nonnegative().optional(),
  sample: z.union([z.object({ best: z.string() }), z.object({ last: z.string() })]).optional(),
});
export type InputCursor = z.infer<typeof inputCursorSchema>;

/** Messages carry ids only; everything else is in the store. */
export const messageSchema = z.discriminatedUnion('kind', [
  /**
   * Have the planner go on. `turn` is the turn after which it does: when another has come since, the message is done with. Without
   * it the planner goes on as soon as nobody is at it.
   */
  z.object({ kind: z.literal('expand'), batchId: z.string(), turn: z.number().int().optional() }),
  /** Work one item off. */
  z.object({ kind: z.literal('process'), batchId: z.string(), itemId: z.string() }),
  /** Improve the prompt from what failed, before the batch is closed. */
  z.object({ kind: z.literal('optimize'), batchId: z.string() }),
  /** Render the report, if all items are settled. */
  z.object({ kind: z.literal('finalize'), batchId: z.string() }),
  /** A minute has passed: look for what was lost, in all batches. */
  z.object({ kind: z.literal('tick') }),
]);
export type Message = z.infer<typeof messageSchema>;

/** The batch a message is about; undefined for one that is about all of them. */
export function batchIdOf(message: Message): string | undefined {
  return message.kind === 'tick' ? undefined : message.batchId;
}

/** What becomes of a delivered message: done with, or to be delivered again after a while. */
export type Disposal = { kind: 'ack' } | { kind: 'retry'; afterMs?: number };

export const ACK: Disposal = { kind: 'ack' };
