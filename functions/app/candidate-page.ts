import { asProofsheetError } from '../domain/errors.ts';
import { belongsTo, listsRecursively } from '../domain/input-root.ts';
import type { InputCursor } from '../domain/message.ts';
import type { App } from './app.ts';
import { type Candidate, candidateFrom, type Ignored, type PlannedBatch } from './consider-entry.ts';
import { manifestPage } from './manifest-page.ts';
import { recipeNamed } from './recipe-settings.ts';
import { resolveInput } from './resolve-input.ts';

/** What the inputs list. Nothing of it is read yet. */
export interface CandidatePage {
  candidates: (Candidate | Ignored)[];
  next: InputCursor;
}

/** Entries of the inputs from `cursor` on, or rows of a manifest. The same cursor gives the same page. */
export async function candidatePage(
  app: Pick<App, 'files' | 'recipes'>,
  batch: PlannedBatch,
  cursor: InputCursor,
  limit: number,
): Promise<CandidatePage> {
  const { candidates, after } = await pageOf(app, batch, cursor, limit);
  const place = after === undefined ? { input: cursor.input + 1, after: '' } : { after };
  return { candidates, next: { ...cursor, ...place } };
}

/** A page of one input; `after` is undefined when that was the last. */
async function pageOf(
  app: Pick<App, 'files' | 'recipes'>,
  batch: PlannedBatch,
  { input: index, after }: InputCursor,
  limit: number,
): Promise<{ candidates: (Candidate | Ignored)[]; after?: string }> {
  const input = batch.inputs[index] ?? '';
  const intake = recipeNamed(app, batch.recipe).intake(batch.recipeSettings);
  const resolved = await resolveInput(app, input, intake).catch((thrown: unknown) => {
    const { code } = asProofsheetError(thrown);
    if (code === 'file_missing') return { kind: 'gone' as const, reason: `input that is gone (${input})` };
    if (code === 'usage') return { kind: 'gone' as const, reason: `input that is no manifest any more (${input})` };
    throw thrown;
  });
  if (resolved.kind === 'gone') return { candidates: [{ kind: 'ignored', reason: resolved.reason }] };
  if (resolved.kind === 'manifest') return await manifestPage(app, batch, resolved.manifest, { after, limit });
  const { root } = resolved;
  const entries = await app.files.list(root.root, {
    recursive: listsRecursively(root, batch.selection.recursive),
    limit,
    ...(after !== '' && { after }),
  });
  const mine = entries.filter((entry) => entry.uri === root.root || belongsTo(root, entry.path));
  const candidates = mine.map((entry) => candidateFrom(app, batch, root, entry));
  const last = entries.at(-1);
  return entries.length < limit || last === undefined ? { candidates } : { candidates, after: last.uri };
}
