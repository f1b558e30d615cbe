import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { type App, createApp } from '../../functions/app/app.ts';
import { dispatch } from '../../functions/app/dispatch.ts';
import { startBatch } from '../../functions/app/start-batch.ts';
import { type Batch, isTerminal } from '../../functions/domain/batch.ts';
import type { Message } from '../../functions/domain/message.ts';
import { firestoreSources } from '../../functions/platform/google/firestore-sources.ts';
import { firestoreVectors } from '../../functions/platform/google/firestore-vectors.ts';
import { firestoreWaves } from '../../functions/platform/google/firestore-waves.ts';
import { SILENT_LOG } from '../platform/local-platform.ts';
import { questions, REQUEST } from '../support/app-world.ts';
import { describeEmulated } from '../support/describe-emulated.ts';
import { type Emulator, startFirestoreEmulator } from '../support/emulators.ts';
import { answer, PRICES, scriptedModels } from '../support/engine-fakes.ts';
import { firestoreOn, firestoreSubject } from '../support/firestore-subject.ts';
import { manualClock } from '../support/manual-clock.ts';
import { memoryFiles } from '../support/memory-files.ts';
import { NO_JOBS } from '../support/no-jobs.ts';
import { timedMessages } from '../support/timed-messages.ts';

const LIMITS = { window: 20, pageSize: 5, maxShards: 256 };
const WORKERS = 8;

describeEmulated('The planner over Firestore', () => {
  let emulator: Emulator;
  beforeAll(async () => {
    emulator = await startFirestoreEmulator();
  });
  afterAll(() => emulator.stop());

  function cloud(texts: number) {
    const db = firestoreOn(emulator.host);
    const { platform, close } = firestoreSubject(db);
    onTestFinished(close);
    const clock = todaysClock();
    const messages = timedMessages(clock);
    const names = Array.from({ length: texts }, (_, n) => [`/texts/${1000 + n}.txt`, `Text number ${n}.`]);
    const { models, requests } = scriptedModels(() => answer());
    const files = memoryFiles(Object.fromEntries(names));
    const app = createApp(
      {
        ...platform,
        sources: firestoreSources(db),
        waves: firestoreWaves(db),
        jobs: NO_JOBS,
        vectors: firestoreVectors(db),
        clock,
        files,
        models,
        queue: messages.queue,
        log: SILENT_LOG,
      },
      { prices: PRICES, stop: new AbortController().signal, recipes: { questions }, limits: LIMITS },
    );
    return { app, clock, messages, requests };
  }

  it('fills the window of a batch and no more, with workers side by side that get every message twice', async () => {
    const { app, clock, messages, requests } = cloud(60);
    const { batch } = await startBatch(app, { ...REQUEST, recipeSettings: { questions: 1 } });
    const announced = new Set<string>();
    let most = 0;
    const { publish } = messages.queue;
    messages.queue.publish = async (page, options) => {
      for (const message of page) if (message.kind === 'process') announced.add(message.itemId);
      const open = await openItems(app, batch);
      most = Math.max(most, open.filter((id) => announced.has(id)).length);
      await publish(page, options);
    };
    const seen = new Set<string>();
    let atWork = 0;
    const worker = async (): Promise<void> => {
      while (messages.waiting.length > 0 || atWork > 0) {
        const message = messages.take();
        if (message === undefined) {
          if (atWork === 0) clock.advance(messages.nextInMs() ?? 0);
          await clock.turn();
          continue;
        }
        atWork += 1;
        const key = JSON.stringify(message);
        if (!seen.has(key)) await publish([message], { delayMs: 100 });
        seen.add(key);
        await deliver(message).finally(() => {
          atWork -= 1;
        });
      }
    };
    const deliver = async (message: Message): Promise<void> => {
      const disposal = await dispatch(app, message);
      if (disposal.kind === 'retry') await publish([message], { delayMs: 10_000 });
    };
    await Promise.all(Array.from({ length: WORKERS }, worker));
    expect(await app.batches.get(batch.id)).toMatchObject({ state: 'finished', sealed: true, shardCount: 1 });
    expect(await app.batches.counts(batch.id)).toMatchObject({ total: 60, passed: 60, calls: 60 });
    expect(requests).toHaveLength(60);
    expect(most).toBeLessThanOrEqual(LIMITS.window);
  });

  it('spreads the counters of a larger batch over shards', async () => {
    const { app } = cloud(501);
    const { batch } = await startBatch(app, REQUEST);
    await dispatch(app, { kind: 'expand', batchId: batch.id });
    const items = await app.batches.items(batch.id, { limit: 100 });
    expect(await app.batches.get(batch.id)).toMatchObject({ shardCount: 2, sealed: false });
    expect(await app.batches.counts(batch.id)).toMatchObject({ total: LIMITS.window });
    expect(new Set(items.map((item) => item.shard))).toEqual(new Set([0, 1]));
  });
});

/** Moved by hand, but near the time of the server, which stamps the items. */
function todaysClock(): ReturnType<typeof manualClock> {
  const clock = manualClock(Math.random);
  const ahead = Date.now() - clock.now();
  return { ...clock, now: () => clock.now() + ahead };
}

async function openItems(app: App, batch: Batch): Promise<string[]> {
  const items = await app.batches.items(batch.id, { limit: 1000 });
  return items.filter((item) => !isTerminal(item.state)).map((item) => item.id);
}
