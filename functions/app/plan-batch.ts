import { unpricedModels } from '../domain/cost.ts';
import { asProofsheetError, type ErrorCode } from '../domain/errors.ts';
import { estimateLanes, type LaneEstimate, sensibleLane } from '../domain/estimate.ts';
import type { FileRef, LaneName } from '../domain/model-call.ts';
import type { Recipe } from '../engine/recipe.ts';
import { hashOf } from '../lib/hash.ts';
import type { NewItem } from '../platform/ports.ts';
import type { App } from './app.ts';
import type { PlannedBatch } from './consider-entry.ts';
import { expectedWork, mostRounds } from './earlier-work.ts';
import { FIRST_INPUT, inputPage, leftAside } from './input-pages.ts';
import { prepareInput } from './prepare-input.ts';
import { availableModels, parseRecipeSettings, recipeNamed, requireColumns } from './recipe-settings.ts';
import { checkInputs } from './resolve-input.ts';
import type { StartRequest } from './start-batch.ts';

/** What a batch would do, found without a model call and without a trace in the store but the checked pictures. */
export interface Plan {
  items: number;
  /** Of these, copies of others: they are not paid for again. */
  copies: number;
  refused: { source: string; code: ErrorCode; message: string }[];
  /** Files left aside, by reason. */
  ignored: Record<string, number>;
  models: string[];
  /** Models whose price is not known. */
  unpriced: string[];
  /** Model calls, from every item passing at once to every item using all its rounds. */
  calls: { least: number; most: number };
  /** Tokens, dollars and time for each lane; undefined where neither an earlier batch nor the recipe says what a call is like. */
  lanes?: LaneEstimate[];
  /** Items of an earlier batch that this was measured of; 0: typical values. */
  basedOn?: number;
  choice?: { lane: LaneName; reason: string };
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
  const plan: Plan = { items: 0, copies: 0, refused: [], ignored: {}, models, unpriced, calls: { least: 0, most: 0 } };
  const seen = new Set<string>();
  const works = new Set<string>();
  const pictures: Pictures = { count: 0, width: 0, height: 0 };
  let cursor = FIRST_INPUT;
  for (let page = await inputPage(app, batch, cursor); page !== undefined; page = await inputPage(app, batch, cursor)) {
    for (const considered of page.considered) {
      if (considered.kind === 'ignored' || seen.has(considered.item.id)) continue;
      seen.add(considered.item.id);
      const { item } = considered;
      const isCopy = works.has(item.workKey);
      works.add(item.workKey);
      await countItem(app, batch, item, { plan, pictures, isCopy });
    }
    cursor = page.next;
  }
  plan.ignored = leftAside(cursor, seen.size);
  const { least, most } = recipe.callsPerItem(settings);
  plan.calls = { least: plan.items * least, most: plan.items * most };
  return { ...plan, ...(await lanesOf(app, request, { recipe, settings, plan, pictures })) };
}

async function lanesOf(
  app: App,
  { run }: StartRequest,
  of: { recipe: Recipe; settings: Record<string, unknown>; plan: Plan; pictures: Pictures },
): Promise<Pick<Plan, 'lanes' | 'basedOn' | 'choice'>> {
  const { recipe, settings, plan, pictures } = of;
  const work = await expectedWork(app, recipe, settings, averageOf(pictures));
  if (work === undefined) return {};
  // Copies take the answers of the first over.
  const items = plan.items - plan.copies;
  const { maxConcurrent } = run;
  const lanes = estimateLanes(work, {
    items,
    maxConcurrent,
    mostRounds: mostRounds(recipe, settings),
    prices: app.prices,
  });
  return { lanes, basedOn: work.items, choice: sensibleLane(lanes, items) };
}

/** Sums over the pictures of a plan. */
interface Pictures {
  count: number;
  width: number;
  height: number;
}

function averageOf({ count, width, height }: Pictures): { width: number; height: number } | undefined {
  return count === 0 ? undefined : { width: Math.round(width / count), height: Math.round(height / count) };
}

async function countItem(
  app: App,
  batch: PlannedBatch,
  item: NewItem,
  { plan, pictures, isCopy }: { plan: Plan; pictures: Pictures; isCopy: boolean },
): Promise<void> {
  const look = item.refusal === undefined ? await lookAt(app, batch, item) : { refusal: item.refusal };
  if ('refusal' in look) {
    plan.refused.push({ source: item.source, code: look.refusal.code, message: look.refusal.message });
    return;
  }
  plan.items += 1;
  if (isCopy) plan.copies += 1;
  const { width, height } = look.input;
  if (width === undefined || height === undefined) return;
  pictures.count += 1;
  pictures.width += width;
  pictures.height += height;
}

async function lookAt(
  app: App,
  batch: PlannedBatch,
  item: NewItem,
): Promise<{ input: FileRef } | { refusal: { code: ErrorCode; message: string } }> {
  const recipe = recipeNamed(app, batch.recipe);
  try {
    requireColumns(recipe, batch.recipeSettings, item.metadata);
    return { input: (await prepareInput(app, batch, item, recipe.intake(batch.recipeSettings))).input };
  } catch (thrown) {
    return { refusal: asProofsheetError(thrown) };
  }
}
