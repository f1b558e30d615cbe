import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { advanceWaves } from '../../functions/app/advance-waves.ts';
import { createApp } from '../../functions/app/app.ts';
import { WAVE_LIMITS, type WaveCall } from '../../functions/domain/wave.ts';
import { sha256 } from '../../functions/lib/hash.ts';
import { jsonLog } from '../../functions/lib/log.ts';
import { geminiJobs } from '../../functions/platform/google/gemini-jobs.ts';
import { diskFiles } from '../../functions/platform/local/disk-files.ts';
import { localPlatform } from '../../functions/platform/local/index.ts';
import type { ModelJobs } from '../../functions/platform/wave-ports.ts';
import { sampleBatch } from '../contract/samples.ts';
import { textReply } from '../support/gemini-replies.ts';
import type { WaveResult } from './children.ts';
import { BENCH_MODEL, BENCH_PROMPT, oneCallRecipes } from './one-call.ts';

/** Plans a job of many pictures and reads its results, over a service that only listens; prints what it took. */
const { values } = parseArgs({
  options: {
    home: { type: 'string' },
    output: { type: 'string' },
    corpus: { type: 'string' },
    calls: { type: 'string' },
  },
});
const { home = '', output = '', corpus = '' } = values;
const files = diskFiles({ home });
const real = geminiJobs({ auth: { kind: 'key', apiKey: 'bench' }, files });
let keys: string[] = [];
const jobs: ModelJobs = {
  ...real,
  async upload({ uri }) {
    for (let start = 0; ; ) {
      const part = await files.readPart(uri, { start, maxBytes: 8 * 1024 * 1024 });
      if (part.length === 0) return uri;
      start += part.length;
    }
  },
  create: () => Promise.resolve({ name: 'batches/bench', state: 'queued' }),
  get: (name) => Promise.resolve({ name, state: 'succeeded', completed: keys.length }),
  results: () => Promise.resolve(answers()),
};
const unused = { call: () => Promise.reject(new Error('no model')), check: () => Promise.resolve([]) };
const log = jsonLog((line) => process.stderr.write(line), Date.now, ['warn', 'error']);
const local = localPlatform({ home, models: unused, jobs, log });
const most = { maxInputBytes: 1e12, maxOutputBytes: 1e12, canary: { calls: 1, above: 1e9 }, pollMs: 1 };
const app = createApp(local.platform, {
  prices: { asOf: '2026-01-01', models: {} },
  stop: new AbortController().signal,
  recipes: oneCallRecipes,
  limits: { waves: { ...WAVE_LIMITS, ...most } },
});

const batch = sampleBatch({
  ...{ recipe: 'one-call', recipeSettings: {}, outputDir: output, sealed: true },
  run: { lane: 'batch', maxConcurrent: 1, maxRetries: 1, timeoutMs: 1000 },
});
await app.batches.create(batch);
keys = await parkCalls(Number(values.calls));
const plannedIn = await timed(async () => {
  while ((await app.waves.list(batch.id))[0]?.state !== 'sent') await advanceWaves(app, batch.id);
});
const readIn = await timed(async () => {
  while ((await app.waves.list(batch.id))[0]?.state !== 'done') await advanceWaves(app, batch.id);
});
const read = await app.waves.calls(batch.id, { state: 'answered', limit: keys.length + 1 });
const result: WaveResult = {
  ...{ plannedMs: plannedIn.ms, readMs: readIn.ms, peakMb: readIn.peakMb },
  ...{ answered: read.length, waves: (await app.waves.list(batch.id)).length },
};
console.log(JSON.stringify(result));
await local.close();

async function timed(work: () => Promise<void>): Promise<{ ms: number; peakMb: number }> {
  const startedAt = performance.now();
  await work();
  return { ms: performance.now() - startedAt, peakMb: process.resourceUsage().maxRSS / 1024 };
}

/** A call for each picture, as if its item had parked it. */
async function parkCalls(count: number): Promise<string[]> {
  const paths = readdirSync(corpus, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.jpg'));
  const calls: WaveCall[] = [];
  for (const [n, path] of paths.slice(0, count).entries()) {
    const uri = join(corpus, path);
    const bytes = await files.read(uri, { maxBytes: 20_000_000 });
    const file = { sha256: sha256(bytes), mimeType: 'image/jpeg', bytes: statSync(uri).size, uri };
    const id = sha256(`call ${n}`).slice(0, 32);
    const request = { kind: 'text' as const, model: BENCH_MODEL, parts: [{ text: BENCH_PROMPT }, { file }] };
    const step = { key: 'describe', fingerprint: id, request, parkedAt: Date.now(), depth: 0, tries: 0 };
    calls.push({ id, batchId: batch.id, itemId: `item-${n}`, ...step, standing: { state: 'waiting' } });
  }
  for (let start = 0; start < calls.length; start += 500)
    await app.waves.park(batch.id, calls.slice(start, start + 500));
  return calls.map(({ id }) => id);
}

async function* answers(): AsyncIterable<Uint8Array> {
  const response = textReply('A product. '.repeat(200));
  for (const key of keys.toReversed()) yield Buffer.from(`${JSON.stringify({ key, response })}\n`);
}
