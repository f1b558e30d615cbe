import type { Batch } from '../domain/batch.ts';
import type { Disposal, InputCursor, Message } from '../domain/message.ts';
import { ACK } from '../domain/message.ts';
import type { App } from './app.ts';
import { announceIfComplete } from './completion.ts';
import type { Considered } from './consider-entry.ts';
import { FIRST_INPUT, inputPage } from './input-pages.ts';

type Expand = Message & { kind: 'expand' };

/** Listing goes on in one delivery for this long, then in another message. */
const LISTING_MS = 30_000;

/** Adds the inputs as items, page by page, and publishes their messages; seals the batch after the last page. */
export async function expandBatch(app: App, message: Expand): Promise<Disposal> {
  const until = app.clock.now() + LISTING_MS;
  let cursor = message.cursor ?? FIRST_INPUT;
  while (app.clock.now() < until && !app.stop.aborted) {
    const batch = await app.batches.get(message.batchId);
    if (batch === undefined || batch.state !== 'running') return ACK;
    // The delivery that sealed the batch may have died before it could announce that all is done.
    if (batch.sealed) return await ended(app, batch.id);
    const page = await inputPage(app, batch, cursor);
    if (page === undefined) return await seal(app, batch, cursor.ignored ?? {});
    await addPage(app, batch, page.considered);
    cursor = page.next;
    await recordProgress(app, batch, cursor);
  }
  await app.queue.publish([{ kind: 'expand', batchId: message.batchId, cursor }]);
  return ACK;
}

async function addPage(app: App, batch: Batch, considered: readonly Considered[]): Promise<void> {
  const inputs = considered.flatMap((entry) => (entry.kind === 'item' ? [entry.item] : []));
  const items = await app.batches.addItems(batch.id, inputs);
  const open = items.filter((item) => item.state === 'queued');
  await app.queue.publish(open.map((item) => ({ kind: 'process', batchId: batch.id, itemId: item.id })));
}

/** From here a planner that dies is replaced, unless the batch was meanwhile gone on with and is listed from the beginning. */
async function recordProgress(app: App, batch: Batch, cursor: InputCursor): Promise<void> {
  const planned = { cursor, at: app.clock.now() };
  await app.batches.change(batch.id, (current) => (current.resumedAt === batch.resumedAt ? { planned } : undefined));
}

async function seal(app: App, batch: Batch, ignored: Record<string, number>): Promise<Disposal> {
  await app.batches.change(batch.id, () => ({ sealed: true, ignored }));
  return await ended(app, batch.id);
}

async function ended(app: App, batchId: string): Promise<Disposal> {
  await announceIfComplete(app, batchId);
  return ACK;
}
