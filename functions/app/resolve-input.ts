import pLimit from 'p-limit';
import { ProofsheetError } from '../domain/errors.ts';
import { type InputRoot, inputRoot } from '../domain/input-root.ts';
import { MANIFEST_NAME } from '../domain/manifest-row.ts';
import type { Intake } from '../domain/selection.ts';
import type { Recipe } from '../engine/recipe.ts';
import type { FileEntry } from '../platform/ports.ts';
import type { App } from './app.ts';
import { type Manifest, openManifest } from './open-manifest.ts';
import { checkColumns, checkGroupColumn } from './recipe-settings.ts';

const LOOKS_AT_ONCE = 16;

/** What an input is: a place to list (a file, a folder, or the fixed part of a glob and the pattern below it), or a manifest. */
export type ResolvedInput = { kind: 'listing'; root: InputRoot } | { kind: 'manifest'; manifest: Manifest };

/**
 * A table or JSON file that is named itself is a manifest if its rows name files, otherwise a document for recipes that take
 * documents. Fails with `file_missing`, and with `usage` for a file that would have to be a manifest and is none.
 */
export async function resolveInput(app: Pick<App, 'files'>, input: string, intake: Intake): Promise<ResolvedInput> {
  try {
    const [entry] = await app.files.list(input, { recursive: false, limit: 1 });
    if (entry?.uri !== input || !MANIFEST_NAME.test(input)) return { kind: 'listing', root: { root: input } };
    return await manifestOrDocument(app, entry, intake);
  } catch (thrown) {
    const root = inputRoot(input);
    if (root.pattern === undefined || !isMissing(thrown)) throw thrown;
    await app.files.list(root.root, { recursive: false, limit: 1 });
    return { kind: 'listing', root };
  }
}

/** Fails as `resolveInput` for the first input that is not there, and for a column that no item of these inputs can have. */
export async function checkInputs(
  app: Pick<App, 'files'>,
  recipe: Recipe,
  settings: unknown,
  { inputs, groupBy }: { inputs: readonly string[]; groupBy?: string },
): Promise<void> {
  const intake = recipe.intake(settings);
  const resolved = await pLimit(LOOKS_AT_ONCE).map(inputs, (input) => resolveInput(app, input, intake));
  const manifests = resolved.flatMap((one) => (one.kind === 'manifest' ? [one.manifest] : []));
  // The columns of JSON show with its rows.
  if (manifests.some(({ columns }) => columns === undefined)) return;
  const there = manifests.flatMap(({ columns = [] }) => columns);
  checkColumns(recipe, settings, there);
  checkGroupColumn(groupBy, there);
}

async function manifestOrDocument(app: Pick<App, 'files'>, entry: FileEntry, intake: Intake): Promise<ResolvedInput> {
  const opened = await openManifest(app, entry);
  if (!('reason' in opened)) return { kind: 'manifest', manifest: opened };
  if (intake !== 'image') return { kind: 'listing', root: { root: entry.uri } };
  throw new ProofsheetError('usage', `${entry.uri} is no manifest of pictures: ${opened.reason}; correct it.`);
}

function isMissing(thrown: unknown): boolean {
  return thrown instanceof ProofsheetError && thrown.code === 'file_missing';
}
