import pLimit from 'p-limit';
import type { Batch } from '../domain/batch.ts';
import { dropItemId } from '../domain/drop.ts';
import type { ErrorCode } from '../domain/errors.ts';
import type { FileEntry, FileVersion } from '../platform/ports.ts';
import type { App } from './app.ts';
import { type Considered, candidateFrom, considerContent } from './consider-entry.ts';

/** A listed file whose version is known. */
export type VersionedEntry = FileEntry & { version: FileVersion };

/** A version that went away before it could be read is no item; what took its place is another. */
const GONE: readonly ErrorCode[] = ['source_changed', 'file_missing'];
const READS_AT_ONCE = 8;

/** Looks at versions of files in a drop: each is one item, read as it is, unless proofsheet itself made its bytes. */
export async function considerVersions(
  app: Pick<App, 'files' | 'recipes'>,
  batch: Batch,
  entries: readonly VersionedEntry[],
): Promise<Considered[]> {
  return await pLimit(READS_AT_ONCE).map(entries, (entry) => considerVersion(app, batch, entry));
}

async function considerVersion(
  app: Pick<App, 'files' | 'recipes'>,
  batch: Batch,
  entry: VersionedEntry,
): Promise<Considered> {
  const root = { root: batch.inputs[0] ?? '' };
  const candidate = candidateFrom(app, batch, root, { ...entry, uri: entry.version.uri });
  if (candidate.kind === 'ignored') return candidate;
  const considered = await considerContent(app, batch, candidate);
  if (considered.kind === 'ignored') return considered;
  const { item } = considered;
  if (item.refusal && GONE.includes(item.refusal.code)) {
    return { kind: 'ignored', reason: 'gone or replaced before it was taken' };
  }
  if (!item.refusal && (await app.files.has(item.contentHash))) {
    return { kind: 'ignored', reason: 'made by proofsheet' };
  }
  return { kind: 'item', item: { ...item, id: dropItemId(entry.version.id) } };
}
