import * as fs from 'node:fs';
import { copyFile, readFile, rm, stat } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { promisify } from 'node:util';
import { ProofsheetError } from '../../domain/errors.ts';
import type { FileRef } from '../../domain/model-call.ts';
import { contentHash, sha256 } from '../../lib/hash.ts';
import type { Files } from '../ports.ts';
import { atomicFiles, syncFolder, writeNew } from './atomic-file.ts';
import type { DiskBounds } from './disk-bounds.ts';
import { isPassing, readError, systemCode, writeError } from './disk-errors.ts';
import { diskListing } from './disk-listing.ts';
import { type RecentBytes, recentBytes } from './recent-bytes.ts';

// Numbers instead of FileHandles, so that looking at an open file and closing it need no turn through the thread pool.
const open = promisify(fs.open);
const read = promisify(fs.read);

const RECENT_BYTES = 16 * 1024 * 1024;

/** Endings of stored objects, for people who look into the folder. */
const ENDINGS: Readonly<Record<string, string>> = {
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/heic': 'heic',
  'image/heif': 'heif',
  'image/avif': 'avif',
  'application/pdf': 'pdf',
  'application/json': 'json',
  'text/plain': 'txt',
};
const OTHER_ENDING = 'bin';

/**
 * Files of this machine. Objects are kept below `home` under the hash of their bytes and are on the disk before `put`
 * resolves, because the journal refers to them; so is what `create` makes. Results of `write` are never half, but the
 * newest may be missing after a power cut, and copies may have to be made again.
 */
export function diskFiles({ home, bounds }: { home: string; bounds?: DiskBounds }): Files {
  const files = atomicFiles();
  const within = async (path: string): Promise<string> => {
    await bounds?.check(path);
    return path;
  };
  const objects = resolve(home, 'objects');
  const recent = recentBytes(RECENT_BYTES);
  return {
    list: diskList(within, bounds),
    async read(uri, { maxBytes }) {
      const path = await within(localPath(uri));
      const { bytes, version } = await readBounded(path, maxBytes);
      recent.offer(path, bytes, version);
      return bytes;
    },
    readPart: async (uri, { start, maxBytes }) =>
      withFile(await within(localPath(uri)), (fd, { size }) =>
        readOut(fd, start, Math.min(maxBytes, Math.max(0, size - start))),
      ),
    async write(uri, content) {
      await files.replace(localPath(uri), (temporary) => writeNew(temporary, content));
    },
    async create(uri, content) {
      const path = localPath(uri);
      const created = await files.createOnce(path, (temporary) => writeNew(temporary, content));
      await syncFolder(dirname(path));
      return created;
    },
    async put(bytes, mimeType, size) {
      const file: FileRef = { sha256: sha256(bytes), mimeType, bytes: bytes.byteLength, ...size };
      const path = objectPath(objects, file);
      if (objectSize(path) === file.bytes) return file;
      // Two writers of one object write the same bytes, so it does not matter whose stay.
      await files.replace(path, (temporary) => writeNew(temporary, bytes));
      await syncFolder(dirname(path));
      return file;
    },
    has: async (digest) =>
      [...Object.values(ENDINGS), OTHER_ENDING].some((ending) => isStored(objects, digest, ending)),
    open: (file) => openFile(objects, recent, file, within),
    async copy(file, uri) {
      const to = localPath(uri);
      // Rendering the results of a large batch again must not write all its pictures again.
      if (await holds(to, file)) return;
      if (file.uri !== undefined) {
        const bytes = await openFile(objects, recent, file, within);
        return await files.replace(to, (temporary) => writeNew(temporary, bytes));
      }
      const from = objectPath(objects, file);
      if (objectSize(from) !== file.bytes) throw missingObject(from, undefined);
      await files.replace(to, (temporary) => copyFile(from, temporary, fs.constants.COPYFILE_FICLONE));
    },
    async remove(uri) {
      const path = localPath(uri);
      await rm(path, { force: true }).catch((error: unknown) => {
        if (systemCode(error) !== 'ENOTDIR') throw writeError(error, path);
      });
    },
    join: (base, ...names) => joinBelow(base, names),
  };
}

type Within = (path: string) => Promise<string>;

function diskList(within: Within, bounds: DiskBounds | undefined): Files['list'] {
  const list = diskListing(bounds);
  return async (root, page) => list(await within(localPath(root)), page);
}

function localPath(uri: string): string {
  if (!uri.startsWith('gs://')) return resolve(uri);
  throw new ProofsheetError('usage', `${uri} is in a bucket, which is out of reach here; give a path of this machine.`);
}

