import { unpricedModels } from '../domain/cost.ts';
import { asProofsheetError, type ErrorCode } from '../domain/errors.ts';
import { listsRecursively } from '../domain/input-root.ts';
import { hashOf } from '../lib/hash.ts';
import type { App } from './app.ts';
import { considerEntries } from './expand-batch.ts';
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
  const batch = { recipe: recipe.name, selection: request.selection, recipeFingerprint: hashOf(settings) };
  const models = [...new Set(recipe.models(settings))];
  const unpriced = unpricedModels(models, app.prices, app.clock.now());
  const plan: Plan = { items: 0, refused: [], ignored: {}, models, unpriced, calls: { least: 0, most: 0 } };
  for (const input of request.inputs) {
    const root = await resolveInput(app, input);
    const limit = app.limits.pageSize;
    let after: string | undefined;
    while (true) {
      const recursive = listsRecursively(root, request.selection.recursive);
      const entries = await app.files.list(root.root, { recursive, limit, ...(after !== undefined && { after }) });
      for (const considered of await considerEntries(app, batch, root, entries)) {
        if (considered.kind === 'ignored') plan.ignored[considered.reason] = (plan.ignored[considered.reason] ?? 0) + 1;
        else await countItem(app, request, recipe.intake, considered.item, plan);
      }
      after = entries.at(-1)?.uri;
      if (entries.length < limit) break;
    }
  }
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
