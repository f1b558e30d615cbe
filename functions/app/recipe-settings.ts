import type { Keeping } from '../domain/embedding.ts';
import { ProofsheetError } from '../domain/errors.ts';
import { FOLDER_COLUMN } from '../domain/item-group.ts';
import type { Recipe } from '../engine/recipe.ts';
import { hashOf } from '../lib/hash.ts';
import type { App } from './app.ts';

type Metadata = Readonly<Record<string, string>>;

/** The column that every item has, manifest or not. */
const NAME_COLUMN = 'name';

/** The recipe, or a sentence that lists those there are. */
export function recipeNamed(app: Pick<App, 'recipes'>, name: string): Recipe {
  const recipe = Object.hasOwn(app.recipes, name) ? app.recipes[name] : undefined;
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

/** Encoders and collection of these settings. Fails with `usage`. */
export function keepingFrom(app: Pick<App, 'recipes'>, settings: Record<string, unknown>): Keeping {
  const recipe = recipeNamed(app, 'embed');
  const keeping = recipe.keeps?.(parseRecipeSettings(recipe, settings));
  if (keeping === undefined) throw new ProofsheetError('internal', `The recipe ${recipe.name} keeps no vectors.`);
  return keeping;
}

/** Fails with `usage` for a setting that was given and that the recipe makes no use of. */
export function checkUse(recipe: Recipe, settings: Record<string, unknown>, given: readonly string[]): void {
  const used = parseRecipeSettings(recipe, settings);
  const idle = given.find((setting) => !(setting in used));
  if (idle === undefined) return;
  const flag = idle.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new ProofsheetError('usage', `The recipe ${recipe.name} makes no use of --${flag} here; leave it out.`);
}

/** Fails with `usage` where there is no prompt of the user's to improve. */
export function checkOptimizable(recipe: Recipe, settings: Record<string, unknown>): void {
  const takesAnother = 'revisedPrompt' in parseRecipeSettings(recipe, { ...settings, revisedPrompt: 'x' });
  if (takesAnother && typeof settings.prompt === 'string') return;
  throw new ProofsheetError(
    'usage',
    `There is no prompt to improve for the recipe ${recipe.name}; give one with --prompt, or leave --enable-prompt-optimization out.`,
  );
}

/** Fails with `usage` for a setting that was given by name and that the recipe, whose settings these became, does not know. */
export function checkKnown(recipe: Recipe, settings: Record<string, unknown>, given: readonly string[]): void {
  const unknown = given.filter((setting) => !Object.hasOwn(settings, setting));
  if (unknown.length === 0) return;
  throw new ProofsheetError('usage', `The recipe ${recipe.name} has no setting ${unknown.join(', ')}.`);
}

/** What makes the same input other work: recipe, version and settings. */
export function fingerprintOf(recipe: Recipe, settings: Record<string, unknown>): string {
  return hashOf({ recipe: recipe.name, version: recipe.version, settings });
}

/** Fails with `usage` for a column that no item can have with these columns of manifests, before anything is spent. */
export function checkColumns(recipe: Recipe, settings: unknown, there: readonly string[]): void {
  const columns = recipe.columns(settings);
  if (columns === 'all') return;
  const unknown = columns.find((column) => column !== NAME_COLUMN && !there.includes(column));
  if (unknown === undefined) return;
  throw new ProofsheetError(
    'usage',
    `The prompt asks for {{${unknown}}}, but ${columnsThere(there)}; name a manifest with that column, or change the prompt.`,
  );
}

/** Fails with `usage` for a column by which no item can be grouped with these columns of manifests. */
export function checkGroupColumn(column: string | undefined, there: readonly string[]): void {
  if (column === undefined || column === FOLDER_COLUMN || there.includes(column)) return;
  throw new ProofsheetError(
    'usage',
    `No item has the column "${column}" to group by: ${columnsThere(there)}; name a manifest with that column, or group by "${FOLDER_COLUMN}".`,
  );
}

function columnsThere(there: readonly string[]): string {
  if (there.length === 0) return `without a manifest an item has only {{${NAME_COLUMN}}}`;
  return `the columns of the manifest are ${there.join(', ')}`;
}

/** Metadata of a new item: its columns, and its file name where the recipe asks for that. */
export function metadataFor(
  recipe: Recipe,
  settings: unknown,
  of: { name: string; columns: Metadata },
): Record<string, string> {
  const columns = recipe.columns(settings);
  const asksForName = columns !== 'all' && columns.includes(NAME_COLUMN);
  return { ...(asksForName && { [NAME_COLUMN]: of.name }), ...of.columns };
}

/** The columns of an item's metadata that the recipe reads, as far as they are there. */
export function columnsRead(recipe: Recipe, settings: unknown, metadata: Metadata): Metadata {
  const columns = recipe.columns(settings);
  if (columns === 'all') return metadata;
  return Object.fromEntries(Object.entries(metadata).filter(([column]) => columns.includes(column)));
}

/** Fails with `missing_column` for an item without a column that the recipe reads. */
export function requireColumns(recipe: Recipe, settings: unknown, metadata: Metadata): void {
  const columns = recipe.columns(settings);
  if (columns === 'all') return;
  const missing = columns.find((column) => !Object.hasOwn(metadata, column));
  if (missing === undefined) return;
  const there = Object.keys(metadata).join(', ') || 'none';
  throw new ProofsheetError(
    'missing_column',
    `The prompt asks for {{${missing}}}, which this item does not have (its columns: ${there}); add it to the manifest or change the prompt.`,
  );
}

/** The models these settings use, or the sentence that says why one of them cannot be asked. */
export function availableModels(
  app: Pick<App, 'unavailable'>,
  recipe: Recipe,
  settings: Record<string, unknown>,
): string[] {
  const models = [...new Set(recipe.models(settings))];
  const why = models.flatMap((model) => app.unavailable[model] ?? [])[0];
  if (why !== undefined) throw new ProofsheetError('usage', why);
  return models;
}