function objectPath(objects: string, file: FileRef): string {
  return pathOf(objects, file.sha256, ENDINGS[file.mimeType] ?? OTHER_ENDING);
}

function pathOf(objects: string, digest: string, ending: string): string {
  return resolve(objects, digest.slice(0, 2), `${digest}.${ending}`);
}

function isStored(objects: string, digest: string, ending: string): boolean {
  return objectSize(pathOf(objects, digest, ending)) !== undefined;
}

/** At once: the state folder is on this machine, and a turn through the thread pool costs ten times the look. */
function objectSize(path: string): number | undefined {
  return fs.statSync(path, { throwIfNoEntry: false })?.size;
}

async function openFile(objects: string, recent: RecentBytes, file: FileRef, within: Within): Promise<Uint8Array> {
  if (file.uri === undefined) return await readObject(objects, file);
  const path = await within(localPath(file.uri));
  const known = recent.find(path, versionAt(path));
  if (known !== undefined && contentHash(known) === file.sha256) return known;
  const { bytes, version } = await readBounded(path, file.bytes).catch((error: unknown) => {
    if (error instanceof ProofsheetError && error.code === 'file_too_large') throw changedSource(file.uri);
    throw error;
  });
  if (contentHash(bytes) !== file.sha256) throw changedSource(file.uri);
  recent.keep(path, bytes, version);
  return bytes;
}

function changedSource(uri: string | undefined): ProofsheetError {
  return new ProofsheetError(
    'source_changed',
    `${uri} changed while it was in work; run again to take the new version.`,
  );
}

async function sizeOf(path: string): Promise<number | undefined> {
  return await stat(path).then(
    (found) => found.size,
    () => undefined,
  );
}

async function holds(path: string, file: FileRef): Promise<boolean> {
  if ((await sizeOf(path)) !== file.bytes) return false;
  return await readFile(path).then(
    (bytes) => sha256(bytes) === file.sha256,
    () => false,
  );
}

interface ReadFile {
  bytes: Uint8Array;
  version: string;
}

async function readBounded(path: string, maxBytes: number): Promise<ReadFile> {
  return await withFile(path, async (fd, stats) => {
    if (stats.size > maxBytes) throw tooLarge(path, stats.size, maxBytes);
    return { bytes: await readOut(fd, 0, stats.size), version: versionOf(stats) };
  });
}

/** Differs when a file was written or replaced, as far as the file system's clock can tell. */
function versionOf({ ino, size, mtimeMs, ctimeMs }: fs.Stats): string {
  return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
}

/** Undefined where the file cannot be looked at, which reading it will explain. At once, for the reason of `objectSize`. */
function versionAt(path: string): string | undefined {
  try {
    return versionOf(fs.statSync(path));
  } catch {
    return undefined;
  }
}

async function withFile<T>(path: string, work: (fd: number, stats: fs.Stats) => Promise<T>): Promise<T> {
  try {
    // Without waiting: a pipe or device in the place of a file must not stop the process.
    const fd = await open(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    try {
      const stats = fs.fstatSync(fd);
      if (!stats.isFile()) throw new ProofsheetError('unreadable_file', `${path} is not a regular file.`);
      return await work(fd, stats);
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    throw readError(error, path);
  }
}

/** Bytes of an open file; fewer if it became shorter. */
async function readOut(fd: number, start: number, size: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await read(fd, bytes, filled, size - filled, start + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

function tooLarge(path: string, bytes: number, maxBytes: number): ProofsheetError {
  return new ProofsheetError(
    'file_too_large',
    `${path} has ${bytes} bytes, ${maxBytes} are allowed; raise --max-file-size or shrink it.`,
  );
}

async function readObject(objects: string, file: FileRef): Promise<Uint8Array> {
  const path = objectPath(objects, file);
  const { bytes } = await readBounded(path, file.bytes).catch((error: unknown) => {
    throw isPassing(error) ? readError(error, path) : missingObject(path, error);
  });
  if (bytes.byteLength !== file.bytes) throw missingObject(path, undefined);
  return bytes;
}

function missingObject(path: string, cause: unknown): ProofsheetError {
  return new ProofsheetError(
    'storage',
    `The stored object ${path} is missing or damaged; restore the state folder or run again with --force.`,
    { cause },
  );
}

function joinBelow(base: string, names: readonly string[]): string {
  const root = localPath(base);
  const path = resolve(root, ...names);
  const isBelow = path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
  if (isBelow && !path.includes('\0')) return path;
  throw new ProofsheetError('usage', `The name ${JSON.stringify(names.join('/'))} leads out of ${root}; rename it.`);
}
