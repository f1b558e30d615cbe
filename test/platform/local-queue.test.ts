import { describe, expect, it, vi } from 'vitest';
import type { Disposal, Message } from '../../functions/domain/message.ts';
import { systemClock } from '../../functions/platform/local/system-clock.ts';
import type { Deliveries } from '../../functions/platform/ports.ts';
import { tempHome } from '../support/temp-home.ts';
import { openLocal, QUICK_QUEUE, SILENT_LOG } from './local-platform.ts';
import { startWorker } from './local-processes.ts';

const ACK: Disposal = { kind: 'ack' };
const BATCH = 'batch';
const idOf = (message: Message): string => ('itemId' in message ? message.itemId : message.kind);
const messagesOf = (...itemIds: string[]): Message[] =>
  itemIds.map((itemId) => ({ kind: 'process', batchId: BATCH, itemId }));

/** Consumes in the background until `stop`. */
function begin(deliveries: Deliveries, handle: (message: Message, attempt: number) => Promise<Disposal>) {
  const over = new AbortController();
  const ended = deliveries.consume({
    batchId: BATCH,
    concurrency: 3,
    signal: over.signal,
    handle: (message, { attempt }) => handle(message, attempt),
  });
  return {
    async stop() {
      over.abort();
      await ended;
    },
  };
}

