import pLimit from 'p-limit';
import { type Batch, shardCountFor } from '../domain/batch.ts';
import { asProofsheetError } from '../domain/errors.ts';
import { listsRecursively } from '../domain/input-root.ts';
import { manifestRow } from '../domain/manifest-row.ts';
import type { App } from './app.ts';
import type { Manifest } from './open-manifest.ts';
import { recipeNamed } from './recipe-settings.ts';
import { resolveInput } from './resolve-input.ts';

/** Files of an input, and inputs, that are looked at: what is no larger is counted exactly. */
const LOOK = 1000;
const LOOKS_AT_ONCE = 16;

/** Shards for a batch that is to be filled: by its size where a first look shows that, else enough for a large one. */
export async function chooseShards(app: App, batch: Batch): Promise<number> {
  const { maxShards } = app.limits;
  if (maxShards === 1) return 1;
  // A batch that has items has its shards.
  if ((await app.batches.counts(batch.id)).total > 0) return batch.shardCount;
  return shardCountFor(await sizeAtFirstLook(app, batch), maxShards);
}

/** How many files the inputs have; undefined when that takes more than a look. */
async function sizeAtFirstLook(app: App, batch: Batch): Promise<number | undefined> {
  const { inputs, selection } = batch;
  const most = Math.min(selection.limit ?? LOOK, selection.sample?.size ?? LOOK);
  if (most < LOOK) return most;
  if (inputs.length > LOOK) return undefined;
  let files = 0;
  await pLimit(LOOKS_AT_ONCE).map(inputs, async (input) => {
    // Enough is known; the others need not be looked at.
    if (files === Number.POSITIVE_INFINITY) return;
    const seen = await filesOf(app, batch, input);
    files += seen < LOOK ? seen : Number.POSITIVE_INFINITY;
  });
  return files === Number.POSITIVE_INFINITY ? undefined : files;
}

async function filesOf(app: App, batch: Batch, input: string): Promise<number> {
  try {
    const intake = recipeNamed(app, batch.recipe).intake(batch.recipeSettings);
    const resolved = await resolveInput(app, input, intake);
    if (resolved.kind === 'manifest') return await filesNamed(resolved.manifest);
    const recursive = listsRecursively(resolved.root, batch.selection.recursive);
    return (await app.files.list(resolved.root.root, { recursive, limit: LOOK })).length;
  } catch (thrown) {
    // Gone since the batch was started: the listing says so.
    if (['file_missing', 'usage'].includes(asProofsheetError(thrown).code)) return 0;
    throw thrown;
  }
}

async function filesNamed(manifest: Manifest): Promise<number> {
  let files = 0;
  for await (const record of manifest.rows()) {
    const row = 'value' in record ? manifestRow(record.value) : undefined;
    files += row !== undefined && 'paths' in row ? row.paths.length : 1;
    if (files >= LOOK) break;
  }
  return files;
}
