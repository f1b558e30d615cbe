import { asProofsheetError } from '../../domain/errors.ts';
import type { Message } from '../../domain/message.ts';
import type { Clock, Deliveries, Handler, Log, Queue } from '../ports.ts';
import type { Presence } from './process-presence.ts';
import {
  buryMessage,
  type Delivery,
  giveBack,
  insertMessages,
  isAnyDue,
  otherOwners,
  removeMessage,
  takeDue,
  takeFromDead,
} from './queue-messages.ts';
import type { Database } from './sqlite.ts';

export interface ProcessQueueOptions {
  db: Database;
  presence: Presence;
  clock: Pick<Clock, 'now' | 'random'>;
  log: Log;
  /** Called at least once for a message that was given back `maxDeliveries` times; it is kept aside once this resolves. */
  onDeadLetter?: (message: Message, reason: string) => Promise<void>;
  /** First wait after a failed delivery; doubles up to `maxBackoffMs`. */
  minBackoffMs?: number;
  maxBackoffMs?: number;
  maxDeliveries?: number;
  /** A message in hand for longer than this is delivered again. */
  ackDeadlineMs?: number;
  /** How often messages of other processes are looked for. */
  pollMs?: number;
}

type Settings = Required<ProcessQueueOptions>;

const NOBODY_TOLD = (): Promise<void> => Promise.resolve();

/**
 * A queue in the database with the semantics of Pub/Sub: at least once, an ack deadline, redelivery with backoff, dead
 * letters. Deliveries that the handler puts off by a time of its own do not count against a message. What a dead process
 * had in hand is due at once.
 */
export function processQueue(options: ProcessQueueOptions): Queue & Deliveries {
  const settings: Settings = {
    onDeadLetter: NOBODY_TOLD,
    minBackoffMs: 1000,
    maxBackoffMs: 600_000,
    maxDeliveries: 100,
    ackDeadlineMs: 600_000,
    pollMs: 200,
    ...options,
  };
  const bells = new Set<Bell>();
  return {
    async publish(messages, { delayMs = 0 } = {}) {
      if (messages.length === 0) return;
      const { db, clock } = settings;
      await db.write((sql) => insertMessages(sql, messages, Math.ceil(clock.now() + delayMs)));
      for (const bell of bells) bell.ring();
    },
    async consume(consumer) {
      const bell = newBell(consumer.signal);
      bells.add(bell);
      try {
        await consumeWith(settings, consumer, bell);
      } finally {
        bells.delete(bell);
        bell.close();
      }
    },
  };
}

async function consumeWith(
  settings: Settings,
  consumer: { batchId: string; concurrency: number; signal: AbortSignal; handle: Handler },
  bell: Bell,
): Promise<void> {
  const { batchId, concurrency, signal, handle } = consumer;
  let inHand = 0;
  const ends = new Set<Promise<void>>();
  const lookForDead = deadLookout(settings);
  const begin = (delivery: Delivery): void => {
    inHand += 1;
    // The slot is free as soon as the handler is done; its acknowledgement shares a commit with what comes next.
    const end = deliver(settings, delivery, handle, () => {
      inHand -= 1;
      bell.ring();
    }).finally(() => ends.delete(end));
    ends.add(end);
  };
  try {
    while (!signal.aborted) {
      await lookForDead();
      const taken = inHand < concurrency ? await take(settings, batchId, () => concurrency - inHand) : [];
      if (signal.aborted) await putBack(settings, taken);
      else for (const delivery of taken) begin(delivery);
      // A full hand says that there may be more: look again at once, unless nobody is free.
      if (taken.length === 0 || inHand >= concurrency) await bell.heard(settings.pollMs);
    }
  } finally {
    await Promise.all(ends);
  }
}

/** `free` is asked inside the transaction: handlers that ended since then are counted. */
async function take(settings: Settings, batchId: string, free: () => number): Promise<Delivery[]> {
  const { db, clock, presence, ackDeadlineMs } = settings;
  if (!(await db.read((sql) => isAnyDue(sql, batchId, clock.now())))) return [];
  return await db.write((sql) => {
    const limit = free();
    return takeDue(sql, batchId, { owner: presence.id, now: clock.now(), deadlineMs: ackDeadlineMs, limit });
  });
}

