import type { Item } from '../domain/batch.ts';
import { scriptJson } from './safe-text.ts';

/** What a person said of an item, as the page takes it: id, decision (empty without one), note. */
export type ReviewRecord = [id: string, decision: string, note: string];

export function reviewRecords({ id, review }: Item): ReviewRecord[] {
  return review === undefined ? [] : [[id, review.decision ?? '', review.note]];
}

/** All reviews as one script beside the page: people make them, so they are few. */
export function reviewsScript(records: readonly ReviewRecord[]): string {
  return `proofsheet.receive('reviews',0,[\n${records.map(scriptJson).join(',\n')}\n]);\n`;
}
