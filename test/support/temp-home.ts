import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** An empty folder; the caller removes it. */
export async function makeHome(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'proofsheet-test-')));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}

/** An empty folder of the running test, removed when it ends. */
export async function tempHome(): Promise<string> {
  const { path, remove } = await makeHome();
  onTestFinished(remove);
  return path;
}
