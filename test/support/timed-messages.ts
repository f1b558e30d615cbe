import type { Message } from '../../functions/domain/message.ts';
import type { Clock, Queue } from '../../functions/platform/ports.ts';

/** A queue whose messages a test hands out itself, each when it is due. */
export function timedMessages(clock: Pick<Clock, 'now'>) {
  const waiting: { message: Message; dueAt: number }[] = [];
  const queue: Queue = {
    async publish(messages, { delayMs = 0 } = {}) {
      for (const message of messages) waiting.push({ message, dueAt: clock.now() + delayMs });
    },
  };
  return {
    queue,
    waiting,
    /** The oldest message that is due, taken out. */
    take(): Message | undefined {
      const index = waiting.findIndex(({ dueAt }) => dueAt <= clock.now());
      return index < 0 ? undefined : waiting.splice(index, 1)[0]?.message;
    },
    /** How long until one is due; undefined when none waits. */
    nextInMs(): number | undefined {
      const next = Math.min(...waiting.map(({ dueAt }) => dueAt));
      return waiting.length === 0 ? undefined : Math.max(0, next - clock.now());
    },
  };
}
