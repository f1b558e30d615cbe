import { type App, createApp } from '../../functions/app/app.ts';
import { resumeBatch } from '../../functions/app/control-batch.ts';
import { dispatch } from '../../functions/app/dispatch.ts';
import { type StartRequest, startBatch } from '../../functions/app/start-batch.ts';
import type { Batch } from '../../functions/domain/batch.ts';
import { asProofsheetError, ProofsheetError } from '../../functions/domain/errors.ts';
import type { Message } from '../../functions/domain/message.ts';
import type { ModelAnswer, ModelRequest } from '../../functions/domain/model-call.ts';
import type { RecipeRegistry } from '../../functions/engine/recipe.ts';
import type { Platform } from '../../functions/platform/ports.ts';
import { crashingPlatform, intercepted } from './crashing-platform.ts';
import { PRICES } from './engine-fakes.ts';
import type { manualClock } from './manual-clock.ts';
import { messageList } from './message-list.ts';

const LONGER_THAN_A_LEASE_MS = 700_000;
const MOST_TURNS = 10_000;
/** Rounds in which nobody waits for an answer, after which nothing but time can be missing. */
const PATIENCE = 3;
/** Calls that one pass of the recipe has under way at most. */
const CALLS_AT_ONCE = 2;

/** What really happened, seen below all faults. */
export interface Happened {
  /** Ends written, by item. */
  ends: Map<string, string[]>;
  finished: number;
  paid: number;
  /** Writes of workers who had lost their lease. */
  refused: number;
  crashes: number;
  /** Messages that were published and never delivered. */
  dropped: number;
  /** Reads and writes of the store under way. */
  writing: number;
  /** Calls that deliveries under way may have lost when a process died, a write failed or leases ran out. */
  atRisk: number;
}

/**
 * A batch in a world where messages come twice and in any order, answers come in any order, leases run out under waiting
 * workers, processes die at any write and writes fail once they are done. Where messages are dropped as well, a sweep comes now and
 * then. All by the numbers of `random`.
 */
