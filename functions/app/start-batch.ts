import { type Batch, batchIdFor, type RunSettings, type Selection } from '../domain/batch.ts';
import type { Recipe } from '../engine/recipe.ts';
import { hashOf } from '../lib/hash.ts';
import type { App } from './app.ts';
import { announceOpenItems } from './control-batch.ts';
import { parseRecipeSettings, recipeNamed } from './recipe-settings.ts';
import { resolveInput } from './resolve-input.ts';

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
}

/**
 * Starts a batch, or goes on with the unfinished one of the same command, so that a command that was killed and is given
 * again, or is given twice at once, works every input once.
 */
export async function startBatch(app: App, request: StartRequest): Promise<{ batch: Batch; joined: boolean }> {
  const recipe = recipeNamed(app, request.recipe);
  const settings = parseRecipeSettings(recipe, request.recipeSettings);
  for (const input of request.inputs) await resolveInput(app, input);
  const recipeFingerprint = hashOf({ recipe: recipe.name, version: recipe.version, settings });
  const { inputs, selection, force, outputRoot } = request;
  const commandKey = hashOf({ inputs, selection, force, outputRoot, recipeFingerprint });
  while (true) {
    const [latest] = await app.batches.list({ limit: 1, commandKey });
    if (latest !== undefined && (latest.state === 'running' || latest.state === 'paused')) {
      return { batch: await goOn(app, latest), joined: true };
    }
    const batch = newBatch(app, request, { recipe, settings, recipeFingerprint, commandKey });
    if (await app.batches.create(batch)) {
      await app.queue.publish([{ kind: 'expand', batchId: batch.id }]);
      return { batch, joined: false };
    }
  }
}

function newBatch(
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
    shardCount: 1,
    sealed: false,
    ignored: {},
    cancelRequested: false,
    revision: 0,
  };
}

/**
 * Lists the inputs again (files may have been added) and announces what is open. A finaliser loses its right: it has not
 * seen what comes, and it may have died.
 */
async function goOn(app: App, batch: Batch): Promise<Batch> {
  const reopened = await app.batches.change(batch.id, (current) =>
    current.state === 'running' || current.state === 'paused'
      ? { state: 'running', sealed: false, pause: undefined, finalizer: undefined }
      : undefined,
  );
  if (reopened.state !== 'running') return reopened;
  await app.queue.publish([{ kind: 'expand', batchId: batch.id }]);
  await announceOpenItems(app, batch.id);
  return reopened;
}
