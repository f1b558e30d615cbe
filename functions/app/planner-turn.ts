import type { Batch, Planner } from '../domain/batch.ts';
import type { Message } from '../domain/message.ts';
import type { App } from './app.ts';
import { FIRST_INPUT } from './input-pages.ts';

/** More than a page of inputs takes. A planner that died is replaced after this. */
const LEASE_MS = 120_000;

/** A delivery's right to plan; every write proves it. */
export interface Turn {
  batch: Batch;
  planner: Planner;
  /** The turn before died: the page at the cursor may be added and not announced. */
  recovers: boolean;
}

/** What came of a step of the planner: the turn goes on; there is no room; all is listed; nothing to do now. Undefined when the turn was lost. */
export type Step = Turn | 'full' | 'done' | 'rest' | undefined;

/** A batch's planner at its beginning. */
export function newPlanner(now: number): Planner {
  return { turn: 0, cursor: FIRST_INPUT, sharded: false, movedAt: now, seenAt: now };
}

/**
 * The planner begun anew, by whoever opens the batch again: it announces what is open and then lists what is left, or everything if
 * `relist`. Whoever is at it loses its turn. A message must follow.
 */
export function restarted(planner: Planner | undefined, of: { now: number; relist: boolean }): Planner {
  const { turn, cursor, sharded } = planner ?? newPlanner(of.now);
  return {
    ...{ turn: turn + 1, sharded, movedAt: of.now, seenAt: of.now },
    cursor: of.relist ? FIRST_INPUT : cursor,
    announcing: { after: '', published: 0 },
  };
}

type Found = 'taken' | 'busy' | 'over';

/**
 * Takes the planner up. `busy`: somebody is at it, so the message must come again. `over`: the batch is not running, or another
 * message goes on where this one would have.
 */
export async function takeTurn(
  app: Pick<App, 'batches' | 'clock'>,
  { batchId, turn: after }: Message & { kind: 'expand' },
): Promise<{ kind: 'taken'; turn: Turn } | { kind: 'busy' } | { kind: 'over'; batch: Batch | undefined }> {
  const before = await app.batches.get(batchId);
  if (before === undefined) return { kind: 'over', batch: undefined };
  const now = app.clock.now();
  const found = (current: Batch, planner: Planner): Found => {
    const isDone = planner.leaseUntil === undefined && after !== undefined && after !== planner.turn;
    if (current.state !== 'running' || isDone) return 'over';
    return (planner.leaseUntil ?? 0) > now ? 'busy' : 'taken';
  };
  let outcome: { kind: Found; recovers: boolean } = { kind: 'over', recovers: false };
  const batch = await app.batches.change(batchId, (current) => {
    const planner = current.planner ?? newPlanner(now);
    outcome = { kind: found(current, planner), recovers: planner.leaseUntil !== undefined };
    if (outcome.kind !== 'taken') return undefined;
    return { planner: { ...planner, turn: planner.turn + 1, leaseUntil: now + LEASE_MS, seenAt: now } };
  });
  const { kind, recovers } = outcome;
  if (kind === 'busy') return { kind };
  if (kind === 'over' || batch.planner === undefined) return { kind: 'over', batch };
  return { kind, turn: { batch, planner: batch.planner, recovers } };
}

/**
 * Records how far the planner came, and what follows for the batch: as given, or as decided from the batch as it then is. Undefined
 * when the turn was lost.
 */
export async function recordTurn(
  app: Pick<App, 'batches' | 'clock'>,
  turn: Turn,
  come: Partial<Planner>,
  update: Partial<Batch> | ((current: Batch) => Partial<Batch>) = {},
): Promise<Turn | undefined> {
  const now = app.clock.now();
  const planner: Planner = { ...turn.planner, leaseUntil: now + LEASE_MS, ...come, seenAt: now };
  let isMine = false;
  const batch = await app.batches.change(turn.batch.id, (current) => {
    isMine = current.state === 'running' && current.planner?.turn === planner.turn;
    if (!isMine) return undefined;
    return { ...(typeof update === 'function' ? update(current) : update), planner };
  });
  return isMine ? { batch, planner, recovers: false } : undefined;
}

/** After a failure: the next delivery need not wait for the lease, and knows that this one did not end well. */
export async function breakOff(app: Pick<App, 'batches' | 'clock'>, turn: Turn): Promise<void> {
  const leaseUntil = app.clock.now();
  await app.batches.change(turn.batch.id, ({ planner }) =>
    planner?.turn === turn.planner.turn ? { planner: { ...planner, leaseUntil } } : undefined,
  );
}
