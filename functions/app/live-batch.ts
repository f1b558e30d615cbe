import type { Batch } from '../domain/batch.ts';
import { asProofsheetError, type ProofsheetError } from '../domain/errors.ts';
import type { App } from './app.ts';
import { type LiveState, newLiveState, nextEnd, takeEnds, takeRunning } from './live-state.ts';
import { type BatchView, readBatch } from './read-batch.ts';

const PAGE = 200;
/** Between two looks at the counters of a batch, for each so many shards. */
const COUNT_EVERY_MS = 1_000;
const SHARDS_PER_LOOK = 16;
const VIEW_FOR_MS = 1_000;
/** Watchers wake this often, also when nothing happens. */
const BEAT_EVERY_MS = 5_000;
const AGAIN_AFTER_MS = 2_000;
/** What a look at a batch shows of its items. */
export const SHOWN = { recent: 50, running: 50 };

export type LiveApp = Pick<App, 'batches' | 'changes' | 'clock' | 'log'>;

/** A batch that is followed for all its watchers in this process. */
export interface LiveBatch {
  readonly batchId: string;
  readonly state: LiveState;
  /** Why it is not followed any more. */
  readonly failure: ProofsheetError | undefined;
  /** What is to be seen now, and from where on its changes are told; who looks at the same moment shares the look. */
  look(): Promise<Look>;
  /** Calls `wake` after changes, and now and then without one. Gives what ends it. */
  onChange(wake: () => void): () => void;
  close(): void;
}
export interface Look {
  view: BatchView;
  position: string;
  nextEnd: number;
}

/** Begins to follow a batch. */
export async function openLiveBatch(app: LiveApp, batchId: string): Promise<LiveBatch> {
  const live = newFollowing(app, batchId, newLiveState(await app.changes.last(batchId)));
  const { signal } = live.stop;
  const whileOpen = async (work: () => Promise<void>): Promise<void> => {
    while (!signal.aborted) await work();
  };
  const parts = [
    whileOpen(() => follow(live)),
    whileOpen(() => count(live)),
    whileOpen(async () => {
      await rest(live, BEAT_EVERY_MS);
      live.wakeAll();
    }),
  ];
  Promise.all(parts).catch((thrown: unknown) => {
    live.failure = asProofsheetError(thrown);
    close(live);
  });
  return {
    batchId,
    state: live.state,
    get failure() {
      return live.failure;
    },
    look: sharedLook(live),
    onChange(wake) {
      live.wakers.add(wake);
      return () => live.wakers.delete(wake);
    },
    close: () => close(live),
  };
}

function close(live: Following): void {
  live.stop.abort();
  live.wakeCounter();
  live.wakeAll();
}

interface Following {
  app: LiveApp;
  batchId: string;
  state: LiveState;
  stop: AbortController;
  failure: ProofsheetError | undefined;
  wakers: Set<() => void>;
  wakeAll(): void;
  /** The counters are to be read anew. */
  isCountDue: boolean;
  wakeCounter: () => void;
}

function newFollowing(app: LiveApp, batchId: string, state: LiveState): Following {
  const wakers = new Set<() => void>();
  return {
    ...{ app, batchId, state, stop: new AbortController(), failure: undefined, wakers },
    wakeAll() {
      for (const wake of [...wakers]) wake();
    },
    isCountDue: true,
    wakeCounter: () => undefined,
  };
}

async function rest({ app, stop }: Following, ms: number): Promise<void> {
  await app.clock.sleep(ms, stop.signal).catch(() => undefined);
}

/** Follows until the store fails for a while, or for good. */
async function follow(live: Following): Promise<void> {
  const { app, batchId, state, stop } = live;
  const from = { after: state.position, signal: stop.signal };
  try {
    await app.changes.follow(batchId, from, (change) => {
      let isNews = true;
      if (change.kind === 'batch') {
        state.batch = change.batch;
        if (!isEnded(change.batch)) state.complete = undefined;
      } else if (change.kind === 'running') isNews = takeRunning(state, change.items);
      else isNews = takeEnds(state, change.ended);
      if (change.kind !== 'running') callCounter(live);
      if (isNews) live.wakeAll();
    });
  } catch (thrown) {
    const error = asProofsheetError(thrown);
    if (error.disposition === 'permanent') throw error;
    app.log.warn({ batchId, code: error.code, error: error.message }, 'following a batch begins again');
    await rest(live, AGAIN_AFTER_MS);
  }
}

function callCounter(live: Following): void {
  live.isCountDue = true;
  live.wakeCounter();
}

/** Reads the counters when something has changed; and where the batch has ended, makes sure first that all ends are told. */
async function count(live: Following): Promise<void> {
  const { app, state, stop } = live;
  if (!live.isCountDue) {
    await new Promise<void>((resolve) => {
      live.wakeCounter = resolve;
      if (stop.signal.aborted) resolve();
    });
    return;
  }
  live.isCountDue = false;
  const { batch } = state;
  if (batch === undefined) return;
  try {
    const isComplete = isEnded(batch);
    if (isComplete) await tellAllEnds(live);
    const counts = await app.batches.counts(batch.id);
    state.now += 1;
    state.counted = { batch, counts, changed: state.now };
    // It may have been gone on with meanwhile.
    state.complete = isComplete && state.batch?.revision === batch.revision ? batch : undefined;
    live.wakeAll();
    await rest(live, COUNT_EVERY_MS * Math.ceil(batch.shardCount / SHARDS_PER_LOOK));
  } catch (thrown) {
    const error = asProofsheetError(thrown);
    if (error.disposition === 'permanent') throw error;
    live.isCountDue = true;
    await rest(live, AGAIN_AFTER_MS);
  }
}

function isEnded(batch: Batch): boolean {
  return (batch.state === 'finished' || batch.state === 'cancelled') && batch.report !== undefined;
}

async function tellAllEnds({ app, batchId, state }: Following): Promise<void> {
  let after = state.position;
  for (let again = true; ; again = false) {
    const ended = await app.changes.ended(batchId, { after, limit: PAGE, again });
    takeEnds(state, ended);
    after = ended.at(-1)?.position ?? after;
    if (ended.length < PAGE) return;
  }
}

/** Looks at the batch, at most once in a moment. */
function sharedLook({ app, batchId, state }: Following): () => Promise<Look> {
  let last: { at: number; look: Promise<Look> } | undefined;
  return () => {
    const now = app.clock.now();
    if (last === undefined || now - last.at > VIEW_FOR_MS) {
      // Read first: what ends while the batch is looked at is told once more.
      const from = { position: state.position, nextEnd: nextEnd(state) };
      const look = readBatch(app, batchId, SHOWN).then((view) => ({ view, ...from }));
      last = { at: now, look };
      look.catch(() => {
        last = undefined;
      });
    }
    return last.look;
  };
}
