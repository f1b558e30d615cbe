import pLimit from 'p-limit';
import type { Batch } from '../domain/batch.ts';
import { asProofsheetError } from '../domain/errors.ts';
import { belongsTo, listsRecursively } from '../domain/input-root.ts';
import type { InputCursor } from '../domain/message.ts';
import type { App } from './app.ts';
import { type Considered, considerEntry } from './consider-entry.ts';
import { resolveInput } from './resolve-input.ts';

/** What of a batch decides which inputs become items. */
export type PlannedBatch = Pick<Batch, 'inputs' | 'recipe' | 'recipeSettings' | 'selection' | 'recipeFingerprint'>;

/** Whole files in memory at a time while planning. */
const READS_AT_ONCE = 8;

/** The first page is short, so that work begins at once. */
const FIRST_PAGE = 50;

export const FIRST_INPUT: InputCursor = { input: 0, after: '' };

export interface InputPage {
  considered: Considered[];
  next: InputCursor;
}

/** The inputs from `cursor` on, a page of them looked at; undefined when there are no more. The same cursor gives the same page. */
export async function inputPage(
  app: Pick<App, 'files' | 'recipes' | 'limits'>,
  batch: PlannedBatch,
  cursor: InputCursor,
): Promise<InputPage | undefined> {
  const input = batch.inputs[cursor.input];
  if (input === undefined) return undefined;
  const { considered, after } = await pageOf(app, batch, input, cursor);
  const next = after === undefined ? { input: cursor.input + 1, after: '' } : { input: cursor.input, after };
  return { considered, next: { ...next, ignored: withIgnored(cursor.ignored ?? {}, considered) } };
}

/** A page of one input; `after` is undefined when that was the last. */
async function pageOf(
  app: Pick<App, 'files' | 'recipes' | 'limits'>,
  batch: PlannedBatch,
  input: string,
  cursor: InputCursor,
): Promise<{ considered: Considered[]; after?: string }> {
  const root = await resolveInput(app, input).catch((thrown: unknown) => {
    if (asProofsheetError(thrown).code === 'file_missing') return undefined;
    throw thrown;
  });
  if (root === undefined) return { considered: [{ kind: 'ignored', reason: `input that is gone (${input})` }] };
  const isFirst = cursor.input === 0 && cursor.after === '';
  const limit = isFirst ? Math.min(FIRST_PAGE, app.limits.pageSize) : app.limits.pageSize;
  const entries = await app.files.list(root.root, {
    recursive: listsRecursively(root, batch.selection.recursive),
    limit,
    ...(cursor.after !== '' && { after: cursor.after }),
  });
  const mine = entries.filter((entry) => entry.uri === root.root || belongsTo(root, entry.path));
  const considered = await pLimit(READS_AT_ONCE).map(mine, (entry) => considerEntry(app, batch, root, entry));
  const last = entries.at(-1);
  return entries.length < limit || last === undefined ? { considered } : { considered, after: last.uri };
}

function withIgnored(before: Record<string, number>, considered: readonly Considered[]): Record<string, number> {
  const counts = { ...before };
  for (const entry of considered) {
    if (entry.kind === 'ignored') counts[entry.reason] = (counts[entry.reason] ?? 0) + 1;
  }
  return counts;
}
