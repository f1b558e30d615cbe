import type { Batch, Item, ItemSummary, TerminalState } from '../domain/batch.ts';
import { asProofsheetError } from '../domain/errors.ts';
import type { FileRef } from '../domain/model-call.ts';
import type { ItemDetail, Outcome } from '../domain/outcome.ts';
import type { Files } from '../platform/ports.ts';
import { errorLog } from './error-log.ts';
import {
  attemptPath,
  errorLogPath,
  type OutputPath,
  PICTURE_EXTENSIONS,
  referencePath,
  resultPath,
  shippedPicture,
  thumbnailPath,
} from './output-paths.ts';

/** How an item ends, as it is about to be recorded. */
export interface ItemEnd {
  state: TerminalState;
  summary: ItemSummary;
  detail: ItemDetail;
}

/**
 * Writes what an item leaves in the output folder: result or error log, every candidate, pictures for the report. Safe to
 * repeat; what an earlier try of the item left and no longer holds is removed. Called before the item settles, so that a
 * settled item always has its files.
 */
export async function writeItemOutputs(files: Files, batch: Batch, item: Item, settlement: ItemEnd): Promise<void> {
  const { state, summary, detail } = settlement;
  const place = (path: OutputPath) => files.join(batch.outputDir, ...path);
  const copies = picturesOf(item.name, state, detail);
  const work = copies.map(([file, path]) => files.copy(file, place(path)));
  const text = textResult(state, detail.outcome);
  const result = resultPath(item.name, state, detail.outcome);
  if (text !== undefined && result !== undefined) work.push(files.write(place(result), text.content, text.mimeType));
  const logged = leavesLog(state, summary);
  if (logged) work.push(writeErrorLog(files, batch, item, settlement));
  await Promise.all(work);
  // Only an item that was taken before can have left something: sparing the first pass these calls matters on object stores.
  if (item.fence <= 1 && item.epoch === 0) return;
  const kept = [
    ...copies.map(([, path]) => path),
    ...(result ? [result] : []),
    ...(logged ? [errorLogPath(item.name)] : []),
  ];
  await removeLeftovers(files, batch, item, new Set(kept.map(place)));
}

/**
 * The log of an item that was refused at the gate and so never came into the hands of a worker; nothing for any other item.
 */
export async function writeRefusalLog(files: Files, batch: Batch, item: Item): Promise<void> {
  const { state, summary } = item;
  if (state !== 'skipped' || summary === undefined || !leavesLog(state, summary)) return;
  await writeErrorLog(files, batch, item, { state, summary, detail: { steps: [], candidateThumbnails: {} } });
}

async function writeErrorLog(files: Files, batch: Batch, item: Item, end: ItemEnd): Promise<void> {
  const place = files.join(batch.outputDir, ...errorLogPath(item.name));
  await files.write(place, errorLog({ batch, item, ...end }), 'text/plain; charset=utf-8');
}

function leavesLog(state: TerminalState, summary: ItemSummary): boolean {
  if (state === 'skipped') return summary.code !== 'already_done';
  return state === 'failed' || state === 'error';
}

function picturesOf(name: string, state: TerminalState, detail: ItemDetail): [FileRef, OutputPath][] {
  const pictures: [FileRef, OutputPath][] = [];
  const { outcome, reference, referenceThumbnail } = detail;
  const shipped = shippedPicture(outcome);
  const result = resultPath(name, state, outcome);
  if (shipped !== undefined && result !== undefined) pictures.push([shipped, result]);
  for (const attempt of outcome?.attempts ?? []) {
    if (attempt.candidate) pictures.push([attempt.candidate, attemptPath(name, attempt, attempt.candidate)]);
  }
  if (reference?.mimeType.startsWith('image/')) pictures.push([reference, referencePath(reference)]);
  const thumbnails = [
    ...(referenceThumbnail ? [referenceThumbnail] : []),
    ...Object.values(detail.candidateThumbnails),
  ];
  for (const thumbnail of thumbnails) pictures.push([thumbnail, thumbnailPath(thumbnail.sha256)]);
  return pictures;
}

function textResult(
  state: TerminalState,
  outcome: Outcome | undefined,
): { content: string; mimeType: string } | undefined {
  const result = outcome?.result;
  if (state !== 'passed' || result == null || result.kind === 'image') return undefined;
  if (result.kind === 'text') return { content: result.text, mimeType: 'text/plain; charset=utf-8' };
  return { content: `${JSON.stringify(result.value, null, 2) ?? 'null'}\n`, mimeType: 'application/json' };
}

async function removeLeftovers(files: Files, batch: Batch, item: Item, kept: ReadonlySet<string>): Promise<void> {
  const { name } = item;
  const candidates: OutputPath[] = [
    errorLogPath(name),
    ...PICTURE_EXTENSIONS.map((extension) => ['failed', `${name}_best.${extension}`]),
    ...['txt', 'json', ...PICTURE_EXTENSIONS].map((extension) => ['successful', `${name}_result.${extension}`]),
  ];
  const places = candidates.map((path) => files.join(batch.outputDir, ...path));
  places.push(...(await attemptsOf(files, batch, name)));
  await Promise.all(places.filter((uri) => !kept.has(uri)).map((uri) => files.remove(uri)));
}

async function attemptsOf(files: Files, batch: Batch, name: string): Promise<string[]> {
  try {
    const folder = files.join(batch.outputDir, 'attempts', name);
    const entries = await files.list(folder, { recursive: false, limit: 1000 });
    return entries.map((entry) => entry.uri);
  } catch (error) {
    if (asProofsheetError(error).code === 'file_missing') return [];
    throw error;
  }
}
