import type { Batch, Counts, Item } from '../domain/batch.ts';
import { settledOf } from '../domain/batch.ts';
import { ProofsheetError } from '../domain/errors.ts';
import type { StepEntry } from '../domain/journal.ts';
import type { ItemDetail } from '../domain/outcome.ts';
import type { App } from './app.ts';
import { batchNamed } from './control-batch.ts';
import { itemPages } from './item-pages.ts';

/** A batch at one moment, for people who watch. */
export interface BatchView {
  batch: Batch;
  counts: Counts;
  running: Item[];
  queued: number;
  /** Some of those that wait. */
  next: Item[];
  /** Settled items, the latest first. */
  recent: Item[];
}

export async function readBatch(
  app: Pick<App, 'batches'>,
  batchId: string,
  show: { recent: number; running: number; next?: number },
): Promise<BatchView> {
  const batch = await batchNamed(app, batchId);
  const counts = await app.batches.counts(batch.id);
  const running = await app.batches.items(batch.id, { states: ['running'], limit: show.running });
  const recent = await app.batches.recent(batch.id, { limit: show.recent });
  const queued = Math.max(0, counts.total - settledOf(counts) - running.length);
  const waiting = show.next ?? 0;
  const next = waiting === 0 ? [] : await app.batches.items(batch.id, { states: ['queued'], limit: waiting });
  return { batch, counts, running, queued, next, recent };
}

/** One item with its journal. `wanted` is its id or its name. */
export async function readItem(
  app: Pick<App, 'batches' | 'journal' | 'limits'>,
  batchId: string,
  wanted: string,
): Promise<{ item: Item; steps: StepEntry[]; detail: ItemDetail | undefined }> {
  const item = (await app.batches.item(batchId, wanted)) ?? (await itemByName(app, batchId, wanted));
  if (item === undefined) {
    throw new ProofsheetError(
      'not_found',
      `Batch ${batchId} has no item ${wanted}; see \`proofsheet show ${batchId}\`.`,
    );
  }
  return await itemWithJournal(app, item);
}

/** An item with its journal and all that came of it. */
export async function itemWithJournal(
  app: Pick<App, 'batches' | 'journal'>,
  item: Item,
): Promise<{ item: Item; steps: StepEntry[]; detail: ItemDetail | undefined }> {
  const details = await app.batches.details(item.batchId, [item.id]);
  return { item, steps: await app.journal.steps(item), detail: details.get(item.id) };
}

async function itemByName(
  app: Pick<App, 'batches' | 'limits'>,
  batchId: string,
  name: string,
): Promise<Item | undefined> {
  for await (const items of itemPages(app, batchId)) {
    const found = items.find((item) => item.name === name || item.source === name);
    if (found !== undefined) return found;
  }
  return undefined;
}
