import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PubSub } from '@google-cloud/pubsub';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Message } from '../../functions/domain/message.ts';
import { fromWire, toWire } from '../../functions/domain/wire-message.ts';
import { pubsubQueue } from '../../functions/platform/google/pubsub-queue.ts';
import { describeEmulated } from '../support/describe-emulated.ts';
import { type Emulator, startPubsubEmulator } from '../support/emulators.ts';
import { waitUntil } from '../support/wait-until.ts';

// Or the client library looks for the metadata server of a cloud machine first.
process.env.METADATA_SERVER_DETECTION = 'none';

const PROJECT = 'project';
const NOW = 1_700_000_000_000;

/** The body of a push. */
interface Push {
  message: { data?: string; attributes?: Record<string, string>; messageId: string };
  subscription: string;
}

describeEmulated('Pub/Sub', () => {
  let emulator: Emulator;
  let admin: PubSub;
  let made = 0;
  beforeAll(async () => {
    emulator = await startPubsubEmulator();
    admin = new PubSub({ projectId: PROJECT, apiEndpoint: emulator.host });
  });
  afterAll(async () => {
    await admin.close();
    await emulator.stop();
  });

  /** A queue on topics of its own, one for each kind, and their names. */
  async function openQueue(now = () => Date.now()) {
    made += 1;
    const run = made;
    const topicFor = (kind: Message['kind']) => `${kind}-${run}`;
    for (const kind of ['expand', 'process', 'finalize'] as const) await admin.createTopic(topicFor(kind));
    const client = { projectId: PROJECT, apiEndpoint: emulator.host };
    const queue = pubsubQueue({ topicFor, clock: { now }, client });
    onTestFinished(() => queue.close());
    return { queue, topicFor };
  }

  /** Subscribes an endpoint that answers with `statusFor`; gives what it was sent, in order. */
  async function receive(topic: string, statusFor: (push: Push, before: number) => number, policies: object = {}) {
    const pushes: Push[] = [];
    const endpoint = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const push: Push = JSON.parse(body);
      const before = pushes.filter(({ message }) => message.messageId === push.message.messageId).length;
      const status = statusFor(push, before);
      pushes.push(push);
      response.writeHead(status).end();
    });
    await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
    const { port } = endpoint.address() as AddressInfo;
    const pushEndpoint = `http://127.0.0.1:${port}/`;
    const [subscription] = await admin
      .topic(topic)
      .createSubscription(`${topic}-push`, { pushEndpoint, ackDeadlineSeconds: 10, ...policies });
    onTestFinished(async () => {
      await subscription.delete();
      endpoint.closeAllConnections();
      endpoint.close();
    });
    return pushes;
  }

  const received = (pushes: readonly Push[]) => pushes.map(({ message }) => fromWire(message)?.message);
  const ids = (messages: readonly (Message | undefined)[]) =>
    messages.map((message) => (message !== undefined && 'itemId' in message ? message.itemId : message?.kind));

  it('pushes every message, as it was, to the topic of its kind', async () => {
    const { queue, topicFor } = await openQueue();
    const items = await receive(topicFor('process'), () => 204);
    const planner = await receive(topicFor('expand'), () => 204);
    const messages = itemMessages(50);
    const expand = { kind: 'expand', batchId: 'bätch "b"\n', turn: 3 } as const;
    await queue.publish([...messages.slice(0, 20), expand, ...messages.slice(20)]);
    await queue.publish([]);
    await waitUntil(() => items.length >= 50 && planner.length >= 1);
    expect(received(items)).toEqual(expect.arrayContaining(messages));
    expect(new Set(ids(received(items))).size).toBe(50);
    expect(received(planner)).toContainEqual(expand);
    expect(planner[0]?.message.attributes).toEqual({ kind: 'expand', batchId: 'bätch "b"\n' });
    const [first] = items.filter(({ message }) => message.attributes?.itemId === 'item-0');
    expect(first?.message.attributes).toEqual({ kind: 'process', batchId: 'batch', itemId: 'item-0' });
  });

  it('delivers again what was not acknowledged, and does not lose the others', async () => {
    const { queue, topicFor } = await openQueue();
    const retryPolicy = { minimumBackoff: { seconds: 1 }, maximumBackoff: { seconds: 2 } };
    const refused = ['item-1', 'item-3'];
    const refuse = ({ message }: Push, before: number) =>
      before < 2 && refused.includes(message.attributes?.itemId ?? '') ? 503 : 200;
    const pushes = await receive(topicFor('process'), refuse, { retryPolicy });
    await queue.publish(itemMessages(5));
    await waitUntil(() => new Set(ids(received(pushes))).size === 5 && pushes.length >= 9);
    const deliveries = (id: string) => ids(received(pushes)).filter((one) => one === id).length;
    for (let n = 0; n < 5; n++) {
      const id = `item-${n}`;
      expect(deliveries(id), id).toBeGreaterThanOrEqual(refused.includes(id) ? 3 : 1);
    }
  });

  it('gives a message that always fails to the dead letters, with its ids beside it', async () => {
    const { queue, topicFor } = await openQueue();
    const [dead] = await admin.createTopic(`dead-${made}`);
    const letters = await receive(`dead-${made}`, () => 204);
    const pushes = await receive(
      topicFor('process'),
      ({ message }) => (message.attributes?.itemId === 'item-1' ? 500 : 204),
      {
        retryPolicy: { minimumBackoff: { nanos: 1e8 }, maximumBackoff: { nanos: 2e8 } },
        deadLetterPolicy: { deadLetterTopic: dead.name, maxDeliveryAttempts: 5 },
      },
    );
    await queue.publish(itemMessages(3));
    await waitUntil(() => letters.length > 0);
    expect(received(letters)).toContainEqual({ kind: 'process', batchId: 'batch', itemId: 'item-1' });
    expect(new Set(ids(received(letters)))).toEqual(new Set(['item-1']));
    expect(letters[0]?.message.attributes).toMatchObject({ kind: 'process', batchId: 'batch', itemId: 'item-1' });
    expect(ids(received(pushes)).filter((id) => id === 'item-1').length).toBeGreaterThanOrEqual(5);
  });

  it('tells when a delayed message is due, which then is delivered again', async () => {
    const begun = Date.now();
    const { queue, topicFor } = await openQueue();
    const doneAt: number[] = [];
    const holdBack = ({ message }: Push) => {
      const notBefore = fromWire(message)?.notBefore ?? 0;
      if (notBefore > Date.now()) return 503;
      doneAt.push(Date.now());
      return 204;
    };
    const retryPolicy = { minimumBackoff: { nanos: 2e8 }, maximumBackoff: { nanos: 4e8 } };
    const pushes = await receive(topicFor('process'), holdBack, { retryPolicy });
    await queue.publish(itemMessages(1), { delayMs: 1000 });
    await waitUntil(() => doneAt.length > 0);
    expect(doneAt[0]).toBeGreaterThanOrEqual(begun + 1000);
    expect(pushes.length).toBeGreaterThan(1);
  });

  it('publishes thousands in few requests and little memory', async () => {
    const { topicFor } = await openQueue();
    const [subscription] = await admin.topic(topicFor('process')).createSubscription(`${topicFor('process')}-pull`);
    onTestFinished(async () => {
      await subscription.close();
    });
    const seen = new Set<string>();
    subscription.on('message', (message) => {
      seen.add(message.attributes.itemId ?? '');
      message.ack();
    });
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', PUBLISH], {
      env: { ...process.env, PUBSUB_EMULATOR_HOST: emulator.host, TOPIC: topicFor('process'), MODULE: PUBSUB_QUEUE },
    });
    await waitUntil(() => seen.size === 2500);
    const { rss } = JSON.parse(stdout);
    expect(rss).toBeLessThan(250e6);
  });

  it('says what is wrong when messages are not taken', async () => {
    const client = { projectId: PROJECT, apiEndpoint: emulator.host };
    const nowhere = pubsubQueue({ topicFor: () => 'no-such-topic', clock: { now: () => NOW }, client });
    onTestFinished(() => nowhere.close());
    const missing = nowhere.publish(itemMessages(1500));
    await expect(missing).rejects.toMatchObject({ code: 'storage', disposition: 'permanent', scope: 'batch' });
    await expect(missing).rejects.toThrow(/no-such-topic .*; there is no such topic/);
    const port = await closedPort();
    const unreachable = pubsubQueue({
      topicFor: () => 'topic',
      clock: { now: () => NOW },
      client: { projectId: PROJECT, apiEndpoint: `127.0.0.1:${port}` },
      timeoutMs: 700,
    });
    onTestFinished(() => unreachable.close());
    const late = unreachable.publish(itemMessages(1));
    await expect(late).rejects.toMatchObject({ code: 'storage_unavailable', disposition: 'transient', scope: 'item' });
  });
});

