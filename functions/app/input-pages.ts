import pLimit from 'p-limit';
import type { InputCursor } from '../domain/message.ts';
import type { App } from './app.ts';
import { candidatePage } from './candidate-page.ts';
import { type Candidate, type Considered, considerContent, type Ignored, type PlannedBatch } from './consider-entry.ts';
import { isInSample, isSampleChosen, rankPage } from './sample-inputs.ts';

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
  const { sample, limit = Number.POSITIVE_INFINITY } = batch.selection;
  if (sample !== undefined && !isSampleChosen(cursor)) {
    return { considered: [], next: await rankPage(app, batch, sample, cursor) };
  }
  const taken = cursor.taken ?? 0;
  const room = limit - taken;
  if (cursor.input >= batch.inputs.length || room <= 0) return undefined;
  const isFirst = cursor.input === 0 && cursor.after === '';
  const length = Math.min(app.limits.pageSize, isFirst ? FIRST_PAGE : Math.max(FIRST_PAGE, room));
  const { candidates, next } = await candidatePage(app, batch, cursor, length);
  const wanted = candidates.map((candidate): Candidate | Ignored =>
    candidate.kind === 'ignored' || sample === undefined || isInSample(sample, cursor, candidate)
      ? candidate
      : { kind: 'ignored', reason: 'not in the sample' },
  );
  const considered = await considerUpTo(app, batch, wanted, room);
  const ignored = withIgnored(cursor.ignored ?? {}, considered);
  return { considered, next: { ...next, ignored, taken: taken + considered.filter(isItem).length } };
}

/** What was left aside, by reason, once all is listed and has come to so many items. */
export function leftAside({ ignored = {}, taken = 0 }: InputCursor, items: number): Record<string, number> {
  return taken > items ? { ...ignored, 'listed more than once': taken - items } : ignored;
}

/** Reads the candidates, a few at a time, until so many of them are items. */
async function considerUpTo(
  app: Pick<App, 'files' | 'recipes'>,
  batch: PlannedBatch,
  candidates: readonly (Candidate | Ignored)[],
  room: number,
): Promise<Considered[]> {
  const considered: Considered[] = [];
  const step = room < candidates.length ? READS_AT_ONCE : candidates.length;
  let items = 0;
  for (let at = 0; at < candidates.length && items < room; at += step) {
    const read = await pLimit(READS_AT_ONCE).map(candidates.slice(at, at + step), (candidate) =>
      candidate.kind === 'ignored' ? candidate : considerContent(app, batch, candidate),
    );
    for (const entry of read) {
      if (items === room) break;
      considered.push(entry);
      if (isItem(entry)) items += 1;
    }
  }
  return considered;
}

function isItem(considered: Considered): boolean {
  return considered.kind === 'item';
}

function withIgnored(before: Record<string, number>, considered: readonly Considered[]): Record<string, number> {
  const counts = { ...before };
  for (const entry of considered) {
    if (entry.kind === 'ignored') counts[entry.reason] = (counts[entry.reason] ?? 0) + 1;
  }
  return counts;
}
