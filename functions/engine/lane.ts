import { asProofsheetError, type ProofsheetError } from '../domain/errors.ts';
import type { StepOutcome } from '../domain/journal.ts';
import type { LaneName, ModelAnswer, ModelRequest, PaidAnswer } from '../domain/model-call.ts';
import { isRateLimit, nextTry, type TryState } from '../domain/retry.ts';
import type { WaveCall } from '../domain/wave.ts';
import type { Limiter, Permit } from '../lib/limiter.ts';
import type { Clock, Models } from '../platform/ports.ts';
import type { SharedPauses } from './shared-pauses.ts';

/** How a call is made: now, or later together with others. */
export interface Lane {
  /** Fails with ProofsheetError when the call was finally not answered. */
  perform(request: ModelRequest, stop: AbortSignal, step: StepName): Promise<LaneResult>;
}

/** Makes every call now. */
export interface DirectLane extends Lane {
  perform(request: ModelRequest, stop: AbortSignal): Promise<LaneResult>;
}

/** The step that a call is for, and the hash of what it asks. */
export interface StepName {
  key: string;
  fingerprint: string;
}

export type LaneResult =
  | ({ kind: 'answered'; answer: ModelAnswer } & CallRecord)
  /** Answered and billed, but of no use; `error.paid` is set. */
  | ({ kind: 'refused'; error: ProofsheetError } & CallRecord)
  /** The answer came with a wave, and what it holds is stored. */
  | ({ kind: 'collected'; outcome: StepOutcome; paid: PaidAnswer } & CallRecord)
  /** The call waits for a wave. */
  | { kind: 'parked' }
  /** No answer in this pass: `stop` came, its time is too short for the call, or the service takes no more for too long. */
  | ({ kind: 'stopped' } & Interruption);

export interface Interruption {
  /** Tries that failed for another reason than a limit. */
  failedTries: number;
  /** How long the model is to be left alone before the call is made again. */
  afterMs?: number;
}

/** Of a call that was not even sent. */
export const NOT_BEGUN: Interruption = { failedTries: 0 };

/** Of two calls, the failed tries of both and the longer wait. */
export function bothOf(one: Interruption, other: Interruption): Interruption {
  const waits = [one.afterMs, other.afterMs].filter((ms) => ms !== undefined);
  const failedTries = one.failedTries + other.failedTries;
  return waits.length === 0 ? { failedTries } : { failedTries, afterMs: Math.max(...waits) };
}

interface CallRecord {
  lane: LaneName;
  tries: number;
  startedAt: number;
  tookMs: number;
}

/**
 * Every call waits for its wave, but those to judging services and encoders, which take no waves: they are made now. `calls` are those
 * that were parked before; one is answered, waits on, or is to be made now after all. Without `parks`, no further call is parked.
 */
export function parkingLane(
  now: DirectLane,
  calls: readonly WaveCall[] = [],
  { parks }: { parks: boolean } = { parks: true },
): Lane {
  const known = new Map(calls.map((call) => [`${call.key} ${call.fingerprint}`, call]));
  return {
    async perform(request, stop, { key, fingerprint }) {
      const isNow = request.kind === 'rubric' || request.kind === 'judge' || request.kind === 'embed';
      const call = known.get(`${key} ${fingerprint}`);
      const state = call?.standing.state;
      const isDirect = isNow || state === 'direct' || (!parks && state !== 'sent' && state !== 'answered');
      if (isDirect) return await now.perform(request, stop);
      if (call?.standing.state !== 'answered') return { kind: 'parked' };
      return { kind: 'collected', lane: 'batch', tries: call.tries + 1, ...call.standing.answer };
    },
  };
}

export interface DirectLaneOptions {
  name: LaneName;
  models: Models;
  clock: Clock;
  /** One limiter per model id, shared by all items of the process. */
  limiterFor(model: string): Limiter;
  pauses: SharedPauses;
  maxTries: number;
  /** Tries of the call at hand that failed in earlier passes. */
  triesBefore(): number;
  timeoutMs: number;
  /** No call is under way after this (milliseconds since 1970). */
  endBy: number;
  /** How long a call waits for a service that takes no more, until the pass gives its place away. */
  limitWaitMs: number;
}

/** Calls made now, tried again as the retry policy says. A request under way is never cut: its answer would be lost but billed. */
export function directLane(options: DirectLaneOptions): DirectLane {
  return { perform: (request, stop) => new DirectCall(request, stop, options).perform() };
}

