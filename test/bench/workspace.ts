import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { makeCorpus } from './corpus.ts';

/** Folders of the measurements. */
export interface Workspace {
  /** A folder with `count` pictures, made once. */
  corpus(count: number): Promise<string>;
  /** Calls `measure` with an empty folder on a quiet disk and removes the folder afterwards. */
  within<T>(measure: (folder: string) => Promise<T>): Promise<T>;
  remove(): Promise<void>;
}

/** ext4 searches past files that were deleted within the last five seconds whenever a file is made. */
const REST_AFTER_REMOVAL_MS = 6_000;

export async function openWorkspace(): Promise<Workspace> {
  const root = await mkdtemp(join(tmpdir(), 'proofsheet-bench-'));
  const corpora = new Map<number, string>();
  let removedAt = Number.NEGATIVE_INFINITY;
  return {
    async corpus(count) {
      const folder = corpora.get(count) ?? join(root, `corpus-${count}`);
      if (!corpora.has(count)) await makeCorpus(folder, count);
      corpora.set(count, folder);
      return folder;
    },
    async within(measure) {
      const folder = await mkdtemp(join(root, 'measurement-'));
      await promisify(execFile)('sync');
      await delay(Math.max(0, removedAt + REST_AFTER_REMOVAL_MS - performance.now()));
      try {
        return await measure(folder);
      } finally {
        await rm(folder, { recursive: true, force: true });
        removedAt = performance.now();
      }
    },
    remove: () => rm(root, { recursive: true, force: true }),
  };
}
