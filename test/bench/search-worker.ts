import { parseArgs } from 'node:util';
import { DEFAULT_WEIGHTS, dot, normalized } from '../../functions/domain/embedding.ts';
import { jsonLog } from '../../functions/lib/log.ts';
import { localPlatform } from '../../functions/platform/local/index.ts';
import type { VectorEntry } from '../../functions/platform/ports.ts';
import { NO_JOBS } from '../support/no-jobs.ts';
import { seededRandom } from '../support/seeded-random.ts';
import type { SearchResult } from './search-goal.ts';

/** Fills a collection and searches it, in a process of its own, and prints what it took. */
const { values } = parseArgs({ options: { home: { type: 'string' }, entries: { type: 'string' } } });
const entries = Number(values.entries);
const DIMENSIONS = 512;
const CHUNK = 500;
const QUERIES = 60;
/** Queries whose answers are compared with those of comparing all. */
const COMPARED = 5;
const TOP = 10;

const unused = { call: () => Promise.reject(new Error('no model')), check: () => Promise.resolve([]) };
const log = jsonLog((line) => process.stderr.write(line), Date.now, ['warn', 'error']);
const local = localPlatform({ home: values.home ?? '', models: unused, jobs: NO_JOBS, log });
const { vectors } = local.platform;
const space = { collection: 'bench', semantic: 'random-1', visual: 'random-2' };

function entryOf(n: number): VectorEntry {
  const random = seededRandom(n + 1);
  const vector = () =>
    normalized(Float32Array.from({ length: DIMENSIONS }, () => random() + random() + random() - 1.5));
  const id = String(n).padStart(7, '0');
  const facts = {
    ...{ title: `Product ${n}`, price: n, currency: 'USD', brand: 'Acme', categories: [`c${n % 10}`], sku: id },
    ...{ url: '', path: `/photos/${id}.jpg`, source: 'scraped' as const },
  };
  return { id, contentHash: id, facts, weights: DEFAULT_WEIGHTS, semantic: vector(), visual: vector() };
}

let ingestMs = 0;
for (let from = 0; from < entries; from += CHUNK) {
  const chunk = Array.from({ length: Math.min(CHUNK, entries - from) }, (_, n) => entryOf(from + n));
  const begun = performance.now();
  await vectors.put(space, chunk);
  ingestMs += performance.now() - begun;
}
const ingestPeakMb = process.resourceUsage().maxRSS / 1024;

const queries = Array.from({ length: QUERIES }, (_, n) => {
  const { semantic, visual } = entryOf(10_000_000 + n);
  return { semantic, visual, weights: DEFAULT_WEIGHTS, limit: TOP, filter: {} };
});
const search = async (n: number) => {
  const query = queries[n % QUERIES];
  if (query === undefined) throw new Error('no query');
  const begun = performance.now();
  const found = await vectors.nearest(space, query);
  return { ms: performance.now() - begun, ids: found.map(({ id }) => id) };
};
const first = await search(0);
const times: number[] = [];
const afterFirstMb = process.memoryUsage().rss / 1e6;
for (let n = 1; n < QUERIES; n += 1) times.push((await search(n)).ms);
const afterAllMb = process.memoryUsage().rss / 1e6;

const best: { id: string; score: number }[][] = Array.from({ length: COMPARED }, () => []);
for (let n = 0; n < entries; n += 1) {
  const { id, semantic, visual } = entryOf(n);
  for (const [at, kept] of best.entries()) {
    const query = queries[at];
    if (query === undefined) continue;
    kept.push({ id, score: 0.6 * dot(query.semantic, semantic) + 0.4 * dot(query.visual, visual) });
    if (kept.length < 1000) continue;
    kept.splice(0, kept.length, ...kept.toSorted((a, b) => b.score - a.score).slice(0, TOP));
  }
}
let same = 0;
for (const [at, kept] of best.entries()) {
  const expected = kept.toSorted((a, b) => b.score - a.score).slice(0, TOP);
  if (expected.map(({ id }) => id).join() === (await search(at)).ids.join()) same += 1;
}
const result: SearchResult = {
  vectorsPerSecond: (2 * entries * 1000) / ingestMs,
  ingestPeakMb,
  firstMs: first.ms,
  times,
  growth: afterAllMb / afterFirstMb,
  exact: same === COMPARED,
};
console.log(JSON.stringify(result));
await local.close();
