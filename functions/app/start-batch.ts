import { type Batch, batchIdFor, type Selection } from '../domain/batch.ts';
import { modelsWithoutLane, unpricedModels } from '../domain/cost.ts';
import { ProofsheetError } from '../domain/errors.ts';
import { expectedOfItem } from '../domain/estimate.ts';
import { type RunSettings, runSettingsSchema } from '../domain/run-settings.ts';
import type { Recipe } from '../engine/recipe.ts';
import { hashOf } from '../lib/hash.ts';
import type { App } from './app.ts';
import { resumeBatch } from './control-batch.ts';
import { expectedWork, mostRounds } from './earlier-work.ts';
import {
  availableModels,
  checkOptimizable,
  fingerprintOf,
  parseRecipeSettings,
  recipeNamed,
} from './recipe-settings.ts';
import { checkInputs } from './resolve-input.ts';
import { isLimited, priceUnknown } from './spending.ts';

export interface StartRequest {
  /** Absolute paths, globs or gs:// URIs. */
  inputs: string[];
  selection: Selection;
  recipe: string;
  recipeSettings: Record<string, unknown>;
  simulated: boolean;
  force: boolean;
  run: RunSettings;
  /** Folder or prefix below which the batch's own folder is made. */
  outputRoot: string;
  archive: Batch['archive'];
  name: string;
  /** Calls that may be spent on improving the prompt from failures. */
  optimize?: { calls: number };
  /** Column to combine results by in the reports. */
  groupBy?: string;
  /** Batches that may run at once, this one included; left out, any number. */
  maxRunning?: number;
  /** A process that is always there works it off. */
  hosted?: boolean;
}

/**
 * Starts a batch, or goes on with the unfinished one of the same command, so that a command that was killed and is given
 * again, or is given twice at once, works every input once. Fails with `batch_running` while as many run as may.
 */
export async function startBatch(app: App, request: StartRequest): Promise<{ batch: Batch; joined: boolean }> {
  const recipe = recipeNamed(app, request.recipe);
  const settings = parseRecipeSettings(recipe, request.recipeSettings);
  const models = availableModels(app, recipe, settings);
  checkRunSettings(request.run);
  refuseMissingLane(app, models, request.run);
  if (request.optimize !== undefined) checkOptimizable(recipe, settings);
  refuseUnknownPrices(app, models, request.run);
  await refuseOneTooMany(app, request);
  await checkInputs(app, recipe, settings, request);
  const recipeFingerprint = fingerprintOf(recipe, settings);
  const { inputs, selection, force, outputRoot, groupBy, optimize } = request;
  const commandKey = hashOf({ inputs, selection, force, outputRoot, groupBy, optimize, recipeFingerprint });
  const most = request.maxRunning === undefined ? undefined : { running: request.maxRunning };
  for (let tries = 0; tries < 10; tries += 1) {
    const [unfinished] = await app.batches.list({ limit: 1, commandKey, unfinished: true });
    if (unfinished !== undefined) {
      const options = { failed: false, errors: false, relist: true, spend: request.run };
      const { batch } = await resumeBatch(app, unfinished.id, options);
      return { batch, joined: true };
    }
    const batch = newBatch(app, request, { recipe, settings, recipeFingerprint, commandKey });
    await recordParameters(app, batch);
    const expected = await expectedOf(app, request.run, recipe, settings);
    if (expected !== undefined) batch.expected = expected;
    if (await app.batches.create(batch, most)) {
      await app.queue.publish([{ kind: 'expand', batchId: batch.id }]);
      return { batch, joined: false };
    }
    await refuseOneTooMany(app, request);
  }
  throw new ProofsheetError(
    'wrong_state',
    'Another process keeps starting and ending the same batch; try again in a moment.',
  );
}

/** Batches that run, the newest first. */
export async function runningBatches(app: Pick<App, 'batches'>): Promise<Batch[]> {
  const unfinished = await app.batches.list({ limit: 1000, unfinished: true });
  return unfinished.filter((batch) => batch.state === 'running');
}

