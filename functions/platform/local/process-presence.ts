import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { ProofsheetError } from '../../domain/errors.ts';
import { isBusy, storageError } from './sqlite-errors.ts';

/** Tells living from dead processes that share a state folder, without process ids, which are used again. */
export interface Presence {
  /** Of this process; never used again. */
  readonly id: string;
  /** False only for certain; the answer may be a second old. */
  isAlive(id: string): boolean;
  /** From now on others see this process as dead. */
  leave(): void;
}

const ENDING = '.lock';
const ALIVE_ANSWER_MS = 1000;
const MOST_TRIES = 100;

/** Keeps locks from garbage collection, which would drop them: a lock lasts as long as the process or until `leave`. */
const heldLocks = new Set<DatabaseSync>();

/**
 * Joins the processes of a state folder: an exclusive lock on a file of its own, which the operating system drops when
 * the process ends in any way.
 */
export function processPresence(home: string): Presence {
  const folder = join(home, 'processes');
  const own = takeLock(folder);
  removeLeftovers(folder, own.id);
  const dead = new Set<string>();
  const seenAlive = new Map<string, number>();
  return {
    id: own.id,
    isAlive(id) {
      // Its own file is never opened a second time: closing that would drop the lock (POSIX).
      if (id === own.id) return true;
      if (dead.has(id)) return false;
      const now = performance.now();
      if (now - (seenAlive.get(id) ?? Number.NEGATIVE_INFINITY) < ALIVE_ANSWER_MS) return true;
      if (isLocked(lockPath(folder, id))) {
        seenAlive.set(id, now);
        return true;
      }
      seenAlive.delete(id);
      dead.add(id);
      return false;
    },
    leave() {
      if (!own.lock.isOpen) return;
      rmSync(own.path, { force: true });
      own.lock.close();
      heldLocks.delete(own.lock);
    },
  };
}

function lockPath(folder: string, id: string): string {
  return join(folder, id + ENDING);
}

function takeLock(folder: string): { id: string; path: string; lock: DatabaseSync } {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const id = randomBytes(8).toString('hex');
    const path = lockPath(folder, id);
    const lock = openLock(path);
    // Between creation and lock another process may have taken the file for a leftover: then it is locked or gone.
    if (lockExclusively(lock) && existsSync(path)) {
      heldLocks.add(lock);
      return { id, path, lock };
    }
    lock.close();
  }
  throw new ProofsheetError('storage', `No lock could be taken in ${folder}; check its permissions and file system.`);
}

function openLock(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: 0 });
  } catch (error) {
    throw storageError(error, path);
  }
}

function lockExclusively(lock: DatabaseSync): boolean {
  try {
    // Nothing is ever written, so there shall be no journal file that a killed process leaves behind.
    lock.exec('PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    throw error;
  }
}

/** Files of processes that were killed and that nobody asks for. */
function removeLeftovers(folder: string, ownId: string): void {
  for (const name of readdirSync(folder)) {
    const id = basename(name, ENDING);
    if (name.endsWith(ENDING) && id !== ownId) isLocked(lockPath(folder, id));
  }
}

/** Looks with a shared lock, so that two who look do not see each other; removes the file of a dead process. */
function isLocked(path: string): boolean {
  if (!existsSync(path)) return false;
  let probe: DatabaseSync;
  try {
    // `mode=rw` never creates the file.
    probe = new DatabaseSync(`${pathToFileURL(path).href}?mode=rw`, { timeout: 0 });
  } catch (error) {
    if (!existsSync(path)) return false;
    throw storageError(error, path);
  }
  try {
    probe.exec('BEGIN; SELECT count(*) FROM sqlite_schema');
    // Removed while the shared lock is held: a process that is only just taking its lock fails and takes another file.
    rmSync(path, { force: true });
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw storageError(error, path);
  } finally {
    probe.close();
  }
}
