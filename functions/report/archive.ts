import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { ZipFile } from 'yazl';
import type { Batch } from '../domain/batch.ts';
import type { FileEntry, Files } from '../platform/ports.ts';

/** Read at a time, so that no file is in memory as a whole. */
const PART_BYTES = 1_000_000;
const PAGE = 500;
/** Deflate would only warm the machine. */
const COMPRESSED = /\.(png|jpe?g|webp|gif|avif|pdf)$/i;
const MODE = 0o100_644;
const TYPES = { zip: 'application/zip', tar: 'application/x-tar' } as const;

/** An archive that a batch was to be put into, beside its results. */
export function archiveUri(files: Pick<Files, 'join'>, { archive, outputDir }: Batch): string | undefined {
  return archive === 'none' ? undefined : files.join(outputDir, `archive.${archive}`);
}

/**
 * Puts everything in a batch's output folder into one archive there, streamed from file to file. The same results give the same bytes:
 * files stand in order of their names, with the time of the batch's start and the rights of an ordinary file.
 */
export async function writeArchive(files: Files, batch: Batch): Promise<void> {
  const uri = archiveUri(files, batch);
  if (uri === undefined || batch.archive === 'none') return;
  const pieces = batch.archive === 'zip' ? zipOf(files, batch) : tarOf(files, batch);
  await files.write(uri, pieces, TYPES[batch.archive]);
}

/** Yields as the output is taken, so that a slow store slows the reading down. */
async function* zipOf(files: Files, batch: Batch): AsyncGenerator<Uint8Array> {
  const zip = new ZipFile();
  // A zip holds local times without a zone: shifted, so that they read as UTC wherever it was made.
  const at = new Date(batch.createdAt);
  const mtime = new Date(batch.createdAt + at.getTimezoneOffset() * 60_000);
  const output = zip.outputStream;
  const adding = (async () => {
    for await (const entry of entriesOf(files, batch)) {
      const options = { mtime, mode: MODE, compress: !COMPRESSED.test(entry.path), forceDosTimestamp: true };
      await new Promise<void>((resolve, reject) => {
        zip.addReadStreamLazy(entry.path, options, (give) => {
          const content = Readable.from(partsOf(files, entry));
          content.once('end', resolve).once('error', reject);
          give(null, content);
        });
      });
    }
    zip.end();
  })();
  adding.catch((error) => Readable.prototype.destroy.call(output, error));
  for await (const piece of output) yield Buffer.from(piece);
  await adding;
}

async function* tarOf(files: Files, batch: Batch): AsyncGenerator<Uint8Array> {
  const tar = pack();
  const mtime = new Date(Math.floor(batch.createdAt / 1000) * 1000);
  const adding = (async () => {
    for await (const { path, bytes, ...entry } of entriesOf(files, batch)) {
      const header = { name: path, size: bytes, mode: 0o644, mtime, uname: '', gname: '', uid: 0, gid: 0 };
      await new Promise<void>((resolve, reject) => {
        const sink = tar.entry(header, (error) => (error ? reject(error) : resolve()));
        Readable.from(partsOf(files, { path, bytes, ...entry }))
          .once('error', reject)
          .pipe(sink);
      });
    }
    tar.finalize();
  })();
  adding.catch((error: Error) => tar.destroy(error));
  for await (const piece of tar) yield Buffer.from(piece as Uint8Array);
  await adding;
}

/** In order of their names; archives, this one or those of an earlier end, are left out. */
async function* entriesOf(files: Files, { outputDir }: Batch): AsyncGenerator<FileEntry> {
  for (let after: string | undefined; ; ) {
    const page = await files.list(outputDir, { recursive: true, limit: PAGE, ...(after !== undefined && { after }) });
    for (const entry of page) {
      if (!/^archive\.(zip|tar)$/.test(entry.path)) yield entry;
    }
    after = page.at(-1)?.uri;
    if (after === undefined || page.length < PAGE) return;
  }
}

async function* partsOf(files: Files, { uri, bytes }: FileEntry): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes; ) {
    const part = await files.readPart(uri, { start, maxBytes: Math.min(PART_BYTES, bytes - start) });
    if (part.byteLength === 0) throw new Error(`${uri} became shorter while it was put into the archive.`);
    yield part;
    start += part.byteLength;
  }
}
