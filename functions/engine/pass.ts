import { costOf, type PriceTable } from '../domain/cost.ts';
import { asProofsheetError, ProofsheetError } from '../domain/errors.ts';
import type { StepEntry, StepOutcome } from '../domain/journal.ts';
import {
  type FileRef,
  judgeAnswerSchema,
  type ModelRequest,
  type PaidAnswer,
  rubricAnswerSchema,
} from '../domain/model-call.ts';
import type { Outcome } from '../domain/outcome.ts';
import { mayAskAgain } from '../domain/retry.ts';
import { hashOf } from '../lib/hash.ts';
import type { Clock, Files } from '../platform/ports.ts';
import { askingAgain, fileOf, jsonOf, jsonRequest, textOf, vectorOf } from './answers.ts';
import { bothOf, type Interruption, type Lane, type LaneResult, NOT_BEGUN } from './lane.ts';
import type { Recipe, RecipeContext, StepAnswer } from './recipe.ts';
import { StepHistory } from './step-history.ts';

export interface PassInput {
  recipe: Recipe;
  settings: unknown;
  metadata: RecipeContext<unknown>['metadata'];
  input: FileRef;
  /** Steps of earlier passes. */
  recorded: readonly StepEntry[];
  /** Steps of other takes of the same input: one that asked exactly what is asked now is taken over without a call. */
  offered?: readonly StepEntry[];
  lane: Lane;
  /** Writes steps to the journal; the first thing done with a paid answer. Fails with `lease_lost` for a worker that was replaced. */
  record(steps: readonly StepEntry[]): Promise<void>;
  files: Pick<Files, 'put'>;
  prices: PriceTable;
  clock: Clock;
  /** Aborted when no further call may be started: the pass's time is nearly up, or the process shall end. */
  stop: AbortSignal;
}

/** A call that waits for a wave. */
export interface ParkedCall {
  key: string;
  fingerprint: string;
  attempt: number;
  request: ModelRequest;
}

export type PassResult = { steps: StepEntry[] } & (
  | { kind: 'done'; outcome: Outcome }
  | { kind: 'parked'; calls: ParkedCall[] }
  /** Stopped between calls; a later pass goes on, where `afterMs` is set not before that. */
  | ({ kind: 'yielded' } & Interruption)
  /** `step`: key of the call that failed; none where the recipe gave up over what it had. */
  | { kind: 'failed'; error: ProofsheetError; step?: string }
);

/** Runs a recipe from the top: recorded steps answer at once, the others are made in the lane and recorded. */
export async function runPass(input: PassInput): Promise<PassResult> {
  return new Pass(input).run();
}

class Pass {
  readonly #input: PassInput;
  readonly #history: StepHistory;
  readonly #offered: ReadonlyMap<string, StepEntry>;
  readonly #parked: ParkedCall[] = [];
  #attempt = 0;
  #inFlight = 0;
  #stopped: Interruption | undefined;
  #ended = false;
  #failure: { error: ProofsheetError; step: string } | undefined;
  #writes: Promise<void> = Promise.resolve();
  readonly #waiting: (() => void)[] = [];
  /** Money of answered calls that is being accounted for. */
  readonly #ending: Promise<void>[] = [];

  constructor(input: PassInput) {
    this.#input = input;
    this.#history = new StepHistory(input.recorded);
    this.#offered = new Map(input.offered?.map((step) => [step.key, step]));
  }

