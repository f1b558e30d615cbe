import { expect, it } from 'vitest';
import { onDemand } from '../../functions/lib/on-demand.ts';
import { googlePlatform } from '../../functions/platform/google/index.ts';
import { systemClock } from '../../functions/platform/local/system-clock.ts';
import { NO_JOBS } from '../support/no-jobs.ts';
import { NO_MODELS, SILENT_LOG } from './local-platform.ts';

const topics = { process: 'p', finalize: 'f', control: 'c' };
const open = (buckets: object) =>
  googlePlatform({
    database: 'd',
    topics,
    models: () => NO_MODELS,
    jobs: () => NO_JOBS,
    clock: systemClock(),
    log: SILENT_LOG,
    ...buckets,
  });

it('is put together without a connection, and not without a place for results', () => {
  const { files } = open({ outputBucket: 'out', workBucket: 'work' });
  expect(files.join('gs://out', 'a', 'b')).toBe('gs://out/a/b');
  expect(() => open({})).toThrow(/OUTPUT_BUCKET is not set/);
});

it('loads an adapter once, with its first call', async () => {
  let loads = 0;
  const port = onDemand<{ twice(n: number): Promise<number>; thrice(n: number): Promise<number> }>(
    { twice: true, thrice: true },
    async () => {
      loads += 1;
      return { twice: async (n) => 2 * n, thrice: async (n) => 3 * n };
    },
  );
  expect(loads).toBe(0);
  expect(await Promise.all([port.twice(2), port.thrice(2), port.twice(3)])).toEqual([4, 6, 6]);
  expect(loads).toBe(1);
});
