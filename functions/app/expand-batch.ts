import { type Batch, type Item, type ItemState, MAX_COLUMNS, type Planner } from '../domain/batch.ts';
import type { Disposal, Message } from '../domain/message.ts';
import { ACK } from '../domain/message.ts';
import type { App } from './app.ts';
import { isDrop } from './begin-drop.ts';
import { chooseShards } from './choose-shards.ts';
import { announceIfComplete } from './completion.ts';
import { dropStep } from './drop-look.ts';
import { inputPage, leftAside } from './input-pages.ts';
import { breakOff, recordTurn, type Step, type Turn, takeTurn } from './planner-turn.ts';
import { addPage, announce, hasRoom, openItems } from './planner-window.ts';

/** Planning goes on in one delivery for this long, then in another message. */
const TURN_MS = 30_000;
/** By then the delivery before has ended. */
const NEXT_TURN_MS = 1_000;
/** How often is looked whether there is room again. */
const FULL_WAIT_MS = 15_000;
const BUSY_WAIT_MS = 1_000;

/** Items that a message gets further. A parked one goes on when its wave has come back, or ends when its batch is cancelled. */
function toAnnounce({ cancelRequested }: Batch): ItemState[] {
  return cancelRequested ? ['queued', 'running', 'parked'] : ['queued', 'running'];
}

/**
 * The planner: announces what is open where the batch was opened again, then adds the inputs as items, page by page, and announces
 * them; seals the batch after the last page. Of the items of a batch no more are announced and unsettled than its window takes.
 */
export async function expandBatch(app: App, message: Message & { kind: 'expand' }): Promise<Disposal> {
  const until = app.clock.now() + TURN_MS;
  const taken = await takeTurn(app, message);
  if (taken.kind === 'busy') return { kind: 'retry', afterMs: BUSY_WAIT_MS };
  if (taken.kind === 'over') {
    // The delivery that sealed the batch may have died before it could announce that all is done.
    if (taken.batch?.sealed) await announceIfComplete(app, taken.batch.id);
    return ACK;
  }
  const holder = { turn: taken.turn };
  try {
    return await plan(app, holder, until);
  } catch (thrown) {
    // The lease ends by itself if not even that can be recorded.
    await breakOff(app, holder.turn).catch(() => undefined);
    throw thrown;
  }
}

async function plan(app: App, holder: { turn: Turn }, until: number): Promise<Disposal> {
  while (app.clock.now() < until && !app.stop.aborted) {
    const step = await nextStep(app, holder.turn);
    // Who has the turn now may have it by this very message, which must not be acknowledged under its hands.
    if (step === undefined) return { kind: 'retry', afterMs: BUSY_WAIT_MS };
    if (step === 'done') {
      await announceIfComplete(app, holder.turn.batch.id);
      return ACK;
    }
    if (step === 'rest') {
      await recordTurn(app, holder.turn, { leaseUntil: undefined });
      return ACK;
    }
    if (step === 'full') return await goOnLater(app, holder.turn, FULL_WAIT_MS);
    holder.turn = step;
  }
  return await goOnLater(app, holder.turn, NEXT_TURN_MS);
}

async function nextStep(app: App, turn: Turn): Promise<Step> {
  const { batch, planner } = turn;
  if (planner.announcing !== undefined) return await announcePage(app, turn, planner.announcing);
  if (batch.sealed) return await sealed(app, turn, batch.ignored);
  if (isDrop(batch)) return await dropStep(app, turn, batch);
  if (!planner.sharded && app.limits.maxShards > 1) {
    return await recordTurn(app, turn, { sharded: true }, { shardCount: await chooseShards(app, batch) });
  }
  return await listPage(app, turn);
}

async function listPage(app: App, turn: Turn): Promise<Step> {
  const { batch, planner } = turn;
  // A page that was added and not announced keeps the window full until it is announced.
  if (!turn.recovers && !hasRoom(app, batch, await openItems(app, batch))) return 'full';
  const page = await inputPage(app, batch, planner.cursor);
  if (page === undefined) {
    const { total } = await app.batches.counts(batch.id);
    return await sealed(app, turn, leftAside(planner.cursor, total));
  }
  const items = await addPage(app, batch, page.considered);
  const columns = columnsWith(batch.columns, items);
  return await recordTurn(app, turn, { cursor: page.next, movedAt: app.clock.now() }, { ...(columns && { columns }) });
}

/** The columns of a batch's tables with those that these items bring. */
function columnsWith(known: readonly string[] = [], items: readonly Item[]): string[] | undefined {
  const all = [...new Set([...known, ...items.flatMap((item) => Object.keys(item.metadata))])];
  return all.length === known.length ? undefined : all.slice(0, MAX_COLUMNS);
}

/** A page of the items that are open although nobody may know of them. One message too many does no harm. */
async function announcePage(app: App, turn: Turn, from: NonNullable<Planner['announcing']>): Promise<Step> {
  const { batch } = turn;
  const { pageSize: limit } = app.limits;
  const open = await openItems(app, batch);
  const of = from.of ?? open;
  // What settled since then was among those announced.
  if (!hasRoom(app, batch, from.published - (of - open))) return 'full';
  const items = await app.batches.items(batch.id, {
    states: toAnnounce(batch),
    limit,
    ...(from.after && { after: from.after }),
  });
  await announce(app, batch, items);
  const after = items.at(-1)?.id;
  const isLast = after === undefined || items.length < limit;
  const announcing = isLast ? undefined : { after, published: from.published + items.length, of };
  return await recordTurn(app, turn, { announcing, movedAt: app.clock.now() });
}

async function sealed(app: App, turn: Turn, ignored: Batch['ignored']): Promise<Step> {
  const recorded = await recordTurn(app, turn, { leaseUntil: undefined }, { sealed: true, ignored });
  return recorded && 'done';
}

/** Published first: should this delivery die in between, its own message comes again and finds a planner that did not end well. */
async function goOnLater(app: App, turn: Turn, delayMs: number): Promise<Disposal> {
  const { turn: number } = turn.planner;
  await app.queue.publish([{ kind: 'expand', batchId: turn.batch.id, turn: number }], { delayMs });
  await recordTurn(app, turn, { leaseUntil: undefined });
  return ACK;
}
