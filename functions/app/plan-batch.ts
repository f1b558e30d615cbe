import { unpricedModels } from '../domain/cost.ts';
import { asProofsheetError, type ErrorCode } from '../domain/errors.ts';
import { hashOf } from '../lib/hash.ts';
import type { App } from './app.ts';
import { FIRST_INPUT, inputPage } from './input-pages.ts';
import { prepareInput } from './prepare-input.ts';
import { parseRecipeSettings, recipeNamed } from './recipe-settings.ts';
import { resolveInput } from './resolve-input.ts';
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
  const batch = { inputs, selection, recipe: recipe.name, recipeFingerprint: hashOf(settings) };
  const models = [...new Set(recipe.models(settings))];
  const unpriced = unpricedModels(models, app.prices, app.clock.now());
  const plan: Plan = { items: 0, refused: [], ignored: {}, models, unpriced, calls: { least: 0, most: 0 } };
  for (const input of inputs) await resolveInput(app, input);
  let cursor = FIRST_INPUT;
  for (let page = await inputPage(app, batch, cursor); page !== undefined; page = await inputPage(app, batch, cursor)) {
    for (const considered of page.considered) {
      if (considered.kind === 'item') await countItem(app, request, recipe.intake, considered.item, plan);
    }
    cursor = page.next;
  }
  plan.ignored = cursor.ignored ?? {};
  const { least, most } = recipe.callsPerItem(settings);
  plan.calls = { least: plan.items * least, most: plan.items * most };
  return plan;
}

async function countItem(
  app: App,
  request: StartRequest,
  intake: 'image' | 'bytes',
  item: { source: string; contentHash: string; refusal?: { code: ErrorCode; message: string } },
  plan: Plan,
): Promise<void> {
  const refusal = item.refusal ?? (await gateRefusal(app, request, intake, item));
  if (refusal === undefined) plan.items += 1;
  else plan.refused.push({ source: item.source, code: refusal.code, message: refusal.message });
}

async function gateRefusal(
  app: App,
  request: StartRequest,
  intake: 'image' | 'bytes',
  item: { source: string; contentHash: string },
): Promise<{ code: ErrorCode; message: string } | undefined> {
  try {
    await prepareInput(app, request, item, intake);
    return undefined;
  } catch (thrown) {
    return asProofsheetError(thrown);
  }
}
