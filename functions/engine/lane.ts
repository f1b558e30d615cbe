import { asProofsheetError, type ProofsheetError } from '../domain/errors.ts';
import type { StepOutcome } from '../domain/journal.ts';
import type { LaneName, ModelAnswer, ModelRequest, PaidAnswer } from '../domain/model-call.ts';
import { flexSheds, isRateLimit, nextTry, type TryState } from '../domain/retry.ts';
import type { WaveCall } from '../domain/wave.ts';
import type { Limiter, Permit } from '../lib/limiter.ts';
import type { Clock, Models } from '../platform/ports.ts';
import type { HeldMoney, Purse } from './purse.ts';
import type { SharedPauses } from './shared-pauses.ts';

/** How a call is made: now, or later together with others. */
export interface Lane {
  /** Fails with ProofsheetError when the call was finally not answered. */
  perform(request: ModelRequest, stop: AbortSignal, step: StepName): Promise<LaneResult>;
}

/** Makes every call now. */
export interface DirectLane extends Lane {
  perform(request: ModelRequest, stop: AbortSignal, step: Pick<StepName, 'key'>): Promise<LaneResult>;
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
  /** The one that it was really made in. */
  lane: LaneName;
  tries: number;
  startedAt: number;
  tookMs: number;
  /** To be ended with what the answer cost, once that is recorded. */
  held?: HeldMoney | undefined;
}

/** How long a call waits for money that others hold, until it asks again. */
const MONEY_WAIT_MS = 1_500;
/** After this its item gives its place away, perhaps to the one that has to end what a dead worker held. */
const MONEY_PATIENCE_MS = 15_000;

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
      const isNow = isJudging(request) || request.kind === 'embed';
      const call = known.get(`${key} ${fingerprint}`);
      const state = call?.standing.state;
      const isDirect = isNow || state === 'direct' || (!parks && state !== 'sent' && state !== 'answered');
      if (isDirect) return await now.perform(request, stop, { key });
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
  /** Left out where nothing limits what may be spent. */
  purse?: Purse | undefined;
}

/** Calls made now, tried again as the retry policy says. A request under way is never cut: its answer would be lost but billed. */
export function directLane(options: DirectLaneOptions): DirectLane {
  return { perform: (request, stop, { key }) => new DirectCall({ request, stop, step: key }, options).perform() };
}

/** Judging services have one lane. */
function isJudging({ kind }: ModelRequest): boolean {
  return kind === 'rubric' || kind === 'judge';
}

/** One call with its tries. */
class DirectCall {
  readonly #request: ModelRequest;
  readonly #step: string;
  readonly #stop: AbortSignal;
  readonly #options: DirectLaneOptions;
  readonly #state: TryState;
  readonly #triesBefore: number;
  readonly #startedAt: number;
  #lane: LaneName;
  #sent = 0;
  #sheds = 0;
  #waitedForLimitsMs = 0;
  #waitedForMoneyMs = 0;
  #held: HeldMoney | undefined;

  constructor(of: { request: ModelRequest; stop: AbortSignal; step: string }, options: DirectLaneOptions) {
    this.#request = of.request;
    this.#step = of.step;
    this.#stop = of.stop;
    this.#options = options;
    this.#lane = isJudging(of.request) ? 'standard' : options.name;
    this.#triesBefore = options.triesBefore();
    this.#state = { tries: this.#triesBefore, rateLimits: 0, timeoutMs: options.timeoutMs };
    this.#startedAt = options.clock.now();
  }

  async perform(): Promise<LaneResult> {
    try {
      const result = await this.#answer();
      if (result.kind === 'stopped') await this.#held?.free();
      return result;
    } catch (thrown) {
      await this.#held?.free();
      throw thrown;
    }
  }

  async #answer(): Promise<LaneResult> {
    const { limiterFor, pauses } = this.#options;
    while (true) {
      const permit = await limiterFor(this.#place())
        .acquire(this.#stop)
        .catch(() => undefined);
      if (permit === undefined) return this.#stopped();
      const pausedMs = await pauses.leftMs(this.#place());
      const timeoutMs = this.#timeLeft();
      const waitMs = pausedMs > 0 || timeoutMs === undefined ? pausedMs : await this.#waitForMoneyMs(permit);
      if (waitMs === 0 && timeoutMs !== undefined) {
        const result = await this.#send(permit, timeoutMs);
        if (result !== undefined) return result;
      } else {
        permit.release('neutral');
        if (timeoutMs === undefined) return this.#stopped();
        if (pausedMs === 0) this.#waitedForMoneyMs += waitMs;
        if (this.#waitedForMoneyMs > MONEY_PATIENCE_MS) return { ...this.#stopped(), afterMs: waitMs };
        const stopped = await this.#waitForLimit(waitMs);
        if (stopped !== undefined) return stopped;
      }
    }
  }

  /** What is limited and paused together: flex has a capacity of its own. */
  #place(): string {
    return this.#lane === 'flex' ? `${this.#request.model} flex` : this.#request.model;
  }

  /** The time limit of the next try, cut to what is left of the pass; undefined where not even the ordinary one fits. */
  #timeLeft(): number | undefined {
    const left = this.#options.endBy - this.#options.clock.now();
    return left < this.#options.timeoutMs ? undefined : Math.min(left, this.#state.timeoutMs);
  }

  /** 0 once the money for the call is held. */
  async #waitForMoneyMs(permit: Permit): Promise<number> {
    const { purse, clock } = this.#options;
    if (purse === undefined || this.#held !== undefined) return 0;
    try {
      this.#held = await purse.hold(this.#request, this.#step);
    } catch (thrown) {
      permit.release('neutral');
      throw thrown;
    }
    return this.#held === undefined ? Math.ceil(MONEY_WAIT_MS * (0.5 + clock.random())) : 0;
  }

  /** Undefined: to be tried again. */
  async #send(permit: Permit, timeoutMs: number): Promise<LaneResult | undefined> {
    const { models } = this.#options;
    this.#sent += 1;
    try {
      const answer = await models.call(this.#request, { timeoutMs, lane: this.#lane });
      permit.release('ok');
      return { kind: 'answered', answer, ...this.#record() };
    } catch (thrown) {
      const error = asProofsheetError(thrown);
      permit.release(outcomeFor(error));
      if (error.paid !== undefined) return { kind: 'refused', error, ...this.#record() };
      if (error.code === 'timeout') await this.#loseMoney();
      return await this.#afterFailure(error);
    }
  }

  /** The service may go on with a call that we gave up, and bill it. */
  async #loseMoney(): Promise<void> {
    await this.#held?.lost();
    this.#held = undefined;
  }

  async #afterFailure(error: ProofsheetError): Promise<LaneResult | undefined> {
    const { clock, maxTries } = this.#options;
    if (this.#lane === 'flex') {
      const shed = flexSheds(error, this.#sheds + 1, clock.random());
      if (shed !== undefined) this.#sheds += 1;
      if (shed?.kind === 'wait') return await this.#wait(shed.ms);
      if (shed?.kind === 'standard') {
        this.#lane = 'standard';
        return undefined;
      }
    }
    countFailure(this.#state, error);
    const decision = nextTry(error, this.#state, maxTries, clock.random());
    if (decision.kind === 'give-up') throw error;
    this.#state.timeoutMs = decision.timeoutMs;
    if (decision.countsAsTry) return await this.#wait(decision.afterMs);
    await this.#options.pauses.limited(this.#place(), decision.afterMs);
    return await this.#waitForLimit(decision.afterMs);
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
    return { lane: this.#lane, tries: this.#sent, startedAt: this.#startedAt, tookMs, held: this.#held };
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
