import { ProofsheetError } from '../domain/errors.ts';
import type { Recipe } from '../engine/recipe.ts';
import type { App } from './app.ts';

/** The recipe, or a sentence that lists those there are. */
export function recipeNamed(app: Pick<App, 'recipes'>, name: string): Recipe {
  const recipe = app.recipes[name];
  if (recipe !== undefined) return recipe;
  const known = Object.keys(app.recipes).join(', ');
  throw new ProofsheetError('usage', `There is no recipe "${name}"; use one of: ${known}.`);
}

/** Settings as the recipe's schema completes them, or a sentence that names what does not fit. */
export function parseRecipeSettings(recipe: Recipe, given: Record<string, unknown>): Record<string, unknown> {
  const parsed = recipe.settings.safeParse(given);
  if (parsed.success) return parsed.data as Record<string, unknown>;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'settings'}: ${issue.message}`);
  throw new ProofsheetError('usage', `The settings do not fit the recipe ${recipe.name}: ${problems.join('; ')}.`);
}