export function chaoticWorld(of: {
  platform: Platform;
  clock: ReturnType<typeof manualClock>;
  recipes: RecipeRegistry;
  reply: (request: ModelRequest) => ModelAnswer;
  random: () => number;
  /** Share of the messages that are never delivered. */
  drops: number;
  /** By how much the ceiling of a batch is raised that was paused for want of money, in nano-dollars. */
  raiseNano?: number;
  /** After every turn. */
  check?: (batchId: string) => Promise<void>;
}) {
  const { platform, clock, random } = of;
  const chance = (share: number): boolean => random() < share;
  const take = <T>(from: T[]): T | undefined => from.splice(Math.floor(random() * from.length), 1)[0];
  const happened: Happened = {
    ends: new Map(),
    finished: 0,
    paid: 0,
    refused: 0,
    crashes: 0,
    dropped: 0,
    writing: 0,
    atRisk: 0,
  };
  let idle = 0;
  /** Half of the batches are let into the queue by a page at a time. */
  const window = chance(0.5) ? 2 : Number.POSITIVE_INFINITY;
  const queue = messageList();
  const waitingCalls: (() => void)[] = [];
  const underWay = new Set<Promise<void>>();
  const exposed = new Set<Promise<void>>();
  const risk = (): void => {
    for (const work of underWay) exposed.add(work);
    happened.atRisk = CALLS_AT_ONCE * exposed.size;
  };

  const models = {
    async call(request: ModelRequest) {
      await new Promise<void>((resolve) => waitingCalls.push(resolve));
      if (chance(0.05)) throw new ProofsheetError('overloaded', 'Too much.', { disposition: 'transient' });
      happened.paid += 1;
      return of.reply(request);
    },
    check: () => Promise.resolve([]),
  };
  const seen: Platform = { ...watched(platform, happened), queue, models };

  function begin() {
    const process = crashingPlatform(stumbling(seen), () => {
      if (!chance(0.02)) return undefined;
      happened.crashes += 1;
      risk();
      return chance(0.5) ? 'before' : 'after';
    });
    return { process, app: appOver(process) };
  }

  function appOver(on: Platform): App {
    const limits = { pageSize: 2, window, itemAgeMs: Number.POSITIVE_INFINITY, batchAgeMs: Number.POSITIVE_INFINITY };
    return createApp(on, { prices: PRICES, stop: new AbortController().signal, recipes: of.recipes, limits });
  }

  /** Some writes fail although nothing is wrong with their process, before or after they are done. */
  function stumbling(on: Platform): Platform {
    const journal = intercepted(on.journal, async (member, proceed) => {
      const stumbles = member !== 'steps' && chance(0.02);
      if (stumbles) risk();
      const late = chance(0.5);
      const passes = chance(0.5);
      if (stumbles && !late) throw stumble(passes, `No ${member}.`);
      const result = await proceed();
      if (stumbles) throw stumble(passes, `${member} is done, but nobody knows.`);
      return result;
    });
    return { ...on, journal };
  }

  let current = begin();
  function deliver(message: Message): void {
    const { app, process } = current;
    const again = () => void queue.waiting.push(message);
    const work = dispatch(app, message)
      .then((disposal) => (process.isDead() || disposal.kind === 'retry' ? again() : undefined), again)
      .finally(() => underWay.delete(work));
    underWay.add(work);
  }

  /** With more money, where that was wanting. */
  async function resume({ id, pause, run }: Batch): Promise<void> {
    const more = pause?.code === 'budget' ? (of.raiseNano ?? 0) : 0;
    const spend = run.maxSpendNano === undefined ? {} : { maxSpendNano: run.maxSpendNano + more };
    await resumeBatch(appOver(seen), id, { failed: false, errors: false, spend });
  }

  async function turn(batchId: string): Promise<void> {
    if (current.process.isDead()) current = begin();
    const batch = await platform.batches.get(batchId);
    if (batch?.state === 'paused') await resume(batch);
    if (underWay.size < 8 && queue.waiting.length > 0) {
      const message = take(queue.waiting);
      const isDropped = of.drops > 0 && chance(of.drops);
      if (isDropped) happened.dropped += 1;
      if (message !== undefined && !isDropped) deliver(message);
      if (message !== undefined && !isDropped && chance(0.2)) queue.waiting.push(message);
    }
    if (of.drops > 0 && chance(0.1)) deliver({ kind: 'tick' });
    if (chance(0.6)) take(waitingCalls)?.();
    if (waitingCalls.length === 0 || chance(0.3)) await quiet();
    // Leases run out under workers that wait for an answer; and where nobody waits for one, all wait for the time.
    idle = waitingCalls.length > 0 ? 0 : idle + 1;
    if (idle > PATIENCE || (idle === 0 && chance(0.08))) {
      idle = 0;
      risk();
      clock.advance(LONGER_THAN_A_LEASE_MS);
    }
    await clock.turn();
  }

  /** Resolves once everybody who does not wait for an answer or for the time has come to rest. */
  async function quiet(): Promise<void> {
    for (let still = 0; still < 5; still++) {
      await clock.turn();
      if (happened.writing > 0) still = 0;
    }
  }

  return {
    happened,
    /** Runs until the batch is finished and every worker that still waited for something has gone home. */
    async run(request: StartRequest): Promise<string> {
      const { batch } = await startBatch(appOver(seen), request);
      for (let turns = 0; (await platform.batches.get(batch.id))?.state !== 'finished'; turns++) {
        if (turns > MOST_TURNS) throw new Error('The batch does not come to an end.');
        await turn(batch.id);
        await of.check?.(batch.id);
      }
      while (underWay.size > 0) {
        for (const answer of waitingCalls.splice(0)) answer();
        risk();
        clock.advance(LONGER_THAN_A_LEASE_MS);
        await clock.turn();
      }
      return batch.id;
    },
  };
}

function watched(platform: Platform, happened: Happened): Platform {
  const busy = async (_: string, proceed: () => Promise<unknown>) => {
    happened.writing += 1;
    return await proceed().finally(() => {
      happened.writing -= 1;
    });
  };
  const batches = intercepted(platform.batches, busy);
  const journal = intercepted(platform.journal, busy);
  return {
    ...platform,
    batches: {
      ...batches,
      async change(batchId, decide) {
        let finishes = false;
        const after = await batches.change(batchId, (current) => {
          const update = decide(current);
          finishes = current.state !== 'finished' && update?.state === 'finished';
          return update;
        });
        if (finishes) happened.finished += 1;
        return after;
      },
    },
    journal: {
      ...journal,
      append: (...args) => journal.append(...args).catch((thrown) => refused(thrown, happened)),
      async settle(claim, settlement) {
        const settled = await journal.settle(claim, settlement).catch((thrown) => refused(thrown, happened));
        happened.ends.set(claim.item.id, [...(happened.ends.get(claim.item.id) ?? []), settlement.state]);
        return settled;
      },
    },
  };
}

/** An outage that passes, or a disk that somebody has to make room on. */
function stumble(passes: boolean, message: string): ProofsheetError {
  return passes
    ? new ProofsheetError('storage_unavailable', message, { disposition: 'transient' })
    : new ProofsheetError('storage', message, { scope: 'batch' });
}

function refused(thrown: unknown, happened: Happened): never {
  if (asProofsheetError(thrown).code === 'lease_lost') happened.refused += 1;
  throw thrown;
}
