import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from './seeded-random.ts';
import type { ObjectResource } from './storage-resource.ts';

/** An event as Eventarc delivers it: `attributes` are the `ce-` headers without their prefix. */
export interface FinalizeEvent {
  attributes: Record<'id' | 'source' | 'type' | 'subject' | 'time' | 'specversion', string>;
  data: ObjectResource;
}

export interface FinalizeEventsOptions {
  /** A URL that is posted to, or a function; anything but 2xx or a return is delivered again. */
  to: string | ((event: FinalizeEvent) => Promise<void> | void);
  /** Left out, objects of all buckets are told. */
  buckets?: readonly string[] | undefined;
  /** First wait before another delivery; doubles up to ten times. Default 100. */
  retryMs?: number | undefined;
  /** With a seed, events come out of order and some of them twice. */
  disorder?: { seed: number; duplicates: number; delayMs: number } | undefined;
}

export interface FinalizeEvents {
  announce(resource: ObjectResource): void;
  /** Resolves when everything announced so far has been taken. */
  settled(): Promise<void>;
  /** Deliveries that were taken and that were refused. */
  readonly counts: { taken: number; refused: number };
  close(): Promise<void>;
}

/** Delivers each finalize event at least once, in any order. */
export function finalizeEvents(options: FinalizeEventsOptions): FinalizeEvents {
  const { to, buckets, retryMs = 100, disorder } = options;
  const over = new AbortController();
  const random = seededRandom(disorder?.seed ?? 0);
  const underWay = new Set<Promise<void>>();
  const counts = { taken: 0, refused: 0 };

  async function deliver(event: FinalizeEvent, delayMs: number): Promise<void> {
    await pause(delayMs);
    for (let wait = retryMs; !over.signal.aborted; wait = Math.min(wait * 2, retryMs * 10)) {
      try {
        await (typeof to === 'string' ? post(to, event, over.signal) : to(event));
        counts.taken += 1;
        return;
      } catch {
        counts.refused += 1;
      }
      await pause(wait);
    }
  }

  async function pause(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, { signal: over.signal }).catch(() => undefined);
  }

  return {
    counts,
    announce(resource) {
      if (buckets !== undefined && !buckets.includes(resource.bucket)) return;
      const event = eventOf(resource);
      const times = disorder !== undefined && random() < disorder.duplicates ? 2 : 1;
      for (let time = 0; time < times; time++) {
        const delivery = deliver(event, disorder === undefined ? 0 : random() * disorder.delayMs);
        underWay.add(delivery);
        void delivery.finally(() => underWay.delete(delivery));
      }
    },
    async settled() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
    async close() {
      over.abort();
      await Promise.all(underWay);
    },
  };
}

function eventOf(resource: ObjectResource): FinalizeEvent {
  return {
    attributes: {
      id: randomUUID(),
      source: `//storage.googleapis.com/projects/_/buckets/${resource.bucket}`,
      type: 'google.cloud.storage.object.v1.finalized',
      subject: `objects/${resource.name}`,
      time: resource.updated,
      specversion: '1.0',
    },
    data: structuredClone(resource),
  };
}

/** A CloudEvent in binary mode. */
async function post(url: string, { attributes, data }: FinalizeEvent, signal: AbortSignal): Promise<void> {
  const headers = Object.entries(attributes).map(([name, value]) => [`ce-${name}`, headerText(value)]);
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...Object.fromEntries(headers), 'content-type': 'application/json' },
    body: JSON.stringify(data),
    signal,
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`answered ${response.status}`);
}

/** CloudEvents over HTTP write what is no printable ASCII, and space, `"` and `%`, as percent codes. */
function headerText(value: string): string {
  return value.replace(/[^!#-$&-~]+/g, (text) => encodeURIComponent(text));
}
