import type { Batch, Counts, Item } from '../domain/batch.ts';
import type { Ended } from '../platform/ports.ts';

/** Ends that are kept for watchers; who is further behind reads them from the store. */
const KEPT_ENDS = 500;
/** Items whose last end is remembered, so that none is told twice nor said to be in work afterwards. */
const KNOWN_ENDS = 5_000;

/** What a process knows of a batch that is watched. It takes the same room however many watch, and for how long. */
export interface LiveState {
  /** Grows with every change; whatever changed bears the number of its change. */
  now: number;
  /** The last ends, numbered from `firstEnd` on. */
  ends: Ended[];
  firstEnd: number;
  /** Position of the end that was told last. */
  position: string;
  running: Map<string, { item: Item; changed: number }>;
  known: Map<string, { position: string; fence: number }>;
  batch: Batch | undefined;
  counted: { batch: Batch; counts: Counts; changed: number } | undefined;
  /** The batch, when it has ended, its report is there and all its ends were told. */
  complete: Batch | undefined;
}

export function newLiveState(position: string): LiveState {
  return {
    ...{ now: 0, ends: [], firstEnd: 0, position, running: new Map(), known: new Map() },
    ...{ batch: undefined, counted: undefined, complete: undefined },
  };
}

/** The number that the next end will have. */
export function nextEnd({ firstEnd, ends }: LiveState): number {
  return firstEnd + ends.length;
}

/** Takes ends in that were not told before. Says whether there were any. */
export function takeEnds(state: LiveState, ended: readonly Ended[]): boolean {
  const fresh = ended.filter(({ position, item }) => state.known.get(item.id)?.position !== position);
  for (const end of fresh) {
    const { id, fence } = end.item;
    // Set anew, so that the oldest are the first.
    state.known.delete(id);
    state.known.set(id, { position: end.position, fence });
    state.running.delete(id);
    state.ends.push(end);
    state.position = end.position;
  }
  const over = Math.max(0, state.ends.length - KEPT_ENDS);
  state.ends.splice(0, over);
  state.firstEnd += over;
  for (const id of state.known.keys()) {
    if (state.known.size <= KNOWN_ENDS) break;
    state.known.delete(id);
  }
  if (fresh.length > 0) state.now += 1;
  return fresh.length > 0;
}

/** Takes in which items are in work. What is said of an item after its end was told is older than that. */
export function takeRunning(state: LiveState, items: readonly Item[]): boolean {
  const now = state.now + 1;
  const isOver = ({ id, fence }: Item) => (state.known.get(id)?.fence ?? -1) >= fence;
  const open = items.filter((item) => !isOver(item));
  const changed = open.filter((item) => !isSame(state.running.get(item.id)?.item, item));
  const ids = new Set(open.map(({ id }) => id));
  for (const id of state.running.keys()) if (!ids.has(id)) state.running.delete(id);
  for (const item of changed) state.running.set(item.id, { item, changed: now });
  if (changed.length > 0) state.now = now;
  return changed.length > 0;
}

function isSame(before: Item | undefined, item: Item): boolean {
  if (before === undefined || before.fence !== item.fence) return false;
  const [was, is] = [before.progress, item.progress];
  return was?.attempt === is?.attempt && was?.step === is?.step && was?.since === is?.since;
}