  async run(): Promise<PassResult> {
    const ending = await Promise.race([this.#finished(), this.#suspended()]);
    await this.#idle();
    this.#ended = true;
    if (this.#ending.length > 0) await Promise.all(this.#ending);
    const steps = this.#history.all();
    if (this.#failure !== undefined) return { kind: 'failed', ...this.#failure, steps };
    if (ending !== undefined) return { ...ending, steps };
    if (this.#parked.length > 0) return { kind: 'parked', calls: this.#parked, steps };
    return { kind: 'yielded', ...(this.#stopped ?? NOT_BEGUN), steps };
  }

  async #finished(): Promise<{ kind: 'done'; outcome: Outcome } | { kind: 'failed'; error: ProofsheetError }> {
    try {
      return { kind: 'done', outcome: await this.#input.recipe.run(this.#context()) };
    } catch (thrown) {
      return { kind: 'failed', error: asProofsheetError(thrown) };
    }
  }

  #context(): RecipeContext<unknown> {
    const { settings, input, metadata } = this.#input;
    return {
      settings,
      input,
      metadata,
      text: (step, request) => this.#ask(step, { ...request, kind: 'text' }, textOf),
      json: (step, request, shape, jsonSchema) =>
        this.#ask(step, jsonRequest(request, shape, jsonSchema), (outcome) => jsonOf(outcome, shape)),
      image: (step, request) => this.#ask(step, { ...request, kind: 'image' }, fileOf),
      rubric: (step, request) =>
        this.#ask(step, { ...request, kind: 'rubric' }, (out) => jsonOf(out, rubricAnswerSchema)),
      judge: (step, request) => this.#ask(step, { ...request, kind: 'judge' }, (out) => jsonOf(out, judgeAnswerSchema)),
      embed: (step, request) => this.#ask(step, { ...request, kind: 'embed' }, vectorOf),
      beginAttempt: (n) => {
        this.#attempt = n;
      },
    };
  }

  /** Asks, and asks again where a billed answer was of no use and another may be better. Each asking is a step of its own. */
  async #ask<T>(
    name: string,
    request: ModelRequest,
    read: (outcome: StepOutcome & { ok: true }) => T,
  ): Promise<StepAnswer<T>> {
    const key = this.#history.keyFor(name);
    let asking = request;
    for (let asked = 1; ; asked += 1) {
      const entry = await this.#step(asked === 1 ? key : `${key}~${asked - 1}`, asking);
      try {
        return { value: read(useful(entry)), modelVersion: entry.paid.modelVersion };
      } catch (thrown) {
        const error = asProofsheetError(thrown);
        if (!mayAskAgain(error.code, asked)) throw error;
        asking = askingAgain(request, error, entry.paid);
      }
    }
  }

  async #step(key: string, request: ModelRequest): Promise<StepEntry> {
    const fingerprint = fingerprintOf(request);
    const recorded = this.#history.recorded(key, fingerprint);
    if (recorded !== undefined) return recorded;
    if (this.#ended || this.#failure !== undefined) return never();
    const offer = this.#offered.get(key);
    if (offer?.fingerprint === fingerprint) return this.#takeOver(offer);
    if (this.#input.stop.aborted) {
      this.#stopped ??= NOT_BEGUN;
      this.#wake();
      return never();
    }
    if (this.#history.size + this.#inFlight >= this.#input.recipe.stepCap) {
      const cap = this.#input.recipe.stepCap;
      throw new ProofsheetError('step_limit', `The item needs more than the ${cap} steps that its recipe allows.`);
    }
    return this.#perform({ key, fingerprint, attempt: this.#attempt, request });
  }

  async #takeOver(offer: StepEntry): Promise<StepEntry> {
    this.#inFlight += 1;
    try {
      return await this.#record({ ...offer, attempt: this.#attempt, costNano: 0, adopted: true });
    } catch (thrown) {
      this.#failure ??= { error: asProofsheetError(thrown), step: offer.key };
    } finally {
      this.#inFlight -= 1;
      this.#wake();
    }
    return never();
  }

  /** An answer that was not recorded ends the pass here and now: a recipe must see nothing that a replay would not show it. */
  async #perform(call: ParkedCall): Promise<StepEntry> {
    this.#inFlight += 1;
    try {
      const result = await this.#input.lane.perform(call.request, this.#input.stop, call);
      if (result.kind === 'parked') this.#parked.push(call);
      else if (result.kind === 'stopped') this.#stopped = bothOf(this.#stopped ?? NOT_BEGUN, result);
      else return await this.#keep(call, result);
    } catch (thrown) {
      this.#failure ??= { error: asProofsheetError(thrown), step: call.key };
    } finally {
      this.#inFlight -= 1;
      this.#wake();
    }
    return never();
  }

  async #keep(call: ParkedCall, result: Answered): Promise<StepEntry> {
    const { clock, files, prices } = this.#input;
    const { lane, tries, startedAt, tookMs, held } = result;
    const paid = paidOf(result);
    const { usage, modelVersion } = paid;
    const costNano = costOf({ model: call.request.model, modelVersion, usage, lane, at: clock.now() }, prices);
    try {
      const outcome = await outcomeOf(result, files);
      return await this.#record({ ...call, outcome, paid, lane, tries, startedAt, tookMs, costNano });
    } finally {
      // It is billed, recorded or not.
      if (held !== undefined) this.#ending.push(held.spent(costNano));
    }
  }

  async #record(step: Omit<StepEntry, 'seq'>): Promise<StepEntry> {
    const entry: StepEntry = { ...step, seq: this.#history.takeSeq() };
    // One after the other: each write proves the lease as the one before left it.
    const written = this.#writes.then(() => this.#input.record([entry]));
    this.#writes = written.catch(() => undefined);
    await written;
    this.#history.add(entry);
    return entry;
  }

  /** Resolves once the recipe can only wait for parked, stopped or failed calls. */
  async #suspended(): Promise<undefined> {
    while (true) {
      await this.#idle();
      await this.#input.clock.turn();
      const blocked = this.#parked.length > 0 || this.#stopped !== undefined || this.#failure !== undefined;
      if (this.#inFlight === 0 && blocked) return undefined;
      if (this.#inFlight === 0) await this.#change();
    }
  }

  async #idle(): Promise<void> {
    while (this.#inFlight > 0) await this.#change();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** Of what is asked; where a file lies is no part of it. */
function fingerprintOf(request: ModelRequest): string {
  const parts = request.parts.map((part) => ('file' in part ? { file: { ...part.file, uri: undefined } } : part));
  return hashOf({ ...request, parts });
}

const never = (): Promise<never> => new Promise(() => undefined);

type Answered = LaneResult & { kind: 'answered' | 'refused' | 'collected' };

async function outcomeOf(result: Answered, files: Pick<Files, 'put'>): Promise<StepOutcome> {
  if (result.kind === 'collected') return result.outcome;
  return result.kind === 'answered' ? await stored(result.answer, files) : refusalOf(result.error);
}

function paidOf(result: Answered): PaidAnswer {
  if (result.kind === 'collected') return result.paid;
  const source = result.kind === 'answered' ? result.answer : result.error.paid;
  if (source === undefined) throw new ProofsheetError('internal', 'A refusal came without its bill.');
  return { usage: source.usage, modelVersion: source.modelVersion, responseId: source.responseId };
}

/** A useful answer as it is recorded, its picture stored by content. */
export async function stored(
  answer: { text?: string; image?: { bytes: Uint8Array; mimeType: string } },
  files: Pick<Files, 'put'>,
): Promise<StepOutcome> {
  const file = answer.image && (await files.put(answer.image.bytes, answer.image.mimeType));
  return { ok: true, ...(answer.text !== undefined && { text: answer.text }), ...(file && { file }) };
}

export function refusalOf(error: ProofsheetError): StepOutcome {
  return { ok: false, code: error.code, message: error.message };
}

function useful(entry: StepEntry): StepOutcome & { ok: true } {
  if (entry.outcome.ok) return entry.outcome;
  throw new ProofsheetError(entry.outcome.code, entry.outcome.message);
}
