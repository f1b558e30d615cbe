import { asProofsheetError, type ProofsheetError } from '../domain/errors.ts';
import type { LaneName, ModelAnswer, ModelRequest } from '../domain/model-call.ts';
import { nextTry, type TryState } from '../domain/retry.ts';
import type { Limiter } from '../lib/limiter.ts';
import type { Clock, Models } from '../platform/ports.ts';

/** How a call is made: now, or later together with others. */
export interface Lane {
  /** Fails with ProofsheetError when the call was finally not answered. */
  perform(request: ModelRequest, stop: AbortSignal): Promise<LaneResult>;
}

export type LaneResult =
  | ({ kind: 'answered'; answer: ModelAnswer } & CallRecord)
  /** Answered and billed, but of no use; `error.paid` is set. */
  | ({ kind: 'refused'; error: ProofsheetError } & CallRecord)
  /** The call waits for a wave. */
  | { kind: 'parked' }
  /** `stop` came before the call could be sent (again). */
  | { kind: 'stopped' };

interface CallRecord {
  lane: LaneName;
  tries: number;
  startedAt: number;
  tookMs: number;
}

/** Every call waits for its wave. */
export const parkingLane: Lane = { perform: () => Promise.resolve({ kind: 'parked' }) };

export interface DirectLaneOptions {
  name: LaneName;
  models: Models;
  clock: Clock;
  /** One limiter per model id, shared by all items of the process. */
  limiterFor(model: string): Limiter;
  maxTries: number;
  timeoutMs: number;
}

/** Calls made now, tried again as the retry policy says. A request under way is never cut: its answer would be lost but billed. */
export function directLane(options: DirectLaneOptions): Lane {
  return { perform: (request, stop) => performNow(request, stop, options) };
}

async function performNow(request: ModelRequest, stop: AbortSignal, options: DirectLaneOptions): Promise<LaneResult> {
  const { clock, name } = options;
  const limiter = options.limiterFor(request.model);
  const state: TryState = { tries: 0, rateLimits: 0, timeoutMs: options.timeoutMs };
  const startedAt = clock.now();
  const record = (): CallRecord => ({ lane: name, tries: sent, startedAt, tookMs: clock.now() - startedAt });
  let sent = 0;
  while (true) {
    const permit = await limiter.acquire(stop).catch(() => undefined);
    if (permit === undefined) return { kind: 'stopped' };
    sent += 1;
    try {
      const answer = await options.models.call(request, { timeoutMs: state.timeoutMs, lane: name });
      permit.release('ok');
      return { kind: 'answered', answer, ...record() };
    } catch (thrown) {
      const error = asProofsheetError(thrown);
      permit.release(outcomeFor(error));
      if (error.paid !== undefined) return { kind: 'refused', error, ...record() };
      countFailure(state, error);
      const decision = nextTry(error, state, options.maxTries, clock.random());
      if (decision.kind === 'give-up') throw error;
      state.timeoutMs = decision.timeoutMs;
      const waited = await clock.sleep(decision.afterMs, stop).then(
        () => true,
        () => false,
      );
      if (!waited) return { kind: 'stopped' };
    }
  }
}

function countFailure(state: TryState, error: ProofsheetError): void {
  if (error.code === 'rate_limited' || error.code === 'spend_limited') state.rateLimits += 1;
  else {
    state.tries += 1;
    state.rateLimits = 0;
  }
}

/** Only answers that say "too much" slow the others down. */
function outcomeFor(error: ProofsheetError): 'ok' | 'rejected' | 'neutral' {
  if (error.paid !== undefined) return 'ok';
  if (error.code === 'rate_limited' || error.code === 'spend_limited' || error.code === 'overloaded') return 'rejected';
  return 'neutral';
}
