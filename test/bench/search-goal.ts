import { runProductWorker } from './children.ts';
import { type Bench, type Row, times } from './goals.ts';
import { median, spread } from './statistics.ts';

/** What a search worker measured. */
export interface SearchResult {
  vectorsPerSecond: number;
  ingestPeakMb: number;
  /** The first search, which fills the index. */
  firstMs: number;
  /** All others. */
  times: number[];
  /** Of the memory, over them. */
  growth: number;
  /** The same hits as comparing all. */
  exact: boolean;
}

const FEW = 10_000;
const MANY = 100_000;

/** Stores and searches many vectors on one machine. */
export async function vectorSearch({ workspace, rounds }: Bench): Promise<Row[]> {
  const measured = (entries: number) =>
    times(rounds, () =>
      workspace.within((folder) =>
        runProductWorker<SearchResult>('search-worker.ts', ['--home', `${folder}/home`, '--entries', String(entries)]),
      ),
    );
  const few = await measured(FEW);
  const many = await measured(MANY);
  const medians = many.map((one) => median(one.times));
  const rates = many.map((one) => one.vectorsPerSecond);
  const ingestGrowth = median(many.map((one) => one.ingestPeakMb)) / median(few.map((one) => one.ingestPeakMb));
  const growth = median(many.map((one) => one.growth));
  const none = { bare: '', ratio: '' };
  return [
    {
      goal: `l. search in ${MANY} × 2 vectors of 512 dimensions: p50 in ms, the same hits as comparing all`,
      ...{ limit: '< 60, exact', measured: spread(medians, 1), ...none },
      ok: median(medians) < 60 && [...few, ...many].every(({ exact }) => exact),
    },
    {
      goal: 'l. the first search, which reads all vectors: ms',
      ...{
        limit: 'stated',
        measured: spread(
          many.map(({ firstMs }) => firstMs),
          0,
        ),
        ...none,
        ok: true,
      },
    },
    {
      goal: 'l. storing them: vectors a second',
      ...{ limit: '> 5,000', measured: spread(rates, 0), ...none, ok: median(rates) > 5000 },
    },
    {
      goal: `l. growth of the peak memory of storing from ${FEW} to ${MANY} entries, and of the memory over the searches`,
      ...{ limit: '≤ 1.25 ×', measured: `${ingestGrowth.toFixed(2)} ×, ${growth.toFixed(2)} ×`, ...none },
      ok: ingestGrowth <= 1.25 && growth <= 1.25,
    },
  ];
}
