import { PubSub } from '@google-cloud/pubsub';
import { type Emulator, freePort, startFirestoreEmulator, startPubsubEmulator } from './emulators.ts';
import { type FunctionProcess, startFunction } from './function-process.ts';
import { type StorageServer, type StorageServerOptions, startStorageServer } from './storage-server.ts';

/** Names as a deployment has them. */
export const PROJECT = 'demo-proofsheet';
export const BUCKETS = { inbox: 'inbox', catalogue: 'catalogue', output: 'output', work: 'work' } as const;
// Or the client library looks for the metadata server of a cloud machine first.
process.env.METADATA_SERVER_DETECTION = 'none';

const TOPICS = ['process', 'finalize', 'control', 'dead'] as const;
const FUNCTIONS = ['bucket', 'api', 'process', 'finalize', 'control'] as const;
const PUSHED = ['process', 'finalize', 'control'] as const;
type PushedName = (typeof PUSHED)[number];
export type FunctionName = (typeof FUNCTIONS)[number];

export interface StackOptions {
  /** For all functions, beside what leads them to the emulators. */
  env?: Readonly<Record<string, string>>;
  /** Where the functions look for `.env` and `proofsheet.yaml`. */
  cwd: string;
  /** In seconds, of every subscription. A deployment has 10 and 600. */
  backoff?: { least: number; most: number };
  /** A deployment has 100; fewer than 5 cannot be. */
  deliveries?: number;
  /** Between two ticks; a deployment has a minute. */
  tickMs?: number;
  apiPort?: number;
  storage?: Pick<StorageServerOptions, 'port' | 'faults'>;
  hear?: (name: FunctionName, line: string) => void;
}

export interface Stack {
  readonly functions: Readonly<Record<FunctionName, FunctionProcess>>;
  readonly storage: StorageServer;
  /** `host:port` of the emulators. */
  readonly hosts: { firestore: string; pubsub: string };
  /** Resolves when all functions take requests. */
  ready(): Promise<void>;
  /** A further instance of a function with a subscription of its own: every message is delivered to both. */
  double(name: PushedName): Promise<FunctionProcess>;
  /** Publishes a message by hand. */
  publish(topic: (typeof TOPICS)[number], data: Uint8Array, attributes?: Record<string, string>): Promise<void>;
  stop(): Promise<void>;
}

/**
 * The deployment on one machine: emulators of Firestore and Pub/Sub, a server for Cloud Storage, every function under the
 * functions framework in a process of its own, push subscriptions, dead letters and the tick as infra/messaging.tf has them.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const parts: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    for (const part of parts.splice(0).reverse()) await part.stop();
  };
  const keep = <T extends { stop(): Promise<void> }>(part: T): T => {
    parts.push(part);
    return part;
  };
  try {
    const [firestore, pubsub] = await Promise.all([startFirestoreEmulator(), startPubsubEmulator()]);
    keep(firestore);
    keep(pubsub);
    const ports = { ...(options.apiPort !== undefined && { api: options.apiPort }), bucket: await freePort() };
    const storage = await startStorageServer({
      buckets: Object.values(BUCKETS),
      // As the trigger of a deployment; its events come again as long as they are refused.
      events: { to: `http://127.0.0.1:${ports.bucket}`, buckets: [BUCKETS.inbox], retryMs: 500 },
      ...options.storage,
    });
    keep({ stop: () => storage.close() });
    const env = environment({ firestore, pubsub, storage }, options.env);
    const functions = {} as Record<FunctionName, FunctionProcess>;
    for (const name of FUNCTIONS) functions[name] = keep(await startFunctionOf(name, ports, env, options));
    const messaging = keep(await openMessaging(pubsub, functions, options));
    return {
      functions,
      storage,
      hosts: { firestore: firestore.host, pubsub: pubsub.host },
      async ready() {
        await Promise.all(Object.values(functions).map((one) => one.ready()));
      },
      async double(name) {
        const second = keep(await startFunctionOf(name, {}, env, options));
        await second.ready();
        await messaging.subscribe(name, `${topicName(name)}-double`, second);
        return second;
      },
      publish: messaging.publish,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function environment(
  of: { firestore: Emulator; pubsub: Emulator; storage: StorageServer },
  more: StackOptions['env'],
): Record<string, string> {
  return {
    GOOGLE_CLOUD_PROJECT: PROJECT,
    FIRESTORE_EMULATOR_HOST: of.firestore.host,
    PUBSUB_EMULATOR_HOST: of.pubsub.host,
    STORAGE_EMULATOR_HOST: of.storage.url,
    // Or the clients look for the metadata server of a cloud machine first.
    METADATA_SERVER_DETECTION: 'none',
    INBOX_BUCKET: BUCKETS.inbox,
    ALLOWED_BUCKETS: `${BUCKETS.inbox},${BUCKETS.catalogue}`,
    OUTPUT_BUCKET: BUCKETS.output,
    WORK_BUCKET: BUCKETS.work,
    NODE_ENV: 'production',
    ...more,
  };
}

function startFunctionOf(
  name: FunctionName,
  ports: Partial<Record<FunctionName, number>>,
  env: Record<string, string>,
  { cwd, hear }: StackOptions,
): Promise<FunctionProcess> {
  const port = ports[name];
  return startFunction({
    name,
    env,
    cwd,
    ...(port !== undefined && { port }),
    ...(hear && { hear: (line: string) => hear(name, line) }),
  });
}

/** Topics, subscriptions and the tick. */
async function openMessaging(
  pubsub: Emulator,
  functions: Readonly<Record<FunctionName, FunctionProcess>>,
  { backoff = { least: 10, most: 600 }, deliveries = 100, tickMs = 60_000 }: StackOptions,
) {
  const client = new PubSub({ projectId: PROJECT, apiEndpoint: pubsub.host });
  for (const topic of TOPICS) await client.createTopic(topicName(topic));
  const policies = {
    ackDeadlineSeconds: 600,
    retryPolicy: { minimumBackoff: duration(backoff.least), maximumBackoff: duration(backoff.most) },
  };
  const subscribe = async (topic: PushedName, name: string, to: FunctionProcess): Promise<void> => {
    await client.topic(topicName(topic)).createSubscription(name, {
      ...policies,
      pushConfig: { pushEndpoint: to.url },
      deadLetterPolicy: {
        deadLetterTopic: `projects/${PROJECT}/topics/${topicName('dead')}`,
        maxDeliveryAttempts: deliveries,
      },
    });
  };
  for (const topic of PUSHED) await subscribe(topic, topicName(topic), functions[topic]);
  await client.topic(topicName('dead')).createSubscription(topicName('dead'), {
    ...policies,
    pushConfig: { pushEndpoint: `${functions.control.url}/dead-letters` },
  });
  const publish: Stack['publish'] = async (topic, data, attributes = {}) => {
    await client.topic(topicName(topic)).publishMessage({ data: Buffer.from(data), attributes });
  };
  const tick = () => void publish('control', Buffer.from('{"kind":"tick"}'), { kind: 'tick' }).catch(() => undefined);
  const timer = setInterval(tick, tickMs);
  return {
    ...{ publish, subscribe },
    async stop() {
      clearInterval(timer);
      await client.close();
    },
  };
}

function topicName(topic: (typeof TOPICS)[number]): string {
  return `proofsheet-${topic}`;
}

function duration(seconds: number): { seconds: number; nanos: number } {
  return { seconds: Math.floor(seconds), nanos: Math.round((seconds % 1) * 1e9) };
}
