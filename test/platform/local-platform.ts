import { join } from 'node:path';
import { type LocalPlatformOptions, localPlatform } from '../../functions/platform/local/index.ts';
import type { Log, Models } from '../../functions/platform/ports.ts';
import type { Subject } from '../contract/samples.ts';
import { NO_JOBS } from '../support/no-jobs.ts';
import { makeHome } from '../support/temp-home.ts';

const silent = (): void => undefined;
export const SILENT_LOG: Log = { info: silent, warn: silent, error: silent };

/** Models that these tests never call. */
export const NO_MODELS: Models = {
  call: () => Promise.reject(new Error('no model is called here')),
  check: () => Promise.resolve([]),
};

export const QUICK_QUEUE = { minBackoffMs: 20, pollMs: 20 };

export function openLocal(home: string, options: Partial<LocalPlatformOptions> = {}): ReturnType<typeof localPlatform> {
  return localPlatform({ home, models: NO_MODELS, jobs: NO_JOBS, log: SILENT_LOG, queue: QUICK_QUEUE, ...options });
}

/** The local platform as the subject of a contract suite, on a folder of its own. */
export async function localSubject(): Promise<Subject> {
  const home = await makeHome();
  const local = openLocal(join(home.path, 'home'));
  return {
    ...local,
    folder: join(home.path, 'files'),
    async close() {
      await local.close();
      await home.remove();
    },
  };
}
