import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Disposal, Message } from '../../functions/domain/message.ts';
import type { MakeSubject, Subject } from './samples.ts';

const ACK: Disposal = { kind: 'ack' };

/** What every implementation of `Queue` and `Deliveries` does. The subject's shortest redelivery wait must be well under a second. */
export function queueContract(name: string, makeSubject: MakeSubject): void {
  describe(`${name}: queue`, () => {
    let subject: Subject;
    let made = 0;
    beforeAll(async () => {
      subject = await makeSubject();
    });
    afterAll(() => subject.close());

    function messagesOf(count: number): { batchId: string; messages: Message[] } {
      made += 1;
      const batchId = `queue-${process.pid}-${made}`;
      const messages = Array.from({ length: count }, (_, index) => ({
        kind: 'process' as const,
        batchId,
        itemId: `item-${index}`,
      }));
      return { batchId, messages };
    }
    const idOf = (message: Message): string => ('itemId' in message ? message.itemId : message.kind);

    /** Consumes until `handle` calls `stop`. */
    async function consume(
      batchId: string,
      concurrency: number,
      handle: (message: Message, attempt: number, stop: () => void) => Promise<Disposal>,
    ): Promise<void> {
      const over = new AbortController();
      await subject.deliveries.consume({
        batchId,
        concurrency,
        signal: over.signal,
        handle: (message, { attempt }) => handle(message, attempt, () => over.abort()),
      });
    }

    it('delivers every message, as it was, to a batch of its own', async () => {
      const { batchId, messages } = messagesOf(50);
      const other = messagesOf(1);
      const odd = { kind: 'process', batchId, itemId: '/a "b"\n' } as const;
      await subject.platform.queue.publish([...messages, odd, ...other.messages]);
      const seen: Message[] = [];
      await consume(batchId, 4, async (message, _, stop) => {
        seen.push(message);
        if (seen.length === 51) stop();
        return ACK;
      });
      expect(seen).toHaveLength(51);
      expect(seen).toEqual(expect.arrayContaining([...messages, odd]));
    });

    it('keeps as many handlers busy as it may, never more', async () => {
      const { batchId, messages } = messagesOf(30);
      await subject.platform.queue.publish(messages);
      let busy = 0;
      let most = 0;
      let done = 0;
      await consume(batchId, 5, async (_, __, stop) => {
        busy += 1;
        most = Math.max(most, busy);
        for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
        busy -= 1;
        done += 1;
        if (done === 30) stop();
        return ACK;
      });
      expect(most).toBe(5);
    });

    it('takes up messages that are published while it runs', async () => {
      const { batchId, messages } = messagesOf(10);
      await subject.platform.queue.publish(messages.slice(0, 1));
      const seen: string[] = [];
      await consume(batchId, 2, async (message, _, stop) => {
        seen.push(idOf(message));
        const next = messages[seen.length];
        if (next === undefined) stop();
        else await subject.platform.queue.publish([next]);
        return ACK;
      });
      expect(seen).toEqual(messages.map(idOf));
    });

    it('delivers again what a handler gives back or fails on, and does not lose the others', async () => {
      const { batchId, messages } = messagesOf(3);
      await subject.platform.queue.publish(messages);
      const seen: string[] = [];
      await consume(batchId, 1, async (message, attempt, stop) => {
        seen.push(`${idOf(message)} ${attempt}`);
        if (seen.length === 5) stop();
        if (attempt === 1 && idOf(message) === 'item-0') throw new Error('broken');
        if (attempt === 1 && idOf(message) === 'item-1') return { kind: 'retry' };
        return ACK;
      });
      expect(seen.slice(0, 3)).toEqual(['item-0 1', 'item-1 1', 'item-2 1']);
      expect(seen.slice(3).sort()).toEqual(['item-0 2', 'item-1 2']);
    });

    it('waits as long as it is asked to', async () => {
      const { batchId, messages } = messagesOf(2);
      const begin = performance.now();
      await subject.platform.queue.publish(messages.slice(0, 1));
      await subject.platform.queue.publish(messages.slice(1), { delayMs: 300 });
      const at: Record<string, number[]> = {};
      await consume(batchId, 2, async (message, _, stop) => {
        const times = [...(at[idOf(message)] ?? []), performance.now() - begin];
        at[idOf(message)] = times;
        if (Object.values(at).flat().length === 3) stop();
        return idOf(message) === 'item-0' && times.length === 1 ? { kind: 'retry', afterMs: 300 } : ACK;
      });
      expect(at['item-1']?.[0]).toBeGreaterThanOrEqual(295);
      expect((at['item-0']?.[1] ?? 0) - (at['item-0']?.[0] ?? 0)).toBeGreaterThanOrEqual(295);
    });

    it('delivers nothing twice to consumers side by side', async () => {
      const { batchId, messages } = messagesOf(200);
      await subject.platform.queue.publish(messages);
      const seen: string[] = [];
      const over = new AbortController();
      const consumer = {
        batchId,
        concurrency: 7,
        signal: over.signal,
        handle: async (message: Message) => {
          seen.push(idOf(message));
          if (seen.length === 200) over.abort();
          return ACK;
        },
      };
      await Promise.all([subject.deliveries.consume(consumer), subject.deliveries.consume(consumer)]);
      expect([...seen].sort()).toEqual(messages.map(idOf).sort());
    });

    it('waits for handlers under way when it is stopped, and starts no other', async () => {
      const { batchId, messages } = messagesOf(4);
      await subject.platform.queue.publish(messages);
      let finished = 0;
      let begun = 0;
      await consume(batchId, 2, async (_, __, stop) => {
        begun += 1;
        if (begun === 2) stop();
        for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
        finished += 1;
        return ACK;
      });
      expect([begun, finished]).toEqual([2, 2]);
      const rest: string[] = [];
      await consume(batchId, 2, async (message, _, stop) => {
        rest.push(idOf(message));
        if (rest.length === 2) stop();
        return ACK;
      });
      expect(rest.sort()).toEqual(['item-2', 'item-3']);
    });

    it('ends at once when it is stopped before it begins', async () => {
      const { batchId, messages } = messagesOf(1);
      await subject.platform.queue.publish(messages);
      await subject.platform.queue.publish([]);
      const handle = () => Promise.reject(new Error('nothing may be delivered'));
      await subject.deliveries.consume({ batchId, concurrency: 1, signal: AbortSignal.abort(), handle });
    });
  });
}
