import type { DocumentSnapshot, Firestore, WriteBatch } from '@google-cloud/firestore';
import { type Batch, type Counts, type Item, type ItemSummary, itemSchema, shardOf } from '../../domain/batch.ts';
import { type ErrorCode, ProofsheetError } from '../../domain/errors.ts';
import type { NewItem } from '../ports.ts';
import { commitOnce, inRounds, type NotCommitted, readAll, unchangedSince } from './firestore-commit.ts';
import { addCounts, addTo } from './firestore-counts.ts';
import { batchFrom, itemFields, itemFrom, noSuchBatch } from './firestore-documents.ts';
import { batchRef, itemRef } from './firestore-layout.ts';
import { namesFor } from './firestore-names.ts';
import { isDone, readWorks, takeWork, type Work, workElsewhere } from './firestore-works.ts';

/** Inputs per commit: item, name, work and at worst a shard each must stay below 500 writes. */
const CHUNK = 120;

const inputSchema = itemSchema.pick({
  id: true,
  name: true,
  source: true,
  metadata: true,
  contentHash: true,
  workKey: true,
});

/** What becomes of an input: work, the same work as another item of the batch, or a reason to leave it aside. */
type Reception =
  | { kind: 'work'; work: Work }
  | { kind: 'twin'; of: string }
  | { kind: 'skip'; code: ErrorCode; message: string };

/**
 * Adds inputs to a batch, a chunk per commit. Each item is created and counted in the same commit, hence once, and only while
 * the batch is as it was read.
 */
export async function receiveItems(db: Firestore, batchId: string, inputs: readonly NewItem[]): Promise<Item[]> {
  // All of them before anything is written.
  for (const input of inputs) checkInput(input);
  const items: Item[] = [];
  for (let at = 0; at === 0 || at < inputs.length; at += CHUNK) {
    const chunk = inputs.slice(at, at + CHUNK);
    items.push(...(await inRounds(() => receiveChunk(db, batchId, chunk))));
  }
  return items;
}

function checkInput(input: NewItem): void {
  const checked = inputSchema.safeParse(input);
  if (checked.success) return;
  throw new ProofsheetError('internal', `Input ${input.id} is incomplete; report this as a bug.`, {
    cause: checked.error,
  });
}

async function receiveChunk(
  db: Firestore,
  batchId: string,
  inputs: readonly NewItem[],
): Promise<{ kind: 'done'; result: Item[] } | NotCommitted> {
  const byId = new Map(inputs.map((input) => [input.id, input]));
  const refs = [...byId.keys()].map((id) => itemRef(db, batchId, id));
  const [batchRead, ...itemsRead] = await readAll(db, [batchRef(db, batchId), ...refs]);
  const batch = openBatch(batchId, batchRead);
  const items = new Map<string, Item>();
  for (const item of itemsRead.map(itemFrom)) if (item !== undefined) items.set(item.id, item);
  const fresh = [...byId.values()].filter((input) => !items.has(input.id));
  if (fresh.length > 0) {
    const write = db.batch();
    // Changes nothing; it fails the commit if the batch was sealed or stopped meanwhile.
    write.update(batch.snapshot.ref, { state: batch.state }, unchangedSince(batch.snapshot));
    for (const item of await addFresh(db, write, batch, fresh)) items.set(item.id, item);
    const committed = await commitOnce(write);
    if (committed.kind !== 'done') return committed;
  }
  return { kind: 'done', result: inputs.flatMap((input) => items.get(input.id) ?? []) };
}

function openBatch(batchId: string, snapshot: DocumentSnapshot | undefined): Batch & { snapshot: DocumentSnapshot } {
  const batch = snapshot && batchFrom(snapshot);
  if (snapshot === undefined || batch === undefined) throw noSuchBatch(batchId);
  if (!batch.sealed && batch.state === 'running') return { ...batch, snapshot };
  const message = `Batch ${batchId} takes no more items; it is ${batch.sealed ? 'complete' : batch.state}.`;
  throw new ProofsheetError('wrong_state', message, { disposition: 'conflict' });
}

async function addFresh(
  db: Firestore,
  write: WriteBatch,
  batch: Batch & { snapshot: DocumentSnapshot },
  inputs: readonly NewItem[],
): Promise<Item[]> {
  const names = await namesFor(db, batch.id, inputs);
  const works = await readWorks(
    db,
    inputs.filter((input) => input.refusal === undefined).map((input) => input.workKey),
  );
  const counted = new Map<number, Partial<Counts>>();
  const took = new Map<Work, string>();
  const items: Item[] = [];
  for (const input of inputs) {
    const reception = receptionOf(batch, input, works.get(input.workKey), took);
    const name = await names.take(write, input);
    const item = newItem(batch, input, name, reception, batch.snapshot.readTime.toMillis());
    if (reception.kind === 'work') {
      took.set(reception.work, item.id);
      takeWork(write, reception.work, batch.id, item.id);
    }
    write.create(itemRef(db, batch.id, item.id), itemFields(item));
    addTo(counted, item.shard, { total: 1, ...(item.state === 'skipped' && { skipped: 1 }) });
    items.push(item);
  }
  for (const [shard, counts] of counted) addCounts(write, db, batch.id, shard, counts);
  return items;
}

function receptionOf(batch: Batch, input: NewItem, work: Work | undefined, took: ReadonlyMap<Work, string>): Reception {
  if (input.refusal !== undefined) return { kind: 'skip', ...input.refusal };
  if (work === undefined) throw new ProofsheetError('internal', `The work of input ${input.id} was not looked up.`);
  const first = work.holders.get(batch.id);
  const twin = took.get(work) ?? (first?.state === 'skipped' ? undefined : first?.id);
  if (twin !== undefined) return { kind: 'twin', of: twin };
  const other = batch.force ? undefined : workElsewhere(work, batch.id);
  if (other === undefined) return { kind: 'work', work };
  const what = `${other.name} of batch ${other.batchId}`;
  if (isDone(other)) {
    return { kind: 'skip', code: 'already_done', message: `Done already as ${what}; --force does it again.` };
  }
  const message = `In work as ${what}; resume or cancel that batch.`;
  return { kind: 'skip', code: 'unfinished_elsewhere', message };
}

function newItem(batch: Batch, input: NewItem, name: string, reception: Reception, now: number): Item {
  const { id, source, metadata, contentHash, workKey } = input;
  return {
    ...{ batchId: batch.id, id, name, source, metadata, contentHash, workKey },
    ...{ shard: shardOf(id, batch.shardCount), fence: 0, claims: 0, epoch: 0 },
    ...(reception.kind === 'twin' && { twin: reception.of }),
    ...(reception.kind === 'skip'
      ? { state: 'skipped', settledAt: now, summary: skipSummary(reception.code, reception.message) }
      : { state: 'queued' }),
  };
}

function skipSummary(code: ErrorCode, message: string): ItemSummary {
  const nothing = { score: null, attempts: 0, calls: 0, costNano: 0, unpricedCalls: 0, seconds: 0, result: '' };
  return { ...nothing, code, message: message.slice(0, 600) };
}
