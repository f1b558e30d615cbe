import { existsSync } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** An empty folder; the caller removes it. */
export async function makeHome(parent = tmpdir()): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await realpath(await mkdtemp(join(parent, 'proofsheet-test-')));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}

/** As `makeHome`, in memory where the system has a place for that: for tests with thousands of commits, each of which a disk would sync. */
export function makeQuickHome(): ReturnType<typeof makeHome> {
  return makeHome(existsSync('/dev/shm') ? '/dev/shm' : tmpdir());
}

/** An empty folder of the running test, removed when it ends. */
export async function tempHome(): Promise<string> {
  const { path, remove } = await makeHome();
  onTestFinished(remove);
  return path;
}
