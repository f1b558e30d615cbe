import { advanceWave } from './children.ts';
import { type Bench, type Row, times } from './goals.ts';
import { median, spread } from './statistics.ts';

const PICTURES = 8_000;

/** Plans one job of many pictures, and reads its results. */
export async function largeWave({ workspace, rounds }: Bench): Promise<Row[]> {
  const corpus = await workspace.corpus(PICTURES);
  const results = await times(rounds, () =>
    workspace.within(async (folder) => {
      const args = ['--home', `${folder}/home`, '--output', `${folder}/output`];
      const result = await advanceWave([...args, '--corpus', corpus, '--calls', String(PICTURES)]);
      if (result.answered !== PICTURES || result.waves !== 1) throw new Error(`${JSON.stringify(result)}`);
      return result;
    }),
  );
  const planned = results.map(({ plannedMs }) => plannedMs / 1000);
  const read = results.map(({ readMs }) => readMs / 1000);
  const peaks = results.map(({ peakMb }) => peakMb);
  const none = { bare: '', ratio: '' };
  return [
    {
      goal: `k. ${PICTURES} pictures of the batch lane: seconds until they are one job, the way to the service left out`,
      ...{ limit: '< 60', measured: spread(planned), ...none, ok: median(planned) < 60 },
    },
    {
      goal: `k. seconds until their results are read`,
      ...{ limit: '< 60', measured: spread(read), ...none, ok: median(read) < 60 },
    },
    {
      goal: 'k. peak resident memory in MB of both',
      ...{ limit: '< 400', measured: spread(peaks, 0), ...none, ok: median(peaks) < 400 },
    },
  ];
}