/** Fails with `batch_running` while as many batches run as may. */
export async function refuseOneTooMany(
  app: Pick<App, 'batches'>,
  { maxRunning }: Pick<StartRequest, 'maxRunning'>,
): Promise<void> {
  if (maxRunning === undefined) return;
  const running = await runningBatches(app);
  if (running.length < maxRunning) return;
  const [newest] = running;
  throw new ProofsheetError(
    'batch_running',
    `${newest?.id} is running and no more than ${maxRunning} may; wait for it or cancel it.`,
    { disposition: 'conflict' },
  );
}

function checkRunSettings(run: RunSettings): void {
  const parsed = runSettingsSchema.safeParse(run);
  if (parsed.success) return;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new ProofsheetError('usage', `These settings are out of range: ${problems.join('; ')}.`);
}

/** What an item is expected to cost, to be held against what it does. An estimate that cannot be made stops no batch. */
async function expectedOf(
  app: App,
  { lane }: RunSettings,
  recipe: Recipe,
  settings: Record<string, unknown>,
): Promise<Batch['expected']> {
  const work = await expectedWork(app, recipe, settings).catch(() => undefined);
  return work && expectedOfItem(work, { lane, mostRounds: mostRounds(recipe, settings), prices: app.prices });
}

function refuseMissingLane({ prices }: App, models: readonly string[], { lane }: RunSettings): void {
  const [model] = modelsWithoutLane(models, prices, lane);
  if (model === undefined) return;
  throw new ProofsheetError('usage', `${model} is not offered in the lane ${lane}; choose another with --lane.`);
}

/** A ceiling holds only if every call has a worst case. */
function refuseUnknownPrices(app: App, models: readonly string[], run: RunSettings): void {
  if (!isLimited(app, { run }) || run.assumedCallNano !== undefined) return;
  const unknown = unpricedModels(models, app.prices, app.clock.now());
  if (unknown.length > 0) throw new ProofsheetError('usage', priceUnknown(unknown));
}

/** What the batch was asked for, beside its results; also finds out whether they can be written before any call is paid. */
export async function recordParameters(app: App, batch: Batch): Promise<void> {
  const { id, name, inputs, selection, recipe, recipeVersion, recipeSettings, simulated, run, groupBy, optimize } =
    batch;
  const work = { recipe, recipeVersion, recipeSettings, simulated, run, groupBy, optimize };
  const parameters = { batch_id: id, name, inputs, selection, ...work };
  const uri = app.files.join(batch.outputDir, 'metadata', 'parameters.json');
  await app.files.write(uri, `${JSON.stringify(parameters, null, 2)}\n`, 'application/json');
}

/** A batch as it begins, with an id of its own; not stored. */
export function newBatch(
  app: App,
  request: StartRequest,
  derived: { recipe: Recipe; settings: Record<string, unknown>; recipeFingerprint: string; commandKey: string },
): Batch {
  const now = app.clock.now();
  const token = Math.floor(app.clock.random() * 36 ** 4)
    .toString(36)
    .padStart(4, '0');
  const id = batchIdFor(now, token);
  return {
    id,
    name: request.name,
    state: 'running',
    createdAt: now,
    commandKey: derived.commandKey,
    inputs: request.inputs,
    selection: request.selection,
    recipe: derived.recipe.name,
    recipeVersion: derived.recipe.version,
    recipeSettings: derived.settings,
    recipeFingerprint: derived.recipeFingerprint,
    simulated: request.simulated,
    force: request.force,
    run: request.run,
    outputDir: app.files.join(request.outputRoot, id),
    archive: request.archive,
    ...(request.groupBy !== undefined && { groupBy: request.groupBy }),
    ...(request.optimize !== undefined && { optimize: request.optimize }),
    ...(request.hosted && { hosted: true }),
    shardCount: 1,
    sealed: false,
    ignored: {},
    cancelRequested: false,
    revision: 0,
  };
}
