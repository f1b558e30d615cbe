import type { Batch, ItemState } from '../domain/batch.ts';
import { asProofsheetError } from '../domain/errors.ts';
import { ACK, type Disposal } from '../domain/message.ts';
import { advanceWaves } from './advance-waves.ts';
import type { App } from './app.ts';
import { lookIfDue } from './close-drops.ts';
import { cancelBatch, resumeDuePause } from './control-batch.ts';
import { newPlanner } from './planner-turn.ts';

/** A tick begins with no further batch after this; the next one goes on with those that wait longest. */
const TICK_MS = 40_000;
const BATCHES_PER_PAGE = 200;
/** Below the minute between two ticks; a sweep that died is replaced by the next. */
const LOOK_EVERY_MS = 45_000;

/** Messages that are published again, per batch and tick. */
const MESSAGES_PER_TICK = 300;
/** Clocks of machines differ. */
const LEASE_GRACE_MS = 60_000;
/** More than the lease of a planner, which says each time it looks that it was there. */
const PLANNER_STILL_MS = 5 * 60_000;
/** A batch that still has messages settles an item sooner. */
const STILL_MS = 10 * 60_000;
/** The last steps of a batch take no model's time. */
const ENDING_STILL_MS = 2 * 60_000;
const LONGEST_STILL_MS = 60 * 60_000;

const OPEN: readonly ItemState[] = ['queued', 'running', 'parked'];

/**
 * Repeats what was lost: nothing depends on one message arriving. Looks at every unfinished batch, at each by one sweep at a
 * time. All it does may be done twice, so one that is too slow does no harm; what it does not come to, the next tick does.
 * Batches that are not `isMine` are left to whoever works them off.
 */
export async function sweep(app: App, isMine: (batch: Batch) => boolean = () => true): Promise<Disposal> {
  const until = app.clock.now() + TICK_MS;
  const mine = (await unfinishedBatches(app)).filter(isMine);
  const batches = mine.filter((batch) => needsLook(app, batch));
  for (const { id } of batches.toSorted((a, b) => (a.sweep?.at ?? 0) - (b.sweep?.at ?? 0))) {
    if (app.clock.now() >= until || app.stop.aborted) break;
    try {
      await sweepBatch(app, id);
    } catch (thrown) {
      // One batch that cannot be looked at keeps no other from it.
      const { code, message } = asProofsheetError(thrown);
      app.log.error({ batchId: id, code, error: message }, 'the sweep could not look at a batch');
    }
  }
  for (const batch of mine) await lookAtWaves(app, batch);
  return ACK;
}

/** Waves know by themselves what is due, and may be looked at by several at once. */
async function lookAtWaves(app: App, { id: batchId, run, state }: Batch): Promise<void> {
  if (run.lane !== 'batch' || state !== 'running') return;
  try {
    await advanceWaves(app, batchId);
  } catch (thrown) {
    const { code, message } = asProofsheetError(thrown);
    app.log.error({ batchId, code, error: message }, 'the sweep could not look at the waves of a batch');
  }
}

async function unfinishedBatches(app: App): Promise<Batch[]> {
  const batches: Batch[] = [];
  while (true) {
    const after = batches.at(-1)?.id;
    const page = await app.batches.list({ limit: BATCHES_PER_PAGE, unfinished: true, ...(after && { after }) });
    batches.push(...page);
    if (page.length < BATCHES_PER_PAGE) return batches;
  }
}

/** A paused batch waits for a person, or for its time. */
function needsLook(app: App, batch: Batch): boolean {
  const isDue = (batch.pause?.until ?? Number.POSITIVE_INFINITY) <= app.clock.now();
  return batch.state === 'running' || isDue || isTooOld(app, batch);
}

/** What a look at a batch found, for the next one to go on from. */
type Findings = Omit<NonNullable<Batch['sweep']>, 'at'>;
type Rounds = NonNullable<Findings['rounds']>;

async function sweepBatch(app: App, batchId: string): Promise<void> {
  const now = app.clock.now();
  const batch = await takeTurn(app, batchId, now);
  if (batch === undefined) return;
  if (isTooOld(app, batch)) return await cancelOld(app, batch);
  if (batch.state === 'paused') return await endPause(app, batch);
  if (batch.drop === undefined || batch.planner?.announcing !== undefined) await replacePlanner(app, batch, now);
  else await lookIfDue(app, batch);
  const expired = await announceExpired(app, batch, now);
  const open = await announceStill(app, batch, now);
  if (expired === undefined && open === undefined) return;
  await app.batches.change(batchId, ({ sweep: current }) =>
    current?.at === now ? { sweep: { ...current, ...expired, ...open } } : undefined,
  );
}

/** The batch, if it is unfinished and nobody else has just looked at it. */
async function takeTurn(app: App, batchId: string, now: number): Promise<Batch | undefined> {
  let isMine = false;
  const batch = await app.batches.change(batchId, ({ state, sweep: last }) => {
    isMine = (state === 'running' || state === 'paused') && now - (last?.at ?? 0) >= LOOK_EVERY_MS;
    return isMine ? { sweep: { ...last, at: now } } : undefined;
  });
  return isMine ? batch : undefined;
}

function startOf(batch: Batch): number {
  return Math.max(batch.createdAt, batch.resumedAt ?? 0);
}

function isTooOld(app: App, batch: Batch): boolean {
  return app.clock.now() - startOf(batch) > app.limits.batchAgeMs && !batch.cancelRequested;
}

