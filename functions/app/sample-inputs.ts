import pLimit from 'p-limit';
import type { Selection } from '../domain/batch.ts';
import type { InputCursor } from '../domain/message.ts';
import { hashOf } from '../lib/hash.ts';
import { smallestOf } from '../lib/smallest.ts';
import type { App } from './app.ts';
import { candidatePage } from './candidate-page.ts';
import { badRowOf, type Candidate, considerContent, type PlannedBatch } from './consider-entry.ts';

type Sample = NonNullable<Selection['sample']>;

const RANK_DIGITS = 12;
const READS_AT_ONCE = 8;

/**
 * A sample are the inputs with the smallest hashes. So it does not depend on the order of listing, and the inputs are listed
 * twice instead of being held: first to find the last hash that is taken, then to take. To find it, only what would be among
 * the smallest so far is read, since what is no picture is no part of a sample. One page of the first listing; the cursor
 * behind its last page begins the second.
 */
export async function rankPage(
  app: Pick<App, 'files' | 'recipes' | 'limits'>,
  batch: PlannedBatch,
  sample: Sample,
  cursor: InputCursor,
): Promise<InputCursor> {
  const known = ranksIn(cursor.sample !== undefined && 'best' in cursor.sample ? cursor.sample.best : '');
  if (cursor.input >= batch.inputs.length) {
    const last = (known.length < sample.size ? undefined : known.at(-1)) ?? 'f'.repeat(RANK_DIGITS);
    return { input: 0, after: '', sample: { last } };
  }
  const { candidates, next } = await candidatePage(app, batch, cursor, app.limits.pageSize);
  const best = smallestOf(sample.size, known);
  await pLimit(READS_AT_ONCE).map(candidates, async (candidate) => {
    if (candidate.kind === 'ignored') return;
    const rank = rankOf(sample, candidate);
    if (!best.admits(rank)) return;
    const considered = await considerContent(app, batch, candidate);
    if (considered.kind === 'item') best.add(rank);
  });
  return { ...next, sample: { best: best.all().join('') } };
}

/** True once it is known which inputs a sample takes. */
export function isSampleChosen({ sample }: InputCursor): boolean {
  return sample !== undefined && 'last' in sample;
}

/** True for inputs of the sample, once it is chosen. */
export function isInSample(sample: Sample, cursor: InputCursor, candidate: Candidate): boolean {
  return cursor.sample !== undefined && 'last' in cursor.sample && rankOf(sample, candidate) <= cursor.sample.last;
}

function ranksIn(joined: string): string[] {
  return Array.from({ length: joined.length / RANK_DIGITS }, (_, n) =>
    joined.slice(n * RANK_DIGITS, (n + 1) * RANK_DIGITS),
  );
}

function rankOf({ seed }: Sample, candidate: Candidate): string {
  const { file, columns } = candidate;
  const row = badRowOf(candidate);
  return hashOf({ seed, source: file.uri, columns, ...(row !== undefined && { row }) }).slice(0, RANK_DIGITS);
}
