import type { Batch } from '../domain/batch.ts';
import { asProofsheetError } from '../domain/errors.ts';
import type { InputRoot } from '../domain/input-root.ts';
import { safeName } from '../domain/safe-name.ts';
import { considerFile, considerKind, isOwnFile } from '../domain/selection.ts';
import type { Recipe } from '../engine/recipe.ts';
import { hashOf, sha256 } from '../lib/hash.ts';
import { sniff } from '../media/inspect.ts';
import type { FileEntry, NewItem } from '../platform/ports.ts';
import type { App } from './app.ts';
import { columnsRead, metadataFor, recipeNamed } from './recipe-settings.ts';

/** What a listed file is to a batch. */
export type Considered = { kind: 'item'; item: NewItem } | { kind: 'ignored'; reason: string };

/** Looks at a listed file: its name, its size, then its bytes. */
export async function considerEntry(
  app: Pick<App, 'files' | 'recipes'>,
  batch: Pick<Batch, 'recipe' | 'recipeSettings' | 'selection' | 'recipeFingerprint'>,
  root: InputRoot,
  entry: FileEntry,
): Promise<Considered> {
  const selection = batch.selection;
  const explicit = entry.uri === root.root;
  const recipe = recipeNamed(app, batch.recipe);
  const intake = recipe.intake(batch.recipeSettings);
  const itemFor = (contentHash: string, refusal?: NewItem['refusal']) =>
    itemOf(batch, recipe, entry, contentHash, refusal);
  if (isOwnFile(entry, root.root, selection.exclude ?? [])) return { kind: 'ignored', reason: 'of proofsheet itself' };
  const first = considerFile(entry, selection, explicit);
  if (first.kind === 'ignore') return { kind: 'ignored', reason: first.reason };
  if (first.kind === 'refuse') {
    // Unread, only the name says whether it would have been wanted.
    const guess = considerKind(entry.path, 'other', intake, explicit);
    if (guess.kind === 'ignore') return { kind: 'ignored', reason: guess.reason };
    return itemFor(hashOf({ unread: entry.bytes }), first);
  }
  try {
    const bytes = await app.files.read(entry.uri, { maxBytes: selection.maxFileBytes });
    const kind = await sniff(bytes);
    const second = considerKind(entry.path, kind.kind, intake, explicit);
    if (second.kind === 'ignore') return { kind: 'ignored', reason: second.reason };
    return itemFor(sha256(bytes), second.kind === 'refuse' ? second : undefined);
  } catch (thrown) {
    const { code, message, disposition, scope } = asProofsheetError(thrown);
    if (disposition !== 'permanent' || scope === 'batch') throw thrown;
    return itemFor(hashOf({ unread: entry.bytes }), { code, message });
  }
}

function itemOf(
  batch: Pick<Batch, 'recipeSettings' | 'recipeFingerprint'>,
  recipe: Recipe,
  entry: FileEntry,
  contentHash: string,
  refusal: NewItem['refusal'],
): Considered {
  const name = safeName(entry.path);
  const metadata = metadataFor(recipe, batch.recipeSettings, { name, columns: {} });
  const item: NewItem = {
    id: hashOf({ source: entry.uri, contentHash }).slice(0, 20),
    name,
    source: entry.uri,
    metadata,
    contentHash,
    workKey: hashOf({
      contentHash,
      metadata: columnsRead(recipe, batch.recipeSettings, metadata),
      recipe: batch.recipeFingerprint,
    }),
  };
  return {
    kind: 'item',
    item: refusal ? { ...item, refusal: { code: refusal.code, message: refusal.message } } : item,
  };
}
