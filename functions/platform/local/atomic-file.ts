import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { copyFile, link, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { FileContent } from '../ports.ts';
import { systemCode, writeError } from './disk-errors.ts';

/** Files that appear whole or not at all. Errors: storage; what a content stream throws comes through as it is. */
export interface AtomicFiles {
  /** Calls `fill` with the path of a temporary file that does not exist yet and moves it to its place. */
  replace(path: string, fill: (temporary: string) => Promise<void>): Promise<void>;
  /** As `replace`, but false if the place is taken. */
  createOnce(path: string, fill: (temporary: string) => Promise<void>): Promise<boolean>;
}

const LEFTOVER = /^\.proofsheet-[0-9a-f]{16}\.tmp$/;
const LEFTOVER_AGE_MS = 3_600_000;
const MOST_REMEMBERED = 10_000;
const WRITE_BYTES = 65_536;

// Numbers instead of FileHandles, so that a file can be closed without another turn through the thread pool.
const open = promisify(fs.open);
const writeAll: (fd: number, content: string | Uint8Array) => Promise<void> = promisify(fs.writeFile);
const datasync = promisify(fs.fdatasync);
const sync = promisify(fs.fsync);

/** Makes folders as needed; on the first write to a folder, leftovers of killed processes in it are swept. */
export function atomicFiles(): AtomicFiles {
  const swept = new Set<string>();
  /** False if the folder was there. */
  async function prepare(folder: string): Promise<boolean> {
    const created = await mkdir(folder, { recursive: true });
    if (created !== undefined) await syncFolder(dirname(created));
    if (swept.has(folder)) return created !== undefined;
    if (swept.size >= MOST_REMEMBERED) swept.clear();
    swept.add(folder);
    if (created === undefined) await sweepLeftovers(folder);
    return created !== undefined;
  }
  /** Folders of results may be removed while a server runs; looking each time would cost as much as the write. */
  async function fillIn(folder: string, temporary: string, fill: (temporary: string) => Promise<void>): Promise<void> {
    if (!swept.has(folder)) await prepare(folder);
    try {
      await fill(temporary);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' || !(await prepare(folder))) throw error;
      await fill(temporary);
    }
  }
  async function place<T>(path: string, fill: (temporary: string) => Promise<void>, move: Move<T>): Promise<T> {
    const folder = dirname(path);
    const temporary = join(folder, `.proofsheet-${randomBytes(8).toString('hex')}.tmp`);
    try {
      await fillIn(folder, temporary, fill);
      return await move(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw writeError(error, path);
    }
  }
  return {
    replace: (path, fill) => place(path, fill, rename),
    createOnce: (path, fill) => place(path, fill, linkOnce),
  };
}

type Move<T> = (from: string, to: string) => Promise<T>;

/** Writes a new file and forces it to the disk, so that after a power cut its name never stands for half of it. */
export async function writeNew(path: string, content: FileContent): Promise<void> {
  const fd = await open(path, 'wx', 0o644);
  try {
    if (typeof content === 'string' || content instanceof Uint8Array) await writeAll(fd, content);
    else await writeChunks(fd, content);
    await datasync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Forces names in a folder to the disk. */
export async function syncFolder(folder: string): Promise<void> {
  const fd = fs.openSync(folder, fs.constants.O_RDONLY);
  try {
    await sync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Small pieces are gathered: one write per line of a large report would take most of its time. */
async function writeChunks(fd: number, content: AsyncIterable<string | Uint8Array>): Promise<void> {
  let gathered: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of content) {
    const piece = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    gathered.push(piece);
    bytes += piece.byteLength;
    if (bytes < WRITE_BYTES) continue;
    await writeAll(fd, Buffer.concat(gathered));
    gathered = [];
    bytes = 0;
  }
  await writeAll(fd, Buffer.concat(gathered));
}

async function sweepLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder);
  const oldest = Date.now() - LEFTOVER_AGE_MS;
  for (const name of names.filter((entry) => LEFTOVER.test(entry))) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && found.mtimeMs < oldest) await rm(path, { force: true });
  }
}

async function linkOnce(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') return removed(temporary, false);
    // Without hard links (FAT, some network drives) a copy that refuses to replace is the next best.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'ENOSYS') throw error;
    try {
      await copyFile(temporary, path, fs.constants.COPYFILE_EXCL);
    } catch (failure) {
      if (systemCode(failure) === 'EEXIST') return removed(temporary, false);
      throw failure;
    }
  }
  return removed(temporary, true);
}

async function removed(temporary: string, created: boolean): Promise<boolean> {
  await rm(temporary, { force: true });
  return created;
}
