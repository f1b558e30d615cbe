import type { Batch, Counts, Item } from '../domain/batch.ts';
import { ProofsheetError } from '../domain/errors.ts';
import type { Ended } from '../platform/ports.ts';
import { type LiveApp, type LiveBatch, openLiveBatch } from './live-batch.ts';
import { nextEnd } from './live-state.ts';
import type { BatchView } from './read-batch.ts';

/** What a watcher is told. `position` is where one goes on who heard this last. */
export type WatchEvent =
  | { kind: 'snapshot'; position: string; view: BatchView }
  | { kind: 'item'; position: string; item: Item }
  | { kind: 'progress'; position: string; batch: Batch; counts: Counts; running: number }
  | { kind: 'complete'; position: string; batch: Batch; counts: Counts }
  /** Nothing has happened for a while. */
  | { kind: 'quiet' };

export interface Watching {
  /** Left out: from now on. */
  after?: string;
  signal: AbortSignal;
}

/** Watchers of the batches, any number of them, for each batch over one follower. */
export interface Watchers {
  /**
   * A snapshot, then every item that ends behind the position, items in work as they move on, and progress; the last is `complete`,
   * once all ends are told and the report is there. Who reads slowly is told the latest of what moves on, and all of what has ended.
   */
  watch(batchId: string, watching: Watching): AsyncGenerator<WatchEvent>;
}

const QUIET_MS = 15_000;
const PAGE = 100;
const MOST_WATCHERS = 1_000;
const MOST_TOLD = 1_000;

export function batchWatchers(app: LiveApp): Watchers {
  const open = new Map<string, { live: Promise<LiveBatch>; watchers: number }>();
  let watchers = 0;
  async function* watch(batchId: string, watching: Watching): AsyncGenerator<WatchEvent> {
    if (watchers >= MOST_WATCHERS) {
      throw new ProofsheetError('rate_limited', `${watchers} watch already; ask again in a minute.`);
    }
    const shared = open.get(batchId) ?? { live: openLiveBatch(app, batchId), watchers: 0 };
    open.set(batchId, shared);
    shared.watchers += 1;
    watchers += 1;
    try {
      yield* watchLive(app, await shared.live, watching);
    } finally {
      watchers -= 1;
      shared.watchers -= 1;
      if (shared.watchers === 0) {
        open.delete(batchId);
        shared.live.then(
          (live) => live.close(),
          () => undefined,
        );
      }
    }
  }
  return { watch };
}

/** Where a watcher stands. */
interface Standing {
  position: string;
  /** Number of the next end that it is to be told; undefined while it reads ends from the store. */
  next: number | undefined;
  /** Positions that came from the store and come from the follower as well. */
  told: Set<string>;
  /** The last change that it was told. */
  seen: number;
  saidAt: number;
}

async function* watchLive(app: LiveApp, live: LiveBatch, { after, signal }: Watching): AsyncGenerator<WatchEvent> {
  const waiter = newWaiter(live, signal);
  try {
    const look = await live.look();
    const now = app.clock.now();
    const standing: Standing = {
      ...{ position: after ?? look.position, told: new Set(), seen: 0, saidAt: now },
      next: after === undefined ? look.nextEnd : undefined,
    };
    yield { kind: 'snapshot', position: standing.position, view: look.view };
    while (!signal.aborted) {
      let said = 0;
      for await (const event of newsFor(app, live, standing)) {
        yield event;
        said += 1;
        standing.saidAt = app.clock.now();
        if (event.kind === 'complete' || signal.aborted) return;
      }
      if (live.failure !== undefined) throw live.failure;
      if (said > 0) continue;
      if (app.clock.now() - standing.saidAt >= QUIET_MS) {
        yield { kind: 'quiet' };
        standing.saidAt = app.clock.now();
      }
      await waiter.change(standing.seen);
    }
  } finally {
    waiter.leave();
  }
}

/** What the watcher has not been told yet; ends before everything else. */
async function* newsFor(app: LiveApp, live: LiveBatch, standing: Standing): AsyncGenerator<WatchEvent> {
  const { state } = live;
  for await (const { position, item } of newEnds(app, live, standing)) {
    standing.position = position;
    yield { kind: 'item', position, item };
  }
  const { seen, position } = standing;
  const now = state.now;
  const running = [...state.running.values()].filter(({ changed }) => changed > seen);
  for (const { item } of running) yield { kind: 'item', position, item };
  const { counted } = state;
  if (counted !== undefined && counted.changed > seen) {
    const { batch, counts } = counted;
    yield { kind: 'progress', position, batch, counts, running: state.running.size };
  }
  standing.seen = now;
  const { complete } = state;
  if (complete === undefined || state.counted === undefined || standing.next !== nextEnd(state)) return;
  yield { kind: 'complete', position, batch: complete, counts: state.counted.counts };
}

/** Ends that the follower still has; those before them from the store. */
async function* newEnds(app: LiveApp, live: LiveBatch, standing: Standing): AsyncGenerator<Ended> {
  const { state } = live;
  while (true) {
    if (standing.next === undefined || standing.next < state.firstEnd) {
      standing.next = nextEnd(state);
      standing.told.clear();
      yield* storedEnds(app, live, standing);
    }
    const end = state.ends[standing.next - state.firstEnd];
    if (end === undefined) return;
    standing.next += 1;
    if (!standing.told.delete(end.position)) yield end;
  }
}

/** What ends while these are read is told by the follower as well. */
async function* storedEnds(app: LiveApp, { batchId }: LiveBatch, standing: Standing): AsyncGenerator<Ended> {
  let after = standing.position;
  for (let again = true; ; again = false) {
    const ended = await app.changes.ended(batchId, { after, limit: PAGE, again });
    for (const end of ended) {
      yield end;
      standing.told.add(end.position);
      after = end.position;
    }
    // Only the last of them can be among those that the follower keeps.
    for (const position of standing.told) {
      if (standing.told.size <= MOST_TOLD) break;
      standing.told.delete(position);
    }
    if (ended.length < PAGE) return;
  }
}

/** Waits for changes. A change that comes while nobody waits is seen by its number. */
function newWaiter(live: LiveBatch, signal: AbortSignal) {
  let wake: () => void = () => undefined;
  const leave = live.onChange(() => wake());
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort);
  return {
    async change(seen: number): Promise<void> {
      if (signal.aborted || live.failure !== undefined || live.state.now > seen) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    },
    leave(): void {
      leave();
      signal.removeEventListener('abort', onAbort);
    },
  };
}
