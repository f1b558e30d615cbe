import { type Batch, shardCountFor } from '../domain/batch.ts';
import { beginsAt, type Drop } from '../domain/drop.ts';
import { type DropFile, MAX_DROP_FILE_BYTES, parseDropFile } from '../domain/drop-file.ts';
import { DROP_FILE } from '../domain/drop-gate.ts';
import { asProofsheetError, ProofsheetError } from '../domain/errors.ts';
import type { FileVersion } from '../platform/ports.ts';
import type { App } from './app.ts';
import { versionAt } from './drop-folder.ts';
import { recordTurn, type Step, type Turn } from './planner-turn.ts';
import {
  availableModels,
  checkColumns,
  checkKnown,
  fingerprintOf,
  parseRecipeSettings,
  recipeNamed,
} from './recipe-settings.ts';

export type DropBatch = Batch & { drop: Drop };

export function isDrop(batch: Batch): batch is DropBatch {
  return batch.drop !== undefined;
}

/** What items of a drop are worked off with. */
type Terms = Pick<Batch, 'recipe' | 'recipeVersion' | 'recipeSettings' | 'recipeFingerprint'> &
  Pick<DropFile, 'name' | 'expect' | 'lane'>;

/**
 * Fixes recipe and settings of a drop, once and for all its items: as soon as its batch.json is there, or without one when it
 * has been waited for long enough. Errors: usage, for a batch.json that is wrong.
 */
export async function beginDrop(app: App, turn: Turn, batch: DropBatch): Promise<Step> {
  const version = await versionAt(app, app.files.join(batch.inputs[0] ?? '', DROP_FILE));
  const waitMs = beginsAt(batch) - app.clock.now();
  if (version === undefined && waitMs > 0) {
    await app.queue.publish([{ kind: 'expand', batchId: batch.id }], { delayMs: waitMs });
    return 'rest';
  }
  const { name, expect, lane, ...terms } = await termsOf(app, batch, version).catch((thrown: unknown) => {
    throw withRemedy(thrown, 'Upload it corrected, and the batch goes on.');
  });
  const previous = batch.drop.previous === undefined ? undefined : await app.batches.get(batch.drop.previous);
  // The number was that of the images of the batch before.
  const isExpected = expect !== undefined && previous?.drop?.file !== version?.id;
  const shardCount = shardCountFor(isExpected ? expect : undefined, app.limits.maxShards);
  const begunAt = app.clock.now();
  return await recordTurn(app, turn, { sharded: true, movedAt: begunAt }, ({ drop = batch.drop }) => ({
    ...{ ...terms, shardCount },
    ...(lane !== undefined && { run: { ...batch.run, lane } }),
    ...(name !== undefined && { name: nameOf(name, drop.sequence) }),
    drop: { ...drop, begunAt, ...(version && { file: version.id }), ...(isExpected && { expect }) },
  }));
}

/** `shoes`, and `shoes (2)` for what came when the first batch was complete. */
export function nameOf(name: string, sequence: number): string {
  return sequence === 1 ? name : `${name} (${sequence})`;
}

/**
 * What is to change about a batch whose work has begun when its folder has another batch.json than it began with: with the same
 * settings, the number of images alone; else a person is asked, before anything more is spent. Undefined when nothing is to change.
 */
export async function lateDropFile(
  app: App,
  batch: DropBatch,
  version: FileVersion,
): Promise<{ drop: Partial<Drop>; question?: string } | undefined> {
  const { drop } = batch;
  if (version.id === drop.file || version.id === drop.lateFile) return undefined;
  const terms = await termsOf(app, batch, version).catch((thrown: unknown) => {
    const error = asProofsheetError(thrown);
    if (error.code !== 'usage') throw error;
    return error;
  });
  if (!(terms instanceof ProofsheetError) && terms.recipeFingerprint === batch.recipeFingerprint) {
    return { drop: { file: version.id, ...(terms.expect !== undefined && { expect: terms.expect }) } };
  }
  const what =
    terms instanceof ProofsheetError
      ? `${terms.message} It came after work had begun.`
      : `${uriOf(version)} came after work had begun with other settings.`;
  const choice = 'Resume goes on with those; to use the file, cancel the batch and drop the images again.';
  return { drop: { lateFile: version.id }, question: `${what} ${choice}` };
}

async function termsOf(app: App, batch: DropBatch, version: FileVersion | undefined): Promise<Terms> {
  if (version === undefined) return resolveTerms(app, batch, {});
  const bytes = await readDropFile(app, version);
  try {
    return resolveTerms(app, batch, parseDropFile(bytes));
  } catch (thrown) {
    const { code, message } = asProofsheetError(thrown);
    if (code !== 'usage') throw thrown;
    const reason = message.replace(/[.\s]*$/, '');
    throw new ProofsheetError('usage', `${uriOf(version)} cannot be used: ${reason}.`, { cause: thrown });
  }
}

function withRemedy(thrown: unknown, remedy: string): unknown {
  const { code, message } = asProofsheetError(thrown);
  return code === 'usage' ? new ProofsheetError(code, `${message} ${remedy}`, { cause: thrown }) : thrown;
}

/** A version that was replaced since it was listed is no error: the next look finds the new one. */
async function readDropFile(app: App, version: FileVersion): Promise<Uint8Array> {
  try {
    return await app.files.read(version.uri, { maxBytes: MAX_DROP_FILE_BYTES });
  } catch (thrown) {
    const { code, message } = asProofsheetError(thrown);
    if (code !== 'source_changed' && code !== 'file_missing') throw thrown;
    throw new ProofsheetError(code, message, { disposition: 'conflict', cause: thrown });
  }
}

function resolveTerms(app: App, { drop }: DropBatch, file: DropFile): Terms {
  const forPrompt = file.prompt !== undefined && 'prompt' in app.recipes ? 'prompt' : drop.defaults.recipe;
  const recipe = recipeNamed(app, file.recipe ?? forPrompt);
  const prompt = file.prompt === undefined ? {} : { prompt: file.prompt };
  const { settings: defaults, fixed } = drop.defaults;
  const settings = parseRecipeSettings(recipe, { ...defaults, ...file.settings, ...prompt, ...fixed });
  checkKnown(recipe, settings, Object.keys({ ...file.settings, ...prompt }));
  availableModels(app, recipe, settings);
  checkColumns(recipe, settings, []);
  return {
    recipe: recipe.name,
    recipeVersion: recipe.version,
    recipeSettings: settings,
    recipeFingerprint: fingerprintOf(recipe, settings),
    ...(file.name !== undefined && { name: file.name }),
    ...(file.expect !== undefined && { expect: file.expect }),
    ...(file.lane !== undefined && { lane: file.lane }),
  };
}

/** Without the generation, which tells a person nothing. */
function uriOf({ uri }: FileVersion): string {
  return uri.replace(/#\d+$/, '');
}
