import type { Batch } from '../domain/batch.ts';
import { typicalWork, type Work } from '../domain/estimate.ts';
import type { Recipe } from '../engine/recipe.ts';
import type { App } from './app.ts';

/** Batches that are looked at for work like it. */
const LOOKED_AT = 40;

/**
 * What an item of a recipe takes with these settings: as measured in the latest batch with the same models, or else as is typical.
 * Undefined where neither is known. `picture`: the average size of the inputs.
 */
export async function expectedWork(
  app: Pick<App, 'batches' | 'prices' | 'clock'>,
  recipe: Recipe,
  settings: Record<string, unknown>,
  picture?: { width: number; height: number },
): Promise<Work | undefined> {
  const models = [...recipe.models(settings)].sort().join(' ');
  const earlier = await app.batches.list({ limit: LOOKED_AT });
  const alike = earlier.find(
    (batch) => batch.recipe === recipe.name && batch.measured !== undefined && modelsOf(recipe, batch) === models,
  );
  if (alike?.measured !== undefined) return alike.measured;
  const calls = recipe.typicalCalls?.(settings);
  if (calls === undefined) return undefined;
  const of = { prices: app.prices, at: app.clock.now(), mostRounds: mostRounds(recipe, settings) };
  return typicalWork(calls, { ...of, ...(picture && { picture }) });
}

/** Rounds that an item may take. */
export function mostRounds(recipe: Recipe, settings: Record<string, unknown>): number {
  const { least, most } = recipe.callsPerItem(settings);
  const { maxAttempts } = settings;
  return least < most && typeof maxAttempts === 'number' ? maxAttempts : 1;
}

/** Empty where a batch was made with settings that the recipe no longer takes. */
function modelsOf(recipe: Recipe, { recipeSettings }: Batch): string {
  const parsed = recipe.settings.safeParse(recipeSettings);
  return parsed.success ? [...recipe.models(parsed.data)].sort().join(' ') : '';
}
