import { type Batch, type Counts, type Item, settledOf } from '../domain/batch.ts';
import { ACK, type Disposal, type Message } from '../domain/message.ts';
import type { ItemDetail } from '../domain/outcome.ts';
import { buildReport } from '../report/build-report.ts';
import type { App } from './app.ts';
import { announceOpenItems } from './control-batch.ts';
import { itemPages } from './item-pages.ts';

/** A finaliser that died is replaced after this; rendering twice gives the same files. */
const FINALIZER_LEASE_MS = 60_000;
const BUSY_WAIT_MS = 2_000;

/** Renders the report of a batch whose items are all settled, once per revision, and closes the batch. */
export async function finalizeBatch(app: App, message: Message & { kind: 'finalize' }): Promise<Disposal> {
  const token = app.clock.random().toString(36).slice(2);
  const now = app.clock.now();
  const batch = await app.batches.change(message.batchId, (current) => {
    const held = current.finalizer !== undefined && current.finalizer.leaseUntil > now;
    if (current.state !== 'running' || !current.sealed || held) return undefined;
    const fence = (current.finalizer?.fence ?? 0) + 1;
    return { finalizer: { fence, owner: token, leaseUntil: now + FINALIZER_LEASE_MS } };
  });
  if (batch.state !== 'running' || !batch.sealed) return ACK;
  if (batch.finalizer?.owner !== token) return { kind: 'retry', afterMs: BUSY_WAIT_MS };
  if (!(await allSettled(app, batch.id))) {
    await app.batches.change(batch.id, (current) =>
      current.finalizer?.owner === token ? { finalizer: undefined } : undefined,
    );
    await announceOpenItems(app, batch.id);
    return ACK;
  }
  await render(app, batch, token);
  return ACK;
}

/** Items are the truth; the counters only woke the finaliser. */
async function allSettled(app: App, batchId: string): Promise<boolean> {
  const [open] = await app.batches.items(batchId, { states: ['queued', 'running', 'parked'], limit: 1 });
  if (open !== undefined) return false;
  const counts = await app.batches.counts(batchId);
  return settledOf(counts) === counts.total;
}

async function render(app: App, batch: Batch, token: string): Promise<void> {
  const finishedAt = app.clock.now();
  const state = batch.cancelRequested ? 'cancelled' : 'finished';
  const counts: Counts = await app.batches.counts(batch.id);
  const closed: Batch = { ...batch, state, finishedAt, finalizer: undefined };
  const items = settledItems(app, batch.id);
  const { report } = await buildReport({ files: app.files, batch: closed, counts, items, now: finishedAt });
  await app.batches.change(batch.id, (current) =>
    current.finalizer?.owner === token ? { state, finishedAt, report, finalizer: undefined } : undefined,
  );
  app.log.info({ batchId: batch.id, items: counts.total, report }, 'batch finished');
}

/** All items with their details, a page at a time. */
export async function* settledItems(
  app: Pick<App, 'batches' | 'limits'>,
  batchId: string,
): AsyncGenerator<{ item: Item; detail: ItemDetail | undefined }> {
  for await (const items of itemPages(app, batchId)) {
    const details = await app.batches.details(
      batchId,
      items.map((item) => item.id),
    );
    for (const item of items) yield { item, detail: details.get(item.id) };
  }
}
