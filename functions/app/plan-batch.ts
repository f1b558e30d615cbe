import { unpricedModels } from '../domain/cost.ts';
import { asProofsheetError, type ErrorCode } from '../domain/errors.ts';
import { hashOf } from '../lib/hash.ts';
import type { NewItem } from '../platform/ports.ts';
import type { App } from './app.ts';
import type { PlannedBatch } from './consider-entry.ts';
import { FIRST_INPUT, inputPage, leftAside } from './input-pages.ts';
import { prepareInput } from './prepare-input.ts';
import { availableModels, parseRecipeSettings, recipeNamed, requireColumns } from './recipe-settings.ts';
import { checkInputs } from './resolve-input.ts';
import type { StartRequest } from './start-batch.ts';

/** What a batch would do, found without a model call and without a trace in the store but the checked pictures. */
export interface Plan {
  items: number;
  refused: { source: string; code: ErrorCode; message: string }[];
  /** Files left aside, by reason. */
  ignored: Record<string, number>;
  models: string[];
  /** Models whose price is not known. */
  unpriced: string[];
  /** Model calls, from every item passing at once to every item using all its rounds. */
  calls: { least: number; most: number };
}

export async function planBatch(app: App, request: StartRequest): Promise<Plan> {
  const recipe = recipeNamed(app, request.recipe);
  const settings = parseRecipeSettings(recipe, request.recipeSettings);
  const { inputs, selection } = request;
  await checkInputs(app, recipe, settings, request);
  const recipeFingerprint = hashOf(settings);
  const createdAt = app.clock.now();
  const batch = { inputs, selection, recipe: recipe.name, recipeSettings: settings, recipeFingerprint, createdAt };
  const models = availableModels(app, recipe, settings);
  const unpriced = unpricedModels(models, app.prices, createdAt);
  const plan: Plan = { items: 0, refused: [], ignored: {}, models, unpriced, calls: { least: 0, most: 0 } };
  const seen = new Set<string>();
  let cursor = FIRST_INPUT;
  for (let page = await inputPage(app, batch, cursor); page !== undefined; page = await inputPage(app, batch, cursor)) {
    for (const considered of page.considered) {
      if (considered.kind === 'ignored' || seen.has(considered.item.id)) continue;
      seen.add(considered.item.id);
      await countItem(app, batch, considered.item, plan);
    }
    cursor = page.next;
  }
  plan.ignored = leftAside(cursor, seen.size);
  const { least, most } = recipe.callsPerItem(settings);
  plan.calls = { least: plan.items * least, most: plan.items * most };
  return plan;
}

async function countItem(app: App, batch: PlannedBatch, item: NewItem, plan: Plan): Promise<void> {
  const refusal = item.refusal ?? (await refusalOf(app, batch, item));
  if (refusal === undefined) plan.items += 1;
  else plan.refused.push({ source: item.source, code: refusal.code, message: refusal.message });
}

async function refusalOf(
  app: App,
  batch: PlannedBatch,
  item: NewItem,
): Promise<{ code: ErrorCode; message: string } | undefined> {
  const recipe = recipeNamed(app, batch.recipe);
  try {
    requireColumns(recipe, batch.recipeSettings, item.metadata);
    await prepareInput(app, batch, item, recipe.intake(batch.recipeSettings));
    return undefined;
  } catch (thrown) {
    return asProofsheetError(thrown);
  }
}
