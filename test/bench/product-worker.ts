import { parseArgs } from 'node:util';
import { type App, createApp } from '../../functions/app/app.ts';
import { resumeBatch } from '../../functions/app/control-batch.ts';
import { startBatch } from '../../functions/app/start-batch.ts';
import { workOff } from '../../functions/app/work-off.ts';
import type { Item } from '../../functions/domain/batch.ts';
import { jsonLog } from '../../functions/lib/log.ts';
import { geminiModels } from '../../functions/platform/google/gemini-models.ts';
import { diskFiles } from '../../functions/platform/local/disk-files.ts';
import { localPlatform } from '../../functions/platform/local/index.ts';
import { NO_JOBS } from '../support/no-jobs.ts';
import type { ProductResult } from './children.ts';
import { BENCH_MODEL, oneCallRecipes } from './one-call.ts';

/** Works a batch off as the command line does, in a process of its own, and prints what it took. With --resume: goes on with the newest batch. */
const { values } = parseArgs({
  options: {
    home: { type: 'string' },
    inputs: { type: 'string' },
    output: { type: 'string' },
    url: { type: 'string' },
    concurrency: { type: 'string' },
    resume: { type: 'boolean', default: false },
  },
});
const { home = '', inputs = '', output = '', url = '' } = values;
const concurrency = Number(values.concurrency);
const log = jsonLog((line) => process.stderr.write(line), Date.now, ['warn', 'error']);
const files = diskFiles({ home });
const models = geminiModels({ auth: { kind: 'key', apiKey: 'bench' }, baseUrl: url, open: files.open });
const local = localPlatform({ home, models, jobs: NO_JOBS, log, files });
const app = createApp(local.platform, {
  prices: { asOf: '2026-01-01', models: { [BENCH_MODEL]: { input: 0.3, output: 2.5 } } },
  stop: new AbortController().signal,
  recipes: oneCallRecipes,
});

const startedAt = performance.now();
const batchId = values.resume ? await resumed(app) : await started(app);
const batch = await workOff(app, local.deliveries, batchId, concurrency);
const wallMs = performance.now() - startedAt;
const peakMb = process.resourceUsage().maxRSS / 1024;
console.log(JSON.stringify(await resultOf(app, batch.id)));
await local.close();

async function started(of: App): Promise<string> {
  const { batch } = await startBatch(of, {
    inputs: [inputs],
    selection: { patterns: [], recursive: true, maxFileBytes: 20_000_000, exclude: [] },
    recipe: 'one-call',
    recipeSettings: {},
    simulated: false,
    force: false,
    run: { lane: 'standard', maxConcurrent: concurrency, maxRetries: 5, timeoutMs: 120_000 },
    outputRoot: output,
    archive: 'none',
    name: 'bench',
  });
  return batch.id;
}

async function resumed(of: App): Promise<string> {
  const [newest] = await of.batches.list({ limit: 1 });
  if (newest === undefined) throw new Error('there is no batch to resume');
  const { batch } = await resumeBatch(of, newest.id, { failed: false, errors: false });
  return batch.id;
}

async function resultOf(of: App, id: string): Promise<ProductResult> {
  const result: ProductResult = { wallMs, peakMb, done: 0, items: 0, firstClaimedAt: 0, settledAt: [], answeredAt: [] };
  const claims: number[] = [];
  for await (const item of itemsOf(of, id)) {
    result.items += 1;
    if (item.state === 'passed') result.done += 1;
    if (item.firstClaimedAt !== undefined) claims.push(item.firstClaimedAt);
    if (item.settledAt !== undefined) result.settledAt.push(item.settledAt);
    for (const step of await of.journal.steps(item)) result.answeredAt.push(step.startedAt + step.tookMs);
  }
  result.firstClaimedAt = Math.min(...claims);
  result.settledAt.sort((a, b) => a - b);
  return result;
}

async function* itemsOf(of: App, id: string): AsyncGenerator<Item> {
  let after = '';
  while (true) {
    const items = await of.batches.items(id, { after, limit: 500 });
    yield* items;
    if (items.length < 500) return;
    after = items.at(-1)?.id ?? '';
  }
}
