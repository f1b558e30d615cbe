import type { ErrorCode, ProofsheetError } from './errors.ts';

/** What to do after a failed request that was not answered (and so not billed). */
export type RetryDecision =
  | { kind: 'retry'; afterMs: number; timeoutMs: number; countsAsTry: boolean }
  | { kind: 'give-up' };

export interface TryState {
  /** Failed tries so far that count, this one included. */
  tries: number;
  /** Rate-limited answers in a row so far, this one included. */
  rateLimits: number;
  timeoutMs: number;
}

const MAX_TIMEOUT_MS = 600_000;
const MAX_BACKOFF_MS = 60_000;

/**
 * Decides on the next try of a call. Rate limits wait longer and are no failed try; a timeout lengthens the next timeout;
 * everything permanent is given up at once. `random` is in [0, 1).
 */
export function nextTry(error: ProofsheetError, state: TryState, maxTries: number, random: number): RetryDecision {
  if (error.disposition !== 'transient' || error.scope === 'batch') return { kind: 'give-up' };
  if (isRateLimit(error.code)) {
    const afterMs = backoffMs({ baseMs: 2_000, n: state.rateLimits, random, retryAfterMs: error.retryAfterMs });
    return { kind: 'retry', afterMs, timeoutMs: state.timeoutMs, countsAsTry: false };
  }
  if (state.tries >= maxTries) return { kind: 'give-up' };
  const timeoutMs = error.code === 'timeout' ? Math.min(MAX_TIMEOUT_MS, state.timeoutMs * 1.5) : state.timeoutMs;
  const afterMs = backoffMs({ baseMs: 500, n: state.tries, random, retryAfterMs: error.retryAfterMs });
  return { kind: 'retry', afterMs, timeoutMs, countsAsTry: true };
}

/** How often the flex lane may turn a call away until it is made in the standard lane, at full price. */
const FLEX_SHEDS = 3;
/** A service that asks to wait longer than this has no room in the flex lane. */
const FLEX_PATIENCE_MS = 30_000;

/**
 * What to do when the flex lane turned a call away for the n-th time; undefined where it did not. It may do so at any time, which is no
 * failed try.
 */
export function flexSheds(
  error: ProofsheetError,
  n: number,
  random: number,
): { kind: 'wait'; ms: number } | { kind: 'standard' } | undefined {
  if (error.code !== 'overloaded' && error.code !== 'rate_limited') return undefined;
  const { retryAfterMs } = error;
  if (n >= FLEX_SHEDS || (retryAfterMs ?? 0) > FLEX_PATIENCE_MS) return { kind: 'standard' };
  return { kind: 'wait', ms: backoffMs({ baseMs: 2_000, n, random, retryAfterMs }) };
}

export function isRateLimit(code: ErrorCode): boolean {
  return code === 'rate_limited' || code === 'spend_limited';
}

/**
 * Exponential backoff with equal jitter (half fixed, half random), never shorter than what the service asks for,
 * capped at 60 s where the service asks for nothing. `n` counts from 1.
 */
export function backoffMs(of: {
  baseMs: number;
  n: number;
  random: number;
  retryAfterMs?: number | undefined;
}): number {
  const ceiling = Math.min(MAX_BACKOFF_MS, of.baseMs * 2 ** (of.n - 1));
  const own = ceiling / 2 + (ceiling / 2) * of.random;
  if (of.retryAfterMs === undefined) return Math.round(own);
  return Math.round(of.retryAfterMs + 0.1 * own);
}

/** How often a billed but useless answer is asked for again; everything not named here is final. */
const REASKS: Partial<Record<ErrorCode, number>> = {
  image_safety: 1,
  no_image: 2,
  image_other: 2,
  answered_in_words: 2,
  empty_answer: 2,
  model_declined: 1,
  truncated_answer: 1,
  malformed_answer: 1,
};

/** True when the question may be asked once more after `asked` useless answers. */
export function mayAskAgain(code: ErrorCode, asked: number): boolean {
  return asked <= (REASKS[code] ?? 0);
}
