import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { advanceWaves } from '../../functions/app/advance-waves.ts';
import { type App, createApp } from '../../functions/app/app.ts';
import { dispatch } from '../../functions/app/dispatch.ts';
import { type StartRequest, startBatch } from '../../functions/app/start-batch.ts';
import type { Batch } from '../../functions/domain/batch.ts';
import type { Message } from '../../functions/domain/message.ts';
import { WAVE_LIMITS, type WaveLimits } from '../../functions/domain/wave.ts';
import { geminiJobs } from '../../functions/platform/google/gemini-jobs.ts';
import { geminiModels } from '../../functions/platform/google/gemini-models.ts';
import { diskFiles } from '../../functions/platform/local/disk-files.ts';
import type { Platform } from '../../functions/platform/ports.ts';
import { openLocal } from '../platform/local-platform.ts';
import { type BatchApiOptions, batchApi } from './batch-api.ts';
import { writePhotos } from './cli.ts';
import { respondToFidelity } from './fidelity-responder.ts';
import { startGeminiServer } from './gemini-server.ts';
import { API_KEY } from './gemini-setup.ts';
import { manualClock } from './manual-clock.ts';
import { messageList } from './message-list.ts';
import { makeQuickHome } from './temp-home.ts';

/** Prices of the default models and of the answers' version, so that the lanes can be compared in dollars. */
const RATE = { input: 1, output: 10, outputImage: 30 };
const PRICES = { asOf: '2026-11-12', models: { 'fake-model-001': RATE, text: RATE, image: RATE, judge: RATE } };

export interface WaveWorldOptions {
  photos: readonly string[];
  api?: Partial<BatchApiOptions>;
  waves?: Partial<WaveLimits>;
  lane?: Batch['run']['lane'];
  deadlineAfterMs?: number;
  maxSpendNano?: number;
  /** One text call for each photo instead of the fidelity recipe. */
  oneCall?: boolean;
  /** Messages in hand at a time. */
  workers?: number;
}

/** A batch of the fidelity recipe over SQLite, the real client and a server that speaks the Batch API; time and messages are the test's. */
export async function waveWorld(of: WaveWorldOptions) {
  const home = await makeQuickHome();
  const photos = join(home.path, 'photos');
  mkdirSync(photos);
  writePhotos(photos, of.photos);
  const api = batchApi({ respond: respondToFidelity, ...of.api });
  const server = await startGeminiServer({ respond: respondToFidelity, also: api.handle, record: false });
  const clock = manualClock();
  const files = diskFiles({ home: join(home.path, 'home') });
  const auth = { kind: 'key' as const, apiKey: API_KEY };
  const models = geminiModels({ auth, baseUrl: server.url, open: files.open });
  const jobs = geminiJobs({ auth, baseUrl: server.url, files });
  const local = openLocal(join(home.path, 'home'), { clock, models, jobs });
  let isOpen = true;
  const close = async () => {
    if (!isOpen) return;
    isOpen = false;
    await local.close();
    await server.close();
    await home.remove();
  };
  onTestFinished(close);
  const queue = messageList();
  const platform: Platform = { ...local.platform, queue };
  const newApp = (through = (same: Platform) => same): App =>
    createApp(through(platform), {
      prices: PRICES,
      stop: new AbortController().signal,
      limits: { waves: { ...WAVE_LIMITS, ...of.waves } },
    });
  const request = (): StartRequest => ({
    ...{ inputs: [photos], simulated: false, force: false, name: 'photos', archive: 'none' },
    ...(of.oneCall
      ? { recipe: 'prompt', recipeSettings: { prompt: 'What is this?', textModel: 'text' } }
      : { recipe: 'fidelity', recipeSettings: { textModel: 'text', imageModel: 'image', judgeModel: 'judge' } }),
    selection: { patterns: [], recursive: true, maxFileBytes: 1_000_000 },
    run: {
      ...{ lane: of.lane ?? 'batch', maxConcurrent: 5, maxRetries: 5, timeoutMs: 60_000 },
      ...(of.maxSpendNano !== undefined && { maxSpendNano: of.maxSpendNano }),
      ...(of.deadlineAfterMs !== undefined && { deadline: clock.now() + of.deadlineAfterMs }),
    },
    outputRoot: join(home.path, 'output'),
  });

  /** Hands out all messages; those that are not acknowledged come again when time has passed. */
  async function deliver(app: App): Promise<void> {
    const again: Message[] = [];
    const worker = async () => {
      for (let message = queue.waiting.shift(); message !== undefined; message = queue.waiting.shift()) {
        const disposal = await dispatch(app, message).catch(() => undefined);
        if (disposal?.kind !== 'ack') again.push(message);
      }
    };
    await Promise.all(Array.from({ length: of.workers ?? 1 }, worker));
    queue.waiting.push(...again);
  }

  /** One round: messages, waves, then time passes. */
  async function round(app: App, batchId: string): Promise<Batch> {
    await deliver(app);
    await advanceWaves(app, batchId);
    clock.advance(30_000);
    const batch = await platform.batches.get(batchId);
    if (batch === undefined) throw new Error('The batch is gone.');
    return batch;
  }

  return {
    ...{ api, server, clock, platform, queue, newApp, request, round, deliver, close },
    app: newApp(),
    start: async (app: App): Promise<Batch> => (await startBatch(app, request())).batch,
    /** Rounds until the batch is no longer running. */
    async workOff(app: App, batchId: string, most = 3000): Promise<Batch> {
      for (let n = 0; n < most; n += 1) {
        const batch = await round(app, batchId);
        if (batch.state !== 'running') return batch;
      }
      throw new Error(`The batch does not come to an end: ${JSON.stringify(await platform.waves.list(batchId))}`);
    },
    /** What each item came to: what must be the same in every lane. */
    async ends(batchId: string) {
      const items = await platform.batches.items(batchId, { limit: 1000 });
      return await Promise.all(
        items
          .toSorted((a, b) => (a.name < b.name ? -1 : 1))
          .map(async (item) => {
            const steps = await platform.journal.steps(item);
            const detail = (await platform.batches.details(batchId, [item.id])).get(item.id);
            return {
              ...{ name: item.name, state: item.state, score: item.summary?.score, calls: item.summary?.calls },
              outcome: detail?.outcome,
              steps: steps.map(({ key, outcome, lane }) => ({ key, outcome, lane })),
            };
          }),
      );
    },
  };
}