/** One call with its tries. */
class DirectCall {
  readonly #request: ModelRequest;
  readonly #stop: AbortSignal;
  readonly #options: DirectLaneOptions;
  readonly #state: TryState;
  readonly #triesBefore: number;
  readonly #startedAt: number;
  #sent = 0;
  #waitedForLimitsMs = 0;

  constructor(request: ModelRequest, stop: AbortSignal, options: DirectLaneOptions) {
    this.#request = request;
    this.#stop = stop;
    this.#options = options;
    this.#triesBefore = options.triesBefore();
    this.#state = { tries: this.#triesBefore, rateLimits: 0, timeoutMs: options.timeoutMs };
    this.#startedAt = options.clock.now();
  }

  async perform(): Promise<LaneResult> {
    const { limiterFor, pauses } = this.#options;
    const { model } = this.#request;
    while (true) {
      const permit = await limiterFor(model)
        .acquire(this.#stop)
        .catch(() => undefined);
      if (permit === undefined) return this.#stopped();
      const pausedMs = await pauses.leftMs(model);
      const timeoutMs = this.#timeLeft();
      if (pausedMs === 0 && timeoutMs !== undefined) {
        const result = await this.#send(permit, timeoutMs);
        if (result !== undefined) return result;
      } else {
        permit.release('neutral');
        if (timeoutMs === undefined) return this.#stopped();
        const stopped = await this.#waitForLimit(pausedMs);
        if (stopped !== undefined) return stopped;
      }
    }
  }

  /** The time limit of the next try, cut to what is left of the pass; undefined where not even the ordinary one fits. */
  #timeLeft(): number | undefined {
    const left = this.#options.endBy - this.#options.clock.now();
    return left < this.#options.timeoutMs ? undefined : Math.min(left, this.#state.timeoutMs);
  }

  /** Undefined: to be tried again. */
  async #send(permit: Permit, timeoutMs: number): Promise<LaneResult | undefined> {
    const { models, name, clock } = this.#options;
    this.#sent += 1;
    try {
      const answer = await models.call(this.#request, { timeoutMs, lane: name });
      permit.release('ok');
      return { kind: 'answered', answer, ...this.#record() };
    } catch (thrown) {
      const error = asProofsheetError(thrown);
      permit.release(outcomeFor(error));
      if (error.paid !== undefined) return { kind: 'refused', error, ...this.#record() };
      countFailure(this.#state, error);
      const decision = nextTry(error, this.#state, this.#options.maxTries, clock.random());
      if (decision.kind === 'give-up') throw error;
      this.#state.timeoutMs = decision.timeoutMs;
      if (decision.countsAsTry) return await this.#wait(decision.afterMs);
      await this.#options.pauses.limited(this.#request.model, decision.afterMs);
      return await this.#waitForLimit(decision.afterMs);
    }
  }

  /** Who waits for long keeps the place of an item whose model would answer, so it comes back later instead. */
  async #waitForLimit(ms: number): Promise<LaneResult | undefined> {
    this.#waitedForLimitsMs += ms;
    if (this.#waitedForLimitsMs > this.#options.limitWaitMs) return { ...this.#stopped(), afterMs: ms };
    return await this.#wait(ms);
  }

  async #wait(ms: number): Promise<LaneResult | undefined> {
    return await this.#options.clock.sleep(ms, this.#stop).then(
      () => undefined,
      () => this.#stopped(),
    );
  }

  #stopped(): LaneResult & { kind: 'stopped' } {
    return { kind: 'stopped', failedTries: this.#state.tries - this.#triesBefore };
  }

  #record(): CallRecord {
    const tookMs = this.#options.clock.now() - this.#startedAt;
    return { lane: this.#options.name, tries: this.#sent, startedAt: this.#startedAt, tookMs };
  }
}

function countFailure(state: TryState, error: ProofsheetError): void {
  if (isRateLimit(error.code)) state.rateLimits += 1;
  else {
    state.tries += 1;
    state.rateLimits = 0;
  }
}

/** Only answers that say "too much" slow the others down. */
function outcomeFor(error: ProofsheetError): 'ok' | 'rejected' | 'neutral' {
  if (error.paid !== undefined) return 'ok';
  return isRateLimit(error.code) || error.code === 'overloaded' ? 'rejected' : 'neutral';
}
