import type { ClientConfig, PubSub, Topic } from '@google-cloud/pubsub';
import type { Message } from '../../domain/message.ts';
import { toWire } from '../../domain/wire-message.ts';
import type { Clock, Queue } from '../ports.ts';
import { publishError } from './pubsub-errors.ts';

export interface PubsubQueueOptions {
  /** Name of the topic that a kind of message goes to. */
  topicFor: (kind: Message['kind']) => string;
  clock: Pick<Clock, 'now'>;
  /** PUBSUB_EMULATOR_HOST is honoured. */
  client?: ClientConfig;
  /** For publishing one page of messages, repeated requests included. */
  timeoutMs?: number;
}

/** What one request may hold. */
const MAX_MESSAGES = 1000;
const MAX_BYTES = 9_000_000;
/** Below the time of a function; the client library's own is ten minutes. */
const TIMEOUT_MS = 60_000;

/**
 * The queue over Pub/Sub: up to 1,000 messages in a request, 1,000 in memory at a time. Messages are published once this
 * resolves, some of them also if it fails. No ordering keys: order has no meaning here, and one slow item would hold up
 * others.
 *
 * Pub/Sub has no delayed delivery. A delayed message is published at once with the attribute `notBefore`, and whoever gets it
 * before that time gives it back: it comes again after the backoff of its subscription, 10 s at first and twice as long
 * each time, so up to twice the delay. Each return counts as a delivery attempt; of the 100 that subscriptions here allow,
 * an hour takes about twelve.
 */
export function pubsubQueue(options: PubsubQueueOptions): Queue & { close(): Promise<void> } {
  let opened: Promise<PubSub> | undefined;
  const topics = new Map<string, Topic>();

  /** Loading the client library takes long, so it is left until something is published. */
  async function topicNamed(name: string): Promise<Topic> {
    opened ??= import('@google-cloud/pubsub').then(({ PubSub }) => new PubSub(options.client));
    const client = await opened;
    const topic = topics.get(name) ?? client.topic(name, publishOptions(options.timeoutMs ?? TIMEOUT_MS));
    topics.set(name, topic);
    return topic;
  }

  return {
    async publish(messages, { delayMs } = {}) {
      const notBefore = delayMs === undefined ? undefined : options.clock.now() + delayMs;
      const byTopic = Map.groupBy(messages, ({ kind }) => options.topicFor(kind));
      for (const [name, ofTopic] of byTopic) {
        const topic = await topicNamed(name);
        for (let start = 0; start < ofTopic.length; start += MAX_MESSAGES) {
          const page = ofTopic.slice(start, start + MAX_MESSAGES);
          await Promise.all(page.map((message) => topic.publishMessage(toWire(message, notBefore)))).catch((error) => {
            throw publishError(error, name);
          });
        }
      }
    },
    async close() {
      await (await opened)?.close();
    },
  };
}

function publishOptions(totalTimeoutMillis: number): Parameters<PubSub['topic']>[1] {
  return {
    // What is published in one go fills a batch in one go: nothing is gained by waiting for more.
    batching: { maxMessages: MAX_MESSAGES, maxBytes: MAX_BYTES, maxMilliseconds: 0 },
    gaxOpts: {
      retry: {
        backoffSettings: {
          initialRetryDelayMillis: 100,
          retryDelayMultiplier: 2,
          maxRetryDelayMillis: 10_000,
          initialRpcTimeoutMillis: totalTimeoutMillis,
          rpcTimeoutMultiplier: 1,
          maxRpcTimeoutMillis: totalTimeoutMillis,
          totalTimeoutMillis,
        },
      },
    },
  };
}
