import { isCalledPicture } from '../domain/selection.ts';
import type { App } from './app.ts';
import { candidatePage } from './candidate-page.ts';
import type { Candidate, Ignored } from './consider-entry.ts';
import { FIRST_INPUT } from './input-pages.ts';
import { parseRecipeSettings, recipeNamed } from './recipe-settings.ts';
import type { StartRequest } from './start-batch.ts';

/** Files listed at most: somebody waits for the answer. */
const MOST_LISTED = 10_000;

type Counted = Pick<StartRequest, 'inputs' | 'selection' | 'recipe' | 'recipeSettings'>;

/**
 * How many files a batch will look at, told by their names; undefined where there are more than can be listed while somebody waits.
 * What they are shows when they are read.
 */
export async function countInputs(
  app: Pick<App, 'files' | 'recipes' | 'limits' | 'clock'>,
  request: Counted,
): Promise<number | undefined> {
  const recipe = recipeNamed(app, request.recipe);
  const recipeSettings = parseRecipeSettings(recipe, request.recipeSettings);
  const wantsPictures = recipe.intake(recipeSettings) === 'image';
  const batch = { ...request, recipeSettings, recipeFingerprint: '', createdAt: app.clock.now() };
  const { limit = Number.POSITIVE_INFINITY, sample } = request.selection;
  let count = 0;
  let cursor = FIRST_INPUT;
  for (let listed = 0; cursor.input < request.inputs.length; listed += app.limits.pageSize) {
    if (listed >= MOST_LISTED) return undefined;
    const { candidates, next } = await candidatePage(app, batch, cursor, app.limits.pageSize);
    count += candidates.filter((candidate) => isWanted(candidate, wantsPictures)).length;
    cursor = next;
  }
  return Math.min(count, limit, sample?.size ?? count);
}

function isWanted(candidate: Candidate | Ignored, wantsPictures: boolean): boolean {
  if (candidate.kind === 'ignored') return false;
  return candidate.origin !== 'listing' || !wantsPictures || isCalledPicture(candidate.file.path);
}