async function cancelOld(app: App, batch: Batch): Promise<void> {
  const days = Math.round(app.limits.batchAgeMs / 86_400_000);
  const reason = `The batch was cancelled because it had not ended after ${days} days; resume goes on with it.`;
  app.log.error({ batchId: batch.id, days }, 'the batch is too old and is cancelled');
  await cancelBatch(app, batch.id, reason);
}

async function endPause(app: App, batch: Batch): Promise<void> {
  const goesOn = await resumeDuePause(app, batch.id);
  if (goesOn) app.log.info({ batchId: batch.id }, 'the pause is over: the batch goes on');
}

/** A planner that died goes on where it stood. */
async function replacePlanner(app: App, batch: Batch, now: number): Promise<void> {
  const { planner, sealed, id: batchId } = batch;
  const isNeeded = !sealed || planner?.announcing !== undefined;
  if (!isNeeded || now - Math.max(startOf(batch), planner?.seenAt ?? 0) < PLANNER_STILL_MS) return;
  app.log.warn({ batchId, ...planner?.cursor }, 'the planner is called again');
  await app.queue.publish([{ kind: 'expand', batchId }]);
  // It has as long as the one before.
  await app.batches.change(batchId, ({ planner: current }) =>
    current?.seenAt === planner?.seenAt ? { planner: { ...(current ?? newPlanner(now)), seenAt: now } } : undefined,
  );
}

/** Items whose worker died: each end of a lease is announced once, however long its message then waits behind others. */
async function announceExpired(app: App, batch: Batch, now: number): Promise<Findings | undefined> {
  const lease = { after: batch.sweep?.leasesUntil ?? 0, until: now - LEASE_GRACE_MS, limit: MESSAGES_PER_TICK };
  const items = await app.journal.expired(batch.id, lease);
  const last = items.at(-1);
  if (last === undefined) return undefined;
  app.log.warn({ batchId: batch.id, items: items.length }, 'items whose lease ended are announced again');
  await announce(app, batch.id, items);
  const isAll = items.length < MESSAGES_PER_TICK;
  return { leasesUntil: isAll ? lease.until : (last.leaseUntil ?? lease.until) };
}

/**
 * A batch that settles items has its messages; one that stands still may have lost them. Then everything open is announced
 * again, some at a time, or the end of the batch if nothing is open: after a while, and again after ever longer ones until it moves.
 */
async function announceStill(app: App, batch: Batch, now: number): Promise<Findings | undefined> {
  const [latest] = await app.batches.recent(batch.id, { limit: 1 });
  const movedAt = Math.max(startOf(batch), latest?.settledAt ?? 0, batch.planner?.movedAt ?? 0);
  const before = batch.sweep?.rounds;
  if (before?.after !== undefined) return await announceOpen(app, batch, now, before);
  const rounds = before === undefined || before.at < movedAt ? { at: movedAt, count: 0 } : before;
  const waited = now - rounds.at;
  if (waited < stillMs(ENDING_STILL_MS, rounds.count)) return undefined;
  const [open] = await app.batches.items(batch.id, { states: OPEN, limit: 1 });
  if (open === undefined) return await announceEnd(app, batch, now, rounds);
  const patience = batch.cancelRequested ? ENDING_STILL_MS : STILL_MS;
  if (waited < stillMs(patience, rounds.count)) return undefined;
  return await announceOpen(app, batch, now, rounds);
}

function stillMs(first: number, rounds: number): number {
  return Math.min(LONGEST_STILL_MS, first * 2 ** rounds);
}

/**
 * A round that has begun is gone through to its end. Who holds a lease knows of its item; a parked one waits for an answer; and what
 * the planner is still to announce for the first time waits for its place in the window.
 */
async function announceOpen(app: App, batch: Batch, now: number, { count, after }: Rounds): Promise<Findings> {
  const states: readonly ItemState[] = batch.cancelRequested ? OPEN : ['queued', 'running'];
  const page = { states, limit: MESSAGES_PER_TICK, ...(after !== undefined && { after }) };
  const items = await app.batches.items(batch.id, page);
  const { announcing } = batch.planner ?? {};
  const announced = announcing === undefined ? items : items.filter(({ id }) => id <= announcing.after);
  const lost = announced.filter((item) => item.state !== 'running' || (item.leaseUntil ?? 0) <= now);
  if (lost.length > 0) {
    const fields = { batchId: batch.id, items: lost.length, round: count };
    app.log.warn(fields, 'the batch stands still: open items are announced again');
  }
  await announce(app, batch.id, lost);
  const last = items.at(-1);
  const isLast = last === undefined || announced.length < MESSAGES_PER_TICK;
  return { rounds: isLast ? { at: now, count: count + 1 } : { at: now, count, after: last.id } };
}

/** All items are settled: the finaliser's message was lost, or the finaliser died. */
async function announceEnd(app: App, batch: Batch, now: number, { count }: Rounds): Promise<Findings | undefined> {
  const atWork = [batch.finalizer, batch.optimization].some((one) => (one?.leaseUntil ?? 0) > now);
  if (!batch.sealed || atWork) return undefined;
  app.log.warn({ batchId: batch.id }, 'all items are settled: the end of the batch is announced again');
  await app.queue.publish([{ kind: 'finalize', batchId: batch.id }]);
  return { rounds: { at: now, count: count + 1 } };
}

async function announce(app: App, batchId: string, items: readonly { id: string }[]): Promise<void> {
  await app.queue.publish(items.map(({ id: itemId }) => ({ kind: 'process', batchId, itemId })));
}
