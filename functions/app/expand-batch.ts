import pLimit from 'p-limit';
import type { Batch } from '../domain/batch.ts';
import { asProofsheetError } from '../domain/errors.ts';
import { belongsTo, type InputRoot, listsRecursively } from '../domain/input-root.ts';
import type { Disposal, Message } from '../domain/message.ts';
import { ACK } from '../domain/message.ts';
import { safeName } from '../domain/safe-name.ts';
import { considerFile, considerKind, isOwnFile } from '../domain/selection.ts';
import { hashOf, sha256 } from '../lib/hash.ts';
import { sniff } from '../media/inspect.ts';
import type { FileEntry, NewItem } from '../platform/ports.ts';
import type { App } from './app.ts';
import { announceIfComplete } from './completion.ts';
import { recipeNamed } from './recipe-settings.ts';
import { resolveInput } from './resolve-input.ts';

type Expand = Message & { kind: 'expand' };

type PlannedBatch = Pick<Batch, 'recipe' | 'selection' | 'recipeFingerprint'>;

/** Whole files in memory at a time while planning. */
const READS_AT_ONCE = 8;

/** What a listed file is to a batch. */
export type Considered = { kind: 'item'; item: NewItem } | { kind: 'ignored'; reason: string };

/** Listing goes on in one delivery for this long, then in another message. */
const LISTING_MS = 30_000;

/** The first page is short, so that work begins at once. */
const FIRST_PAGE = 50;

type Cursor = NonNullable<Expand['cursor']>;

/** Adds the inputs as items, page by page, and publishes their messages; seals the batch after the last page. */
export async function expandBatch(app: App, message: Expand): Promise<Disposal> {
  const until = app.clock.now() + LISTING_MS;
  let cursor: Cursor = message.cursor ?? { input: 0, after: '' };
  while (app.clock.now() < until && !app.stop.aborted) {
    const batch = await app.batches.get(message.batchId);
    if (batch === undefined || batch.state !== 'running') return ACK;
    // The delivery that sealed the batch may have died before it could announce that all is done.
    if (batch.sealed) return await ended(app, batch.id);
    const input = batch.inputs[cursor.input];
    if (input === undefined) return await seal(app, batch, cursor.ignored ?? {});
    cursor = await expandPage(app, batch, input, cursor);
  }
  await app.queue.publish([{ kind: 'expand', batchId: message.batchId, cursor }]);
  return ACK;
}

async function expandPage(app: App, batch: Batch, input: string, cursor: Cursor): Promise<Cursor> {
  const root = await resolveInput(app, input).catch((thrown: unknown) => {
    if (asProofsheetError(thrown).code === 'file_missing') return undefined;
    throw thrown;
  });
  const nextInput = { input: cursor.input + 1, after: '' };
  if (root === undefined) {
    const gone = { kind: 'ignored', reason: `input that is gone (${input})` } as const;
    return { ...nextInput, ignored: withIgnored(cursor.ignored ?? {}, [gone]) };
  }
  const isFirst = cursor.input === 0 && cursor.after === '';
  const limit = isFirst ? Math.min(FIRST_PAGE, app.limits.pageSize) : app.limits.pageSize;
  const entries = await app.files.list(root.root, {
    recursive: listsRecursively(root, batch.selection.recursive),
    limit,
    ...(cursor.after !== '' && { after: cursor.after }),
  });
  const considered = await considerEntries(app, batch, root, entries);
  await addPage(app, batch, considered);
  const last = entries.at(-1);
  const isLast = entries.length < limit || last === undefined;
  const next = isLast ? nextInput : { input: cursor.input, after: last.uri };
  return { ...next, ignored: withIgnored(cursor.ignored ?? {}, considered) };
}

/** Looks at listed files, a few at a time: their names, their sizes, then their bytes. */
export async function considerEntries(
  app: Pick<App, 'files' | 'recipes'>,
  batch: PlannedBatch,
  root: InputRoot,
  entries: readonly FileEntry[],
): Promise<Considered[]> {
  const mine = entries.filter((entry) => entry.uri === root.root || belongsTo(root, entry.path));
  return await pLimit(READS_AT_ONCE).map(mine, (entry) => considerEntry(app, batch, root, entry));
}

async function considerEntry(
  app: Pick<App, 'files' | 'recipes'>,
  batch: PlannedBatch,
  root: InputRoot,
  entry: FileEntry,
): Promise<Considered> {
  const selection = batch.selection;
  const explicit = entry.uri === root.root;
  const { intake } = recipeNamed(app, batch.recipe);
  if (isOwnFile(entry, root.root, selection.exclude ?? [])) return { kind: 'ignored', reason: 'of proofsheet itself' };
  const first = considerFile(entry, selection, explicit);
  if (first.kind === 'ignore') return { kind: 'ignored', reason: first.reason };
  if (first.kind === 'refuse') {
    // Unread, only the name says whether it would have been wanted.
    const guess = considerKind(entry.path, 'other', intake, explicit);
    if (guess.kind === 'ignore') return { kind: 'ignored', reason: guess.reason };
    return itemOf(batch, entry, hashOf({ unread: entry.bytes }), first);
  }
  try {
    const bytes = await app.files.read(entry.uri, { maxBytes: selection.maxFileBytes });
    const kind = await sniff(bytes);
    const second = considerKind(entry.path, kind.kind, intake, explicit);
    if (second.kind === 'ignore') return { kind: 'ignored', reason: second.reason };
    return itemOf(batch, entry, sha256(bytes), second.kind === 'refuse' ? second : undefined);
  } catch (thrown) {
    const { code, message, disposition } = asProofsheetError(thrown);
    if (disposition !== 'permanent') throw thrown;
    return itemOf(batch, entry, hashOf({ unread: entry.bytes }), { code, message });
  }
}

function itemOf(
  batch: Pick<Batch, 'recipeFingerprint'>,
  entry: FileEntry,
  contentHash: string,
  refusal: NewItem['refusal'],
): Considered {
  const metadata = {};
  const item: NewItem = {
    id: hashOf({ source: entry.uri, contentHash }).slice(0, 20),
    name: safeName(entry.path),
    source: entry.uri,
    metadata,
    contentHash,
    workKey: hashOf({ contentHash, metadata, recipe: batch.recipeFingerprint }),
  };
  return {
    kind: 'item',
    item: refusal ? { ...item, refusal: { code: refusal.code, message: refusal.message } } : item,
  };
}

async function addPage(app: App, batch: Batch, considered: readonly Considered[]): Promise<void> {
  const inputs = considered.flatMap((entry) => (entry.kind === 'item' ? [entry.item] : []));
  const items = await app.batches.addItems(batch.id, inputs);
  const open = items.filter((item) => item.state === 'queued');
  await app.queue.publish(open.map((item) => ({ kind: 'process', batchId: batch.id, itemId: item.id })));
}

function withIgnored(before: Record<string, number>, considered: readonly Considered[]): Record<string, number> {
  const counts = { ...before };
  for (const entry of considered) {
    if (entry.kind === 'ignored') counts[entry.reason] = (counts[entry.reason] ?? 0) + 1;
  }
  return counts;
}

async function seal(app: App, batch: Batch, ignored: Record<string, number>): Promise<Disposal> {
  await app.batches.change(batch.id, () => ({ sealed: true, ignored }));
  return await ended(app, batch.id);
}

async function ended(app: App, batchId: string): Promise<Disposal> {
  await announceIfComplete(app, batchId);
  return ACK;
}
