import type { Message } from '../../functions/domain/message.ts';
import type { Queue } from '../../functions/platform/ports.ts';

/** A queue whose messages a test hands out itself. */
export function messageList(): Queue & { waiting: Message[] } {
  const waiting: Message[] = [];
  return {
    waiting,
    async publish(messages) {
      waiting.push(...messages);
    },
  };
}
