import { parseArgs } from 'node:util';
import { createApp } from '../../functions/app/app.ts';
import { expandBatch } from '../../functions/app/expand-batch.ts';
import { startBatch } from '../../functions/app/start-batch.ts';
import { jsonLog } from '../../functions/lib/log.ts';
import { localPlatform } from '../../functions/platform/local/index.ts';
import { NO_JOBS } from '../support/no-jobs.ts';
import type { ManifestResult } from './children.ts';
import { oneCallRecipes } from './one-call.ts';

/** Plans a batch over a manifest without working on it, in a process of its own, and prints what it took. */
const { values } = parseArgs({
  options: { home: { type: 'string' }, output: { type: 'string' }, manifest: { type: 'string' } },
});
const { home = '', output = '', manifest = '' } = values;
const unused = { call: () => Promise.reject(new Error('no model')), check: () => Promise.resolve([]) };
const log = jsonLog((line) => process.stderr.write(line), Date.now, ['warn', 'error']);
const local = localPlatform({ home, models: unused, jobs: NO_JOBS, log });
const app = createApp(local.platform, {
  prices: { asOf: '2026-01-01', models: {} },
  stop: new AbortController().signal,
  recipes: oneCallRecipes,
});

const startedAt = performance.now();
const { batch } = await startBatch(app, {
  inputs: [manifest],
  selection: { patterns: [], recursive: true, maxFileBytes: 20_000_000 },
  ...{ recipe: 'one-call', recipeSettings: {}, simulated: false, force: false, archive: 'none', name: 'bench' },
  run: { lane: 'standard', maxConcurrent: 1, maxRetries: 1, timeoutMs: 1000 },
  outputRoot: output,
});
while (!(await app.batches.get(batch.id))?.sealed) await expandBatch(app, { kind: 'expand', batchId: batch.id });
const { total } = await app.batches.counts(batch.id);
const result: ManifestResult = {
  wallMs: performance.now() - startedAt,
  peakMb: process.resourceUsage().maxRSS / 1024,
  items: total,
};
console.log(JSON.stringify(result));
await local.close();
