import { belongsTo, type InputRoot, listsRecursively } from '../domain/input-root.ts';
import { considerFile, isCalledPicture, isOwnFile } from '../domain/selection.ts';
import type { FileEntry } from '../platform/ports.ts';
import type { App } from './app.ts';
import { parseRecipeSettings, recipeNamed } from './recipe-settings.ts';
import { resolveInput } from './resolve-input.ts';
import type { StartRequest } from './start-batch.ts';

/** Files listed at most: somebody waits for the answer. */
const MOST_LISTED = 10_000;

type Counted = Pick<StartRequest, 'inputs' | 'selection' | 'recipe' | 'recipeSettings'>;

/**
 * How many files a batch will look at, told by their names; undefined where there are more than can be listed while somebody waits.
 * What they are shows when they are read.
 */
export async function countInputs(
  app: Pick<App, 'files' | 'recipes' | 'limits'>,
  request: Counted,
): Promise<number | undefined> {
  const recipe = recipeNamed(app, request.recipe);
  const wantsPictures = recipe.intake(parseRecipeSettings(recipe, request.recipeSettings)) === 'image';
  const limit = app.limits.pageSize;
  let listed = 0;
  let count = 0;
  for (const input of request.inputs) {
    const root = await resolveInput(app, input);
    const recursive = listsRecursively(root, request.selection.recursive);
    for (let after: string | undefined; ; ) {
      const entries = await app.files.list(root.root, { recursive, limit, ...(after !== undefined && { after }) });
      count += entries.filter((entry) => isWanted(entry, root, request.selection, wantsPictures)).length;
      listed += entries.length;
      after = entries.at(-1)?.uri;
      if (entries.length < limit) break;
      if (listed >= MOST_LISTED) return undefined;
    }
  }
  return count;
}

function isWanted(
  entry: FileEntry,
  root: InputRoot,
  selection: StartRequest['selection'],
  wantsPictures: boolean,
): boolean {
  if (entry.uri === root.root) return true;
  if (!belongsTo(root, entry.path) || isOwnFile(entry, root.root, selection.exclude ?? [])) return false;
  if (considerFile(entry, selection).kind === 'ignore') return false;
  return !wantsPictures || isCalledPicture(entry.path);
}