describe('a message on its way', () => {
  it('comes back as it went', () => {
    for (const message of [...itemMessages(1), { kind: 'finalize', batchId: 'b' } as const]) {
      const { data, attributes } = toWire(message, NOW + 0.5);
      const wire = { data: Buffer.from(data).toString('base64'), attributes };
      expect(fromWire(wire)).toEqual({ message, notBefore: NOW + 1 });
      expect(fromWire({ data: wire.data })).toEqual({ message, notBefore: 0 });
    }
  });

  it('is undefined when it is none', () => {
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    for (const data of [undefined, '', base64('no json'), base64('{}'), base64('{"kind":"process","batchId":"b"}')]) {
      expect(fromWire({ data, attributes: { kind: 'process', batchId: 'b' } })).toBeUndefined();
    }
  });
});

const PUBSUB_QUEUE = fileURLToPath(new URL('../../functions/platform/google/pubsub-queue.ts', import.meta.url));
const PUBLISH = `
  const { pubsubQueue } = await import(process.env.MODULE);
  const queue = pubsubQueue({ topicFor: () => process.env.TOPIC, clock: Date, client: { projectId: '${PROJECT}' } });
  const messages = Array.from({ length: 2500 }, (_, n) => ({ kind: 'process', batchId: 'batch', itemId: 'item-' + n }));
  await queue.publish(messages);
  console.log(JSON.stringify({ rss: process.resourceUsage().maxRSS * 1024 }));
  await queue.close();
`;

function itemMessages(count: number): Message[] {
  return Array.from({ length: count }, (_, n) => ({ kind: 'process', batchId: 'batch', itemId: `item-${n}` }));
}

async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
