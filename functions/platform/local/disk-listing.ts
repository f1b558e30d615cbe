import type { Dirent, Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { ProofsheetError } from '../../domain/errors.ts';
import type { FileEntry } from '../ports.ts';
import type { DiskBounds } from './disk-bounds.ts';
import { readError, systemCode } from './disk-errors.ts';

/** An entry of a folder. Folders end in `/`, so that sorting by key sorts whole trees by path. */
interface Child {
  key: string;
  isFolder: boolean;
  problem?: FileEntry['problem'];
}
interface Listing {
  children: Child[];
  /** The folder's change when it was read. */
  changedAt: number;
  folder: string;
}
interface Walk {
  after: string;
  limit: number;
  recursive: boolean;
  found: FileEntry[];
}

/** From this many entries on a folder is kept in memory for the next page. */
const LARGE_FOLDER = 2000;
/** A folder that changed just before it was read can change again within the same tick of its time stamp. */
const SETTLED_MS = 2000;
const LOOKS_AT_ONCE = 64;
/** A file that was left alone for this long is taken for whole. */
const GROWING_MS = 2000;

/**
 * Lists regular files page by page in order of their path, without hidden ones. Links are followed, save those to a folder
 * that is being listed and those that lead out of the bounds. What cannot be looked at is an entry with a `problem`; an
 * unreadable folder's URI ends in `/`.
 */
export function diskListing(
  bounds?: DiskBounds,
): (root: string, page: { recursive: boolean; after?: string; limit: number }) => Promise<FileEntry[]> {
  let kept: Listing | undefined;

  /** The last large folder is kept, so that paging through it does not read and sort it for every page. */
  async function childrenOf(folder: string): Promise<Child[]> {
    const { mtimeMs } = await stat(folder);
    if (kept?.folder === folder && kept.changedAt === mtimeMs) return kept.children;
    const readAt = Date.now();
    const children = await readChildren(folder, bounds);
    if (children.length >= LARGE_FOLDER && readAt - mtimeMs > SETTLED_MS) {
      kept = { folder, changedAt: mtimeMs, children };
    }
    return children;
  }

  async function walkFolder(walk: Walk, folder: string, path: string, parents: readonly string[]): Promise<void> {
    const prefix = `${folder === '/' ? '' : folder}/`;
    let children: Child[];
    try {
      const real = await realpath(folder);
      if (parents.includes(real)) return;
      children = await childrenOf(folder);
      const rest = restOf(walk.after, prefix);
      if (rest === undefined) return;
      const ahead = children.filter((child) => isAhead(child, rest, walk.recursive));
      for (let start = 0; start < ahead.length && walk.found.length < walk.limit; ) {
        start += await takeRun(walk, ahead, start, { prefix, path, parents: [...parents, real] });
      }
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
      // Gone since its parent was read; the root itself has been looked at before.
      if (systemCode(error) === 'ENOENT') return;
      if (prefix > walk.after) walk.found.push(problemEntry(prefix, `${path}/`, 'unreadable_file'));
    }
  }

  /** The folder at `start`, or the run of files there, looked at together. Gives how many children were dealt with. */
  async function takeRun(
    walk: Walk,
    children: readonly Child[],
    start: number,
    at: { prefix: string; path: string; parents: readonly string[] },
  ): Promise<number> {
    const below = (name: string): string => (at.path === '' ? name : `${at.path}/${name}`);
    const first = children[start];
    if (first?.isFolder) {
      const name = first.key.slice(0, -1);
      await walkFolder(walk, at.prefix + name, below(name), at.parents);
      return 1;
    }
    const folderAt = children.findIndex((child, index) => index > start && child.isFolder);
    const most = Math.min(LOOKS_AT_ONCE, walk.limit - walk.found.length);
    const run = children.slice(start, Math.min(folderAt === -1 ? children.length : folderAt, start + most));
    const entries = await Promise.all(run.map((child) => lookAt(child, at.prefix + child.key, below(child.key))));
    for (const entry of entries) if (entry !== undefined) walk.found.push(entry);
    return run.length;
  }

  return async (root, page) => {
    const walk: Walk = { after: page.after ?? '', limit: page.limit, recursive: page.recursive, found: [] };
    const stats = await statRoot(root);
    if (!stats.isDirectory()) {
      if (!stats.isFile()) throw new ProofsheetError('unreadable_file', `${root} is neither a file nor a folder.`);
      return root > walk.after ? [{ uri: root, path: basename(root), ...factsOf(root, stats) }] : [];
    }
    await walkFolder(walk, root, '', []);
    return walk.found;
  };
}

async function statRoot(root: string): Promise<Stats> {
  try {
    return await stat(root);
  } catch (error) {
    throw readError(error, root);
  }
}

/** The part of the cursor below a prefix: '' when all is ahead, undefined when all is behind. */
function restOf(after: string, prefix: string): string | undefined {
  if (after.startsWith(prefix)) return after.slice(prefix.length);
  return after < prefix ? '' : undefined;
}

function isAhead(child: Child, rest: string, recursive: boolean): boolean {
  if (child.isFolder) return recursive && (child.key > rest || rest.startsWith(child.key));
  return child.key > rest;
}

async function readChildren(folder: string, bounds: DiskBounds | undefined): Promise<Child[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const children: Child[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const child = entry.isSymbolicLink() ? await linkedChild(folder, entry, bounds) : plainChild(entry);
    if (child !== undefined) children.push(child);
  }
  return children.sort((a, b) => (a.key < b.key ? -1 : 1));
}

function plainChild(entry: Dirent): Child | undefined {
  if (entry.isDirectory()) return { key: `${entry.name}/`, isFolder: true };
  return entry.isFile() ? { key: entry.name, isFolder: false } : undefined;
}

async function linkedChild(folder: string, entry: Dirent, bounds: DiskBounds | undefined): Promise<Child | undefined> {
  const link = `${folder}/${entry.name}`;
  try {
    if (bounds !== undefined && !bounds.permits(link, await realpath(link))) {
      return { key: entry.name, isFolder: false, problem: 'unreadable_file' };
    }
    const target = await stat(link);
    if (target.isDirectory()) return { key: `${entry.name}/`, isFolder: true };
    return target.isFile() ? { key: entry.name, isFolder: false } : undefined;
  } catch (error) {
    // A link in a circle has no target; it stands for nothing that could be missed.
    if (systemCode(error) === 'ELOOP') return undefined;
    return { key: entry.name, isFolder: false, problem: problemOf(error) };
  }
}

async function lookAt(child: Child, uri: string, path: string): Promise<FileEntry | undefined> {
  if (child.problem !== undefined) return problemEntry(uri, path, child.problem);
  try {
    return { uri, path, ...factsOf(uri, await stat(uri)) };
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    // Bytes that are no UTF-8 were replaced in the name, which therefore leads nowhere.
    return problemEntry(uri, path, uri.includes('\uFFFD') ? 'unreadable_file' : problemOf(error));
  }
}

/** A file that was moved here keeps the time of its content; only the time of its inode says since when it is here. */
function factsOf(uri: string, { size, mtimeMs, ctimeMs }: Stats): Omit<FileEntry, 'uri' | 'path'> {
  const version = { id: `${uri}#${mtimeMs}-${size}`, uri, createdAt: Math.floor(ctimeMs) };
  const isGrowing = Date.now() - mtimeMs < GROWING_MS;
  return { bytes: size, modifiedAt: Math.floor(mtimeMs), version, ...(isGrowing && { isGrowing }) };
}

function problemEntry(uri: string, path: string, problem: NonNullable<FileEntry['problem']>): FileEntry {
  return { uri, path, bytes: 0, modifiedAt: 0, problem };
}

function problemOf(error: unknown): 'file_missing' | 'unreadable_file' {
  return systemCode(error) === 'ENOENT' ? 'file_missing' : 'unreadable_file';
}
