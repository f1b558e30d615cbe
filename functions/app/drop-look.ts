import type { Batch } from '../domain/batch.ts';
import {
  completion,
  type Drop,
  dropKeys,
  GROWING_WAIT_MS,
  isSaidComplete,
  type Look,
  newLook,
  nextLook,
} from '../domain/drop.ts';
import type { App } from './app.ts';
import { beginDrop, type DropBatch, isDrop } from './begin-drop.ts';
import { lookAtPage, type Question } from './drop-page.ts';
import { recordTurn, type Step, type Turn } from './planner-turn.ts';
import { hasRoom, openItems } from './planner-window.ts';
import { recordParameters } from './start-batch.ts';

/**
 * The planner's next step in an open drop. What is in the folder and is no item yet becomes one: events only say when to look; what
 * the drop consists of, and whether it is complete, is decided by listing the folder alone, so that no event can be lost or come
 * too late.
 */
export async function dropStep(app: App, turn: Turn, batch: DropBatch): Promise<Step> {
  const { drop } = batch;
  if (batch.commandKey !== dropKeys(batch.inputs[0] ?? '').open) return await sealReleased(app, turn);
  if (drop.begunAt === undefined) return await beginDrop(app, turn, batch);
  if (drop.look === undefined) return await startLook(app, turn, batch);
  if (!turn.recovers && !hasRoom(app, batch, await openItems(app, batch))) return 'full';
  const page = await lookAtPage(app, batch, drop.look, turn.recovers);
  if (page.kind === 'question') return await ask(app, turn, page);
  if (page.isLast) return await endLook(app, turn, page.look);
  return await recordDrop(app, turn, () => ({ look: page.look }));
}

/** A drop that was cancelled and whose folder went over to another batch takes nothing more when it is resumed. */
async function sealReleased(app: App, turn: Turn): Promise<Step> {
  const recorded = await recordTurn(app, turn, { leaseUntil: undefined }, { sealed: true });
  return recorded && 'done';
}

async function startLook(app: App, turn: Turn, batch: DropBatch): Promise<Step> {
  const now = app.clock.now();
  const next = nextLook(batch, now);
  if (next === 'nothing') return 'rest';
  // Finds out whether results can be written before anything is spent.
  if (batch.drop.lookedAt === undefined) await recordParameters(app, batch);
  return await recordDrop(app, turn, () => ({ look: newLook(now, next === 'close') }));
}

/**
 * Records what the look found, and seals the batch if that shows the drop to be complete. With its key the batch gives the folder
 * up: whatever comes then opens another.
 */
async function endLook(app: App, turn: Turn, look: Look): Promise<Step> {
  const { id: batchId } = turn.batch;
  const { total } = await app.batches.counts(batchId);
  const now = app.clock.now();
  const recorded = await recordTurn(app, turn, { movedAt: now }, (current) => {
    if (!isDrop(current)) return {};
    const drop = afterLook(current.drop, look);
    const ignored = look.closing || current.drop.lookedAt === undefined ? { ignored: look.ignored } : {};
    const saidComplete = drop.saidComplete || isSaidComplete(current, look, look.closing ? look.images : total);
    const reason = look.closing ? completion(current, look, now) : undefined;
    if (reason === undefined) return { ...ignored, drop: { ...drop, saidComplete } };
    const commandKey = dropKeys(current.inputs[0] ?? '').closed;
    return { ...ignored, sealed: true, commandKey, drop: { ...drop, notes: [...drop.notes, reason] } };
  });
  if (recorded === undefined) return undefined;
  if (recorded.batch.sealed) {
    app.log.info({ batchId, notes: recorded.batch.drop?.notes }, 'the drop is complete');
    return recorded;
  }
  if (!look.growing) return recorded;
  await app.queue.publish([{ kind: 'expand', batchId }], { delayMs: GROWING_WAIT_MS });
  return 'rest';
}

function afterLook(drop: Drop, look: Look): Drop {
  return {
    ...drop,
    look: undefined,
    lookedAt: look.startedAt,
    files: look.files,
    growing: look.growing,
    lastArrivalAt: Math.max(drop.lastArrivalAt, look.newestAt),
    // What was said while this look went on may be about files that it did not see.
    saidComplete: drop.saidComplete && drop.lastArrivalAt >= look.startedAt,
  };
}

/** Stops the batch until a person has decided; then a new look begins. */
async function ask(app: App, turn: Turn, { code, message, drop }: Question): Promise<Step> {
  const recorded = await recordTurn(app, turn, { leaseUntil: undefined }, (current) => ({
    ...{ state: 'paused', pause: { code, message } },
    ...(current.drop && { drop: { ...current.drop, ...drop, look: undefined } }),
  }));
  if (recorded !== undefined) app.log.error({ batchId: turn.batch.id, code, error: message }, 'the drop is paused');
  return 'rest';
}

/** Events write to the drop as well, so it is changed as it is now. */
async function recordDrop(app: App, turn: Turn, decide: (drop: Drop) => Partial<Drop>): Promise<Step> {
  return await recordTurn(app, turn, { movedAt: app.clock.now() }, ({ drop }: Batch) =>
    drop ? { drop: { ...drop, ...decide(drop) } } : {},
  );
}