describe('the queue of a home', () => {
  it('delivers at once again what a killed process had in hand', async () => {
    const home = await tempHome();
    const local = openLocal(home);
    await local.platform.queue.publish(messagesOf('a', 'b', 'c', 'd'));
    const worker = startWorker('consume', { home, batchId: BATCH });
    for (let count = 0; count < 3; count++) await worker.next();
    const seen: string[] = [];
    const consumer = begin(local.deliveries, async (message, attempt) => {
      seen.push(`${idOf(message)} ${attempt}`);
      return ACK;
    });
    await vi.waitFor(() => expect(seen).toEqual(['d 1']));
    await worker.kill();
    await vi.waitFor(() => expect(seen).toHaveLength(4), { timeout: 5000 });
    expect(seen.slice(1).sort()).toEqual(['a 2', 'b 2', 'c 2']);
    await consumer.stop();
    await local.close();
  });

  it('does not double a message that waits already, only hurries it; one in hand is another matter', async () => {
    const local = openLocal(await tempHome());
    const { queue } = local.platform;
    await queue.publish(messagesOf('a'), { delayMs: 3_600_000 });
    await queue.publish(messagesOf('a', 'a'));
    const seen: string[] = [];
    const consumer = begin(local.deliveries, async (message, attempt) => {
      seen.push(`${idOf(message)} ${attempt}`);
      if (seen.length === 1) await queue.publish(messagesOf('a'));
      if (seen.length === 2) await queue.publish(messagesOf('end'));
      return ACK;
    });
    await vi.waitFor(() => expect(seen).toHaveLength(3), { timeout: 5000 });
    await consumer.stop();
    expect(seen).toEqual(['a 1', 'a 1', 'end 1']);
    await local.close();
  });

  it('sees what another process publishes', async () => {
    const home = await tempHome();
    const local = openLocal(home);
    const seen: string[] = [];
    const consumer = begin(local.deliveries, async (message) => {
      seen.push(idOf(message));
      return ACK;
    });
    await startWorker('publish', { home, batchId: BATCH, itemIds: ['x', 'y'] }).rest();
    await vi.waitFor(() => expect(seen.sort()).toEqual(['x', 'y']));
    await consumer.stop();
    await local.close();
  });

  it('keeps messages over a restart', async () => {
    const home = await tempHome();
    const before = openLocal(home);
    await before.platform.queue.publish(messagesOf('kept'));
    await before.close();
    const local = openLocal(home);
    const handle = vi.fn(async () => ACK);
    const consumer = begin(local.deliveries, handle);
    await vi.waitFor(() => expect(handle).toHaveBeenCalledTimes(1));
    await consumer.stop();
    await local.close();
  });

  it('gives a message up after the last delivery and tells so until it was heard', async () => {
    const told: string[] = [];
    const local = openLocal(await tempHome(), {
      queue: { ...QUICK_QUEUE, maxDeliveries: 3, minBackoffMs: 1 },
      onDeadLetter: async (message, reason) => {
        told.push(`${idOf(message)}: ${reason}`);
        if (told.length === 1) throw new Error('not now');
      },
    });
    await local.platform.queue.publish(messagesOf('poison'));
    const attempts: number[] = [];
    const consumer = begin(local.deliveries, async (_, attempt) => {
      attempts.push(attempt);
      throw new Error(`broken ${attempt}`);
    });
    await vi.waitFor(() => expect(told).toHaveLength(2), { timeout: 5000 });
    expect(attempts).toEqual([1, 2, 3]);
    expect(told[0]).toBe('poison: Unexpected failure: broken 3');
    await consumer.stop();
    await local.close();
  });

  it('does not give up what its handler puts off again and again', async () => {
    const told = vi.fn(async () => undefined);
    const local = openLocal(await tempHome(), { queue: { ...QUICK_QUEUE, maxDeliveries: 2 }, onDeadLetter: told });
    await local.platform.queue.publish(messagesOf('twin'));
    let times = 0;
    const consumer = begin(local.deliveries, async () => (++times < 6 ? { kind: 'retry', afterMs: 1 } : ACK));
    await vi.waitFor(() => expect(times).toBe(6));
    await consumer.stop();
    expect(told).not.toHaveBeenCalled();
    await local.close();
  });

  it('waits longer after each failure, up to a bound', async () => {
    const clock = { ...systemClock(), random: () => 1 };
    const local = openLocal(await tempHome(), {
      clock,
      queue: { pollMs: 5, minBackoffMs: 20, maxBackoffMs: 60 },
    });
    await local.platform.queue.publish(messagesOf('slow'));
    const at: number[] = [];
    const consumer = begin(local.deliveries, async () => {
      at.push(clock.now());
      return at.length < 5 ? { kind: 'retry' } : ACK;
    });
    await vi.waitFor(() => expect(at).toHaveLength(5), { timeout: 5000 });
    const waits = at.slice(1).map((time, index) => time - (at[index] ?? 0));
    for (const [index, least] of [20, 40, 60, 60].entries()) expect(waits[index]).toBeGreaterThanOrEqual(least);
    await consumer.stop();
    await local.close();
  });

  it('delivers again what is in hand for too long, and ignores the late acknowledgement', async () => {
    const local = openLocal(await tempHome(), { queue: { ...QUICK_QUEUE, ackDeadlineMs: 100 } });
    await local.platform.queue.publish(messagesOf('long'));
    const second = Promise.withResolvers<void>();
    const events: string[] = [];
    const consumer = begin(local.deliveries, async () => {
      const nth = events.push('delivered');
      if (nth === 1) await second.promise;
      if (nth === 2) second.resolve();
      return nth === 2 ? { kind: 'retry', afterMs: 50 } : ACK;
    });
    await vi.waitFor(() => expect(events).toHaveLength(3));
    await consumer.stop();
    await local.close();
  });

  it('gives back what it was just taking when it is stopped', async () => {
    const real = systemClock();
    const over = new AbortController();
    let looks = Number.NEGATIVE_INFINITY;
    // The queue looks at the clock once to see whether anything is due and once more inside the transaction that takes it.
    const now = () => {
      looks += 1;
      if (looks === 2) over.abort();
      return real.now();
    };
    const local = openLocal(await tempHome(), { clock: { ...real, now } });
    await local.platform.queue.publish(messagesOf('a', 'b'));
    looks = 0;
    const handle = () => Promise.reject(new Error('nothing may be delivered'));
    await local.deliveries.consume({ batchId: BATCH, concurrency: 2, signal: over.signal, handle });
    expect(looks).toBeGreaterThanOrEqual(2);
    const seen: string[] = [];
    const consumer = begin(local.deliveries, async (message, attempt) => {
      seen.push(`${idOf(message)} ${attempt}`);
      return ACK;
    });
    await vi.waitFor(() => expect(seen).toEqual(['a 1', 'b 1']));
    await consumer.stop();
    await local.close();
  });

  it('logs what a handler fails on', async () => {
    const warn = vi.fn();
    const local = openLocal(await tempHome(), { log: { ...SILENT_LOG, warn } });
    await local.platform.queue.publish(messagesOf('logged'));
    const consumer = begin(local.deliveries, async (_, attempt) => {
      if (attempt === 1) throw new Error('broken');
      return ACK;
    });
    await vi.waitFor(() => expect(warn).toHaveBeenCalledTimes(1));
    expect(warn).toHaveBeenCalledWith(
      expect.objectContaining({ batchId: BATCH, itemId: 'logged', code: 'internal' }),
      'delivery failed',
    );
    await consumer.stop();
    await local.close();
  });

  it('hands out 10,000 messages, each once', async () => {
    const local = openLocal(await tempHome());
    const ids = Array.from({ length: 10_000 }, (_, index) => `item-${index}`);
    for (let start = 0; start < ids.length; start += 500) {
      await local.platform.queue.publish(messagesOf(...ids.slice(start, start + 500)));
    }
    let done = 0;
    const over = new AbortController();
    await local.deliveries.consume({
      batchId: BATCH,
      concurrency: 5,
      signal: over.signal,
      handle: async () => {
        done += 1;
        if (done === ids.length) over.abort();
        return ACK;
      },
    });
    expect(done).toBe(ids.length);
    await local.close();
  });
});
