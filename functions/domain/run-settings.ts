import { z } from 'zod';
import { laneSchema } from './model-call.ts';

/** How a batch is worked off; nothing here changes a result. */
export const runSettingsSchema = z.object({
  lane: laneSchema,
  maxConcurrent: z.number().int().min(1).max(1000),
  /** Tries of one model call. */
  maxRetries: z.number().int().min(1).max(20),
  /** For one model call. */
  timeoutMs: z.number().int().min(1000).max(600_000),
  /** For the batch lane: what is late by then is moved to a faster lane. Milliseconds since 1970. */
  deadline: z.number().optional(),
  /** Never spent more, in nano-dollars: the batch is paused before the call that might. */
  maxSpendNano: z.number().int().nonnegative().optional(),
  /** What a call of unknown price counts as under a ceiling, in nano-dollars. */
  assumedCallNano: z.number().int().nonnegative().optional(),
});
export type RunSettings = z.infer<typeof runSettingsSchema>;

/** Answers of the flex lane take their time: up to a quarter of an hour is normal. */
const FLEX_TIMEOUT_MS = 600_000;

/** Time limit of one call. */
export function callTimeoutMs({ lane, timeoutMs }: Pick<RunSettings, 'lane' | 'timeoutMs'>): number {
  return lane === 'flex' ? Math.max(timeoutMs, FLEX_TIMEOUT_MS) : timeoutMs;
}
