import pLimit from 'p-limit';
import type { Selection } from '../domain/batch.ts';
import { ProofsheetError } from '../domain/errors.ts';
import { isBelow, isOpenBelow, resolveRowPath } from '../domain/manifest-path.ts';
import { type ManifestRow, manifestRow, rowItemName } from '../domain/manifest-row.ts';
import { safeName } from '../domain/safe-name.ts';
import { needsFacts } from '../domain/selection.ts';
import type { TextPlace, TextRecord } from '../lib/read-records.ts';
import type { App } from './app.ts';
import { type Candidate, considerCandidate, type Ignored, type PlannedBatch } from './consider-entry.ts';
import type { Manifest } from './open-manifest.ts';
import { recipeNamed } from './recipe-settings.ts';

const LOOKS_AT_ONCE = 16;

/** So many files that the rows of a manifest name, or a few more, after the row `after`; it is undefined when there are no more rows. */
export async function manifestPage(
  app: Pick<App, 'files' | 'recipes'>,
  batch: PlannedBatch,
  manifest: Manifest,
  page: { after: string; limit: number },
): Promise<{ candidates: (Candidate | Ignored)[]; after?: string }> {
  const from = placeOf(manifest, page.after);
  if (from === 'changed') {
    return { candidates: [{ kind: 'ignored', reason: `manifest that changed while it was read (${manifest.name})` }] };
  }
  const picturesPerRow = recipeNamed(app, batch.recipe).keeps === undefined ? Number.POSITIVE_INFINITY : 1;
  const candidates: Candidate[] = [];
  let next: TextPlace | undefined;
  for await (const record of manifest.rows(from)) {
    candidates.push(...candidatesOf(batch, manifest, record, picturesPerRow));
    if (candidates.length < page.limit) continue;
    next = record.next;
    break;
  }
  const considered = await pLimit(LOOKS_AT_ONCE).map(candidates, (candidate) => lookedUp(app, batch, candidate));
  return next === undefined
    ? { candidates: considered }
    : { candidates: considered, after: `${manifest.version}:${next.offset}:${next.line}` };
}

/** Rows are counted from places in the file, which mean nothing once it is another one. */
function placeOf(manifest: Manifest, after: string): TextPlace | undefined | 'changed' {
  if (after === '') return undefined;
  const [version, offset, line] = after.split(':');
  return version === manifest.version ? { offset: Number(offset), line: Number(line) } : 'changed';
}

function candidatesOf(batch: PlannedBatch, manifest: Manifest, record: TextRecord<unknown>, most: number): Candidate[] {
  if ('problem' in record) return [badRow(manifest, record, record.problem, {})];
  const row = manifestRow(record.value);
  if ('problem' in row) return [badRow(manifest, record, row.problem, row.columns)];
  return row.paths.slice(0, most).map((path, index) => {
    const resolved = resolveRowPath(manifest.uri, path);
    if ('problem' in resolved) return badRow(manifest, record, resolved.problem, row.columns);
    const problem = placeProblem(resolved.uri, path, batch.selection);
    if (problem !== undefined) return badRow(manifest, record, problem, row.columns);
    return fileCandidate(row, index, { uri: resolved.uri, line: lineOf(manifest, record) });
  });
}

/** Who may read some folders only may not read through rows what cannot be listed there either. */
function placeProblem(uri: string, path: string, { within, exclude = [] }: Selection): string | undefined {
  if (within === undefined) return undefined;
  if (!isBelow(uri, within)) return `its file ${path} is outside of ${within.join(', ')}`;
  if (!isOpenBelow(uri, within)) return `its file ${path} is hidden`;
  return isBelow(uri, exclude) ? `its file ${path} is of proofsheet itself` : undefined;
}

function fileCandidate(row: ManifestRow, index: number, at: { uri: string; line: string }): Candidate {
  const path = (row.paths[index] ?? '').replace(/^(\.\/)+/, '');
  const name = rowItemName(row, index);
  const { uri, line } = at;
  return { kind: 'candidate', file: { uri, path }, origin: 'manifest', name, columns: row.columns, line };
}

/** A row that names no file stands for the manifest itself, so that it is seen among the items. */
function badRow(
  manifest: Manifest,
  record: TextRecord<unknown>,
  problem: string,
  columns: Record<string, string>,
): Candidate {
  const file = { uri: manifest.uri, path: manifest.name };
  const refusal = { code: 'bad_row' as const, message: `${problem}.` };
  const name = safeName(`${manifest.name} line ${record.line}`);
  return { kind: 'candidate', file, origin: 'manifest', name, columns, refusal, line: lineOf(manifest, record) };
}

function lineOf({ name }: Manifest, { line, lastLine }: TextRecord<unknown>): string {
  return line === lastLine ? `${name}, line ${line}` : `${name}, lines ${line} to ${lastLine}`;
}

/** Size and time of the file, where the selection asks for them. */
async function lookedUp(
  app: Pick<App, 'files' | 'recipes'>,
  batch: PlannedBatch,
  candidate: Candidate,
): Promise<Candidate | Ignored> {
  if (candidate.refusal !== undefined) return candidate;
  if (!needsFacts(batch.selection)) return considerCandidate(app, batch, candidate);
  const { uri, path } = candidate.file;
  const facts = await app.files.list(uri, { recursive: false, limit: 1 }).then(
    ([entry]) => (entry?.uri === uri ? { bytes: entry.bytes, modifiedAt: entry.modifiedAt } : {}),
    (thrown: unknown) => {
      // Reading says what is wrong with it.
      if (thrown instanceof ProofsheetError && thrown.disposition === 'permanent') return {};
      throw thrown;
    },
  );
  return considerCandidate(app, batch, { ...candidate, file: { uri, path, ...facts } });
}