async function putBack({ db, clock }: Settings, taken: readonly Delivery[]): Promise<void> {
  if (taken.length === 0) return;
  await db.write((sql) => {
    for (const delivery of taken) giveBack(sql, delivery, { dueAt: clock.now(), counts: false });
  });
}

/** Hands one message out and records what became of it. Never rejects: what cannot be recorded is delivered again. */
async function deliver(settings: Settings, delivery: Delivery, handle: Handler, done: () => void): Promise<void> {
  const { db, log } = settings;
  try {
    const record = await outcomeOf(settings, delivery, handle).finally(done);
    await db.write(record);
  } catch (thrown) {
    const error = asProofsheetError(thrown);
    log.error(
      { ...delivery.message, code: error.code, error: error.message },
      'delivery not recorded, it will be repeated',
    );
  }
}

type Recording = Parameters<Database['write']>[0];

async function outcomeOf(settings: Settings, delivery: Delivery, handle: Handler): Promise<Recording> {
  const { clock, log, maxDeliveries, onDeadLetter } = settings;
  const { message, deliveries } = delivery;
  try {
    if (deliveries > maxDeliveries) {
      const reason = delivery.reason ?? 'the process ended during each delivery';
      log.error({ ...message, deliveries: maxDeliveries, error: reason }, 'message given up');
      await onDeadLetter(message, reason);
      return (sql) => buryMessage(sql, delivery, reason, clock.now());
    }
    const disposal = await handle(message, { attempt: deliveries });
    if (disposal.kind === 'ack') return (sql) => removeMessage(sql, delivery);
    if (disposal.afterMs === undefined) return again(settings, delivery, 'given back by its handler');
    const dueAt = Math.ceil(clock.now() + disposal.afterMs);
    return (sql) => giveBack(sql, delivery, { dueAt, counts: false });
  } catch (thrown) {
    const error = asProofsheetError(thrown);
    log.warn({ ...message, attempt: deliveries, code: error.code, error: error.message }, 'delivery failed');
    return again(settings, delivery, error.message);
  }
}

/** After the last delivery the message is due at once, to be given up. */
function again(settings: Settings, delivery: Delivery, reason: string): Recording {
  const { clock, minBackoffMs, maxBackoffMs, maxDeliveries } = settings;
  const ceiling = Math.min(maxBackoffMs, minBackoffMs * 2 ** (delivery.deliveries - 1));
  const waitMs = delivery.deliveries === maxDeliveries ? 0 : ceiling * (0.5 + clock.random() / 2);
  const dueAt = Math.ceil(clock.now() + waitMs);
  return (sql) => giveBack(sql, delivery, { dueAt, counts: true, reason });
}

/** Looks for dead owners, at most once per poll. */
function deadLookout({ db, clock, presence, pollMs }: Settings): () => Promise<void> {
  let lookedAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (performance.now() - lookedAt < pollMs) return;
    lookedAt = performance.now();
    const owners = await db.read((sql) => otherOwners(sql, presence.id));
    for (const owner of owners) {
      if (!presence.isAlive(owner)) await db.write((sql) => takeFromDead(sql, owner, clock.now()));
    }
  };
}

/** Wakes a waiting consumer; a ring while nobody waits is heard by the next wait. */
interface Bell {
  ring(): void;
  /** Resolves at a ring, at an abort or after `ms`. */
  heard(ms: number): Promise<void>;
  close(): void;
}

function newBell(signal: AbortSignal): Bell {
  let rung = false;
  let wake: (() => void) | undefined;
  const ring = (): void => {
    rung = true;
    wake?.();
  };
  signal.addEventListener('abort', ring);
  return {
    ring,
    async heard(ms) {
      if (!rung) {
        await new Promise<void>((resolve) => {
          const timeout = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timeout);
            resolve();
          };
        });
      }
      rung = false;
      wake = undefined;
    },
    close: () => signal.removeEventListener('abort', ring),
  };
}
