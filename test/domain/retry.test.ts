import { describe, expect, it } from 'vitest';
import { type ErrorCode, type ErrorDetails, ProofsheetError } from '../../functions/domain/errors.ts';
import { backoffMs, isRateLimit, mayAskAgain, nextTry, type TryState } from '../../functions/domain/retry.ts';

const failure = (code: ErrorCode, details: ErrorDetails = { disposition: 'transient' }) =>
  new ProofsheetError(code, 'It failed.', details);
const state = (change: Partial<TryState> = {}): TryState => ({ tries: 1, rateLimits: 0, timeoutMs: 60_000, ...change });
const MAX_TRIES = 5;

describe('the next try of a call', () => {
  it.each<[string, ProofsheetError, TryState, number, ReturnType<typeof nextTry>]>([
    ['waits longer each time', failure('server_error'), state({ tries: 3 }), 0, again(1000)],
    ['waits up to twice that by chance', failure('server_error'), state({ tries: 3 }), 1, again(2000)],
    ['gives up after the last try', failure('server_error'), state({ tries: 5 }), 0, { kind: 'give-up' }],
    ['gives up at once what is permanent', failure('invalid_request', {}), state(), 0, { kind: 'give-up' }],
    [
      'gives up at once what stops the batch',
      failure('daily_quota', { disposition: 'transient', scope: 'batch' }),
      state(),
      0,
      { kind: 'give-up' },
    ],
    [
      'lengthens the next timeout after a timeout',
      failure('timeout'),
      state(),
      0,
      { ...again(250), timeoutMs: 90_000 },
    ],
    [
      'lengthens it to ten minutes at most',
      failure('timeout'),
      state({ timeoutMs: 500_000 }),
      0,
      { ...again(250), timeoutMs: 600_000 },
    ],
    [
      'does not count a rate limit as a try',
      failure('rate_limited'),
      state({ tries: 0, rateLimits: 1 }),
      0,
      { ...again(1000), countsAsTry: false },
    ],
    [
      'never gives up on rate limits',
      failure('spend_limited'),
      state({ tries: 99, rateLimits: 40 }),
      1,
      { ...again(60_000), countsAsTry: false },
    ],
    [
      'waits as long as the service asks for, and a little more',
      failure('rate_limited', { disposition: 'transient', retryAfterMs: 31_000 }),
      state({ tries: 0, rateLimits: 1 }),
      1,
      { ...again(31_200), countsAsTry: false },
    ],
  ])('%s', (_, error, tried, random, decision) => {
    expect(nextTry(error, tried, MAX_TRIES, random)).toEqual(decision);
  });
});

function again(afterMs: number): ReturnType<typeof nextTry> & { kind: 'retry' } {
  return { kind: 'retry', afterMs, timeoutMs: 60_000, countsAsTry: true };
}

describe('backoff', () => {
  it.each([
    [1, 0, 500],
    [1, 1, 1000],
    [2, 0.5, 1500],
    [7, 0, 30_000],
    [40, 1, 60_000],
  ])('after failure %i with chance %f is %i ms', (n, random, ms) => {
    expect(backoffMs({ baseMs: 1000, n, random })).toBe(ms);
  });

  it('is never shorter than what the service asks for, even where that is longer than the cap', () => {
    expect(backoffMs({ baseMs: 1000, n: 1, random: 0, retryAfterMs: 3_600_000 })).toBe(3_600_050);
    expect(backoffMs({ baseMs: 1000, n: 1, random: 0, retryAfterMs: 0 })).toBe(50);
  });
});

describe('asking a useless answer again', () => {
  it.each<[ErrorCode, number]>([
    ['no_image', 2],
    ['image_other', 2],
    ['answered_in_words', 2],
    ['empty_answer', 2],
    ['image_safety', 1],
    ['model_declined', 1],
    ['truncated_answer', 1],
    ['malformed_answer', 1],
    ['safety', 0],
    ['prompt_blocked', 0],
    ['recitation', 0],
    ['invalid_request', 0],
    ['rubric_failed', 0],
  ])('%s is asked again %i times', (code, times) => {
    const asked = [1, 2, 3, 4].filter((n) => mayAskAgain(code, n));
    expect(asked).toHaveLength(times);
  });

  it('knows which failures are rate limits', () => {
    expect((['rate_limited', 'spend_limited', 'overloaded', 'daily_quota'] as const).map(isRateLimit)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
