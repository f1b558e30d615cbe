import type { Batch } from '../domain/batch.ts';
import { asProofsheetError } from '../domain/errors.ts';
import type { InputRoot } from '../domain/input-root.ts';
import { safeName } from '../domain/safe-name.ts';
import { considerFile, considerKind, isOwnFile, type ListedFile, type Origin } from '../domain/selection.ts';
import { contentHash, hashOf } from '../lib/hash.ts';
import { sniff } from '../media/inspect.ts';
import type { FileEntry, NewItem } from '../platform/ports.ts';
import type { App } from './app.ts';
import { columnsRead, metadataFor, recipeNamed } from './recipe-settings.ts';

/** What of a batch decides which inputs become items. */
export type PlannedBatch = Pick<
  Batch,
  'inputs' | 'recipe' | 'recipeSettings' | 'selection' | 'recipeFingerprint' | 'createdAt'
>;

export type Ignored = { kind: 'ignored'; reason: string };

/** What may become an item, as far as it is known before it is read. */
export interface Candidate {
  kind: 'candidate';
  file: ListedFile & { uri: string };
  origin: Origin;
  /** Wished name of the item. */
  name: string;
  /** Of its row in a manifest. */
  columns: Record<string, string>;
  /** Where it stands in a manifest, to be said with a refusal. */
  line?: string;
  /** Known already, so that it need not be read. */
  refusal?: NonNullable<NewItem['refusal']>;
}

/** What a listed file or row is to a batch. */
export type Considered = { kind: 'item'; item: NewItem } | Ignored;

/** Looks at a listed file: its name, its size and its time. */
export function candidateFrom(
  app: Pick<App, 'recipes'>,
  batch: PlannedBatch,
  root: InputRoot,
  entry: FileEntry,
): Candidate | Ignored {
  if (isOwnFile(entry, root.root, batch.selection.exclude ?? [])) {
    return { kind: 'ignored', reason: 'of proofsheet itself' };
  }
  const origin = entry.uri === root.root ? 'command' : 'listing';
  return considerCandidate(app, batch, {
    ...{ kind: 'candidate', file: entry, origin, name: safeName(entry.path), columns: {} },
  });
}

/** The candidate, with a refusal where one follows from what is known; or the reason why it is left aside. */
export function considerCandidate(
  app: Pick<App, 'recipes'>,
  batch: PlannedBatch,
  candidate: Candidate,
): Candidate | Ignored {
  const { file, origin } = candidate;
  const decided = considerFile(file, batch.selection, { origin, startedAt: batch.createdAt });
  if (decided.kind === 'read') return candidate;
  if (decided.kind === 'ignore') return { kind: 'ignored', reason: decided.reason };
  // Unread, only the name says whether it would have been wanted.
  const guess = considerKind(file.path, 'other', intakeOf(app, batch), origin !== 'listing');
  if (guess.kind === 'ignore') return { kind: 'ignored', reason: guess.reason };
  return { ...candidate, refusal: { code: decided.code, message: decided.message } };
}

/** Reads a candidate's file and decides by the content. */
export async function considerContent(
  app: Pick<App, 'files' | 'recipes'>,
  batch: PlannedBatch,
  candidate: Candidate,
): Promise<Considered> {
  const { file, origin } = candidate;
  if (candidate.refusal !== undefined) return unreadItem(app, batch, candidate, candidate.refusal);
  try {
    const bytes = await app.files.read(file.uri, { maxBytes: batch.selection.maxFileBytes });
    if (bytes.length === 0) {
      const empty = considerCandidate(app, batch, { ...candidate, file: { ...file, bytes: 0 } });
      return empty.kind === 'ignored' ? empty : await considerContent(app, batch, empty);
    }
    const { kind } = await sniff(bytes);
    const decided = considerKind(file.path, kind, intakeOf(app, batch), origin !== 'listing');
    if (decided.kind === 'ignore') return { kind: 'ignored', reason: decided.reason };
    return itemOf(app, batch, candidate, contentHash(bytes), decided.kind === 'refuse' ? decided : undefined);
  } catch (thrown) {
    const { code, message, disposition, scope } = asProofsheetError(thrown);
    if (disposition !== 'permanent' || scope === 'batch') throw thrown;
    return unreadItem(app, batch, candidate, { code, message });
  }
}

/** A row that names no file is told from others by its line and what is wrong with it. */
export function badRowOf({ refusal, line }: Candidate): string | undefined {
  return refusal?.code === 'bad_row' ? `${line}: ${refusal.message}` : undefined;
}

function intakeOf(app: Pick<App, 'recipes'>, batch: PlannedBatch) {
  return recipeNamed(app, batch.recipe).intake(batch.recipeSettings);
}

function unreadItem(
  app: Pick<App, 'recipes'>,
  batch: PlannedBatch,
  candidate: Candidate,
  refusal: NonNullable<NewItem['refusal']>,
): Considered {
  const row = badRowOf(candidate);
  const contentHash = hashOf({ unread: candidate.file.bytes ?? 0, ...(row !== undefined && { row }) });
  return itemOf(app, batch, candidate, contentHash, refusal);
}

function itemOf(
  app: Pick<App, 'recipes'>,
  batch: PlannedBatch,
  { file, name, columns, line }: Candidate,
  contentHash: string,
  refusal: NewItem['refusal'],
): Considered {
  const recipe = recipeNamed(app, batch.recipe);
  const metadata = metadataFor(recipe, batch.recipeSettings, { name: safeName(file.path), columns });
  const hasColumns = Object.keys(columns).length > 0;
  const item: NewItem = {
    id: hashOf({ source: file.uri, contentHash, ...(hasColumns && { columns }) }).slice(0, 20),
    name,
    source: file.uri,
    metadata,
    contentHash,
    workKey: hashOf({
      contentHash,
      metadata: columnsRead(recipe, batch.recipeSettings, metadata),
      recipe: batch.recipeFingerprint,
    }),
  };
  if (refusal === undefined) return { kind: 'item', item };
  const message = line === undefined ? refusal.message : `${line}: ${refusal.message}`;
  return { kind: 'item', item: { ...item, refusal: { code: refusal.code, message } } };
}
