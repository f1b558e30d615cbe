import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Message as Delivery, PubSub } from '@google-cloud/pubsub';
import { type App, CLOUD_LIMITS, createApp } from '../../functions/app/app.ts';
import { startBatch } from '../../functions/app/start-batch.ts';
import { pubsubHandler } from '../../functions/handlers/pubsub.ts';
import { jsonLog } from '../../functions/lib/log.ts';
import { firestoreSources } from '../../functions/platform/google/firestore-sources.ts';
import { firestoreVectors } from '../../functions/platform/google/firestore-vectors.ts';
import { firestoreWaves } from '../../functions/platform/google/firestore-waves.ts';
import { pubsubQueue } from '../../functions/platform/google/pubsub-queue.ts';
import { systemClock } from '../../functions/platform/local/system-clock.ts';
import { answer, PRICES, scriptedModels } from '../support/engine-fakes.ts';
import { type Meter, meterOf } from '../support/firestore-meter.ts';
import { firestoreOn, firestoreSubject } from '../support/firestore-subject.ts';
import { memoryFiles } from '../support/memory-files.ts';
import { NO_JOBS } from '../support/no-jobs.ts';
import type { CloudResult } from './children.ts';
import { oneCallRecipes } from './one-call.ts';

/**
 * Works a batch off with the state in Firestore and the messages in Pub/Sub, both emulated, and prints what it took. `instances`
 * clients of Firestore, each with `handlers` messages in hand, take the place of as many instances of a function.
 */
const { values } = parseArgs({
  options: {
    firestore: { type: 'string' },
    pubsub: { type: 'string' },
    items: { type: 'string' },
    instances: { type: 'string' },
    handlers: { type: 'string' },
  },
});
const { firestore = '', pubsub = '' } = values;
const [items, instances, handlers] = [values.items, values.instances, values.handlers].map(Number);
const PROJECT = `demo-bench-${process.pid}`;
const TOPICS = { process: 'process', control: 'control' } as const;
const CALL_MS = 20;

process.env.PUBSUB_EMULATOR_HOST = pubsub;
const events: Record<string, number> = {};
const log = jsonLog(note, Date.now, ['info', 'warn', 'error']);
const client = new PubSub({ projectId: PROJECT });
for (const topic of Object.values(TOPICS)) {
  await client.createTopic(topic);
  const retryPolicy = { minimumBackoff: { seconds: 0, nanos: 1e8 }, maximumBackoff: { seconds: 1 } };
  await client.topic(topic).createSubscription(topic, { ackDeadlineSeconds: 600, retryPolicy });
}

const clock = systemClock();
const queue = pubsubQueue({
  topicFor: (kind) => (kind === 'process' ? TOPICS.process : TOPICS.control),
  clock,
  client: { projectId: PROJECT },
});
const inputs = Array.from({ length: items ?? 0 }, (_, n) => [`/texts/${100_000 + n}.txt`, `Text number ${n}.`]);
const files = memoryFiles(Object.fromEntries(inputs));
const { models, requests } = scriptedModels(() => delay(CALL_MS, answer()));
const meters: Meter[] = [];
let aborted = 0;
const apps = Array.from({ length: instances ?? 1 }, () => openInstance());
const [first] = apps;
if (first === undefined) throw new Error('no instance');
for (const app of apps) {
  receive(app, TOPICS.process, handlers ?? 1);
  receive(app, TOPICS.control, 1);
}

const startedAt = performance.now();
const { batch } = await startBatch(first, {
  ...{ inputs: ['/texts'], recipe: 'one-call', recipeSettings: {}, name: 'texts' },
  ...{ simulated: false, force: false, archive: 'none', outputRoot: '/output' },
  selection: { patterns: [], recursive: true, maxFileBytes: 1000 },
  run: { lane: 'standard', maxConcurrent: (instances ?? 1) * (handlers ?? 1), maxRetries: 3, timeoutMs: 60_000 },
});
while ((await first.batches.get(batch.id))?.state !== 'finished') await delay(100);
const result: CloudResult = {
  wallMs: performance.now() - startedAt,
  counts: await first.batches.counts(batch.id),
  calls: requests.length,
  finalised: events['batch finished'] ?? 0,
  aborted,
  reads: sumOf('reads'),
  writes: sumOf('writes'),
};
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));

function openInstance(): App {
  const db = firestoreOn(firestore, PROJECT);
  meters.push(meterOf(db));
  countAborted(db);
  const store = { sources: firestoreSources(db), waves: firestoreWaves(db), vectors: firestoreVectors(db) };
  const platform = { ...firestoreSubject(db).platform, ...store, jobs: NO_JOBS, clock, files, models, queue, log };
  return createApp(platform, {
    prices: PRICES,
    stop: new AbortController().signal,
    recipes: oneCallRecipes,
    limits: CLOUD_LIMITS,
  });
}

/** Commits and reads that Firestore answers with ABORTED, which the client repeats by itself. */
function countAborted(db: ReturnType<typeof firestoreOn>): void {
  const wire = db as unknown as { request(...args: unknown[]): Promise<unknown> };
  const request = wire.request.bind(db);
  wire.request = (...args) =>
    request(...args).catch((error: { code?: unknown }) => {
      if (error.code === 10) aborted += 1;
      throw error;
    });
}

function receive(app: App, topic: string, maxMessages: number): void {
  const handle = pubsubHandler({ app, quarantine: '/quarantine' });
  const subscription = client.subscription(topic, { flowControl: { maxMessages, allowExcessMessages: false } });
  subscription.on('message', async (delivery: Delivery) => {
    const message = { data: delivery.data.toString('base64'), attributes: delivery.attributes, messageId: delivery.id };
    const body = { message, subscription: topic };
    const status = await handle({ authorization: undefined, body, isDeadLetter: false });
    if (status < 300) delivery.ack();
    else delivery.nack();
  });
  subscription.on('error', (error) => console.error(error));
}

function note(line: string): void {
  const { message, severity } = JSON.parse(line) as { message: string; severity: string };
  events[message] = (events[message] ?? 0) + 1;
  if (severity !== 'INFO') process.stderr.write(line);
}

function sumOf(what: keyof Meter): number {
  return meters.reduce((sum, meter) => sum + meter[what], 0);
}
