import { batchIdOf, type Message, messageSchema } from './message.ts';

/** A message on its way: JSON, and beside it what a dead letter, a filter or a log must know without reading it. */
export interface WireMessage {
  data: Uint8Array;
  attributes: Record<string, string>;
}

/** `notBefore` is when the message may be handled, in milliseconds since 1970. */
export function toWire(message: Message, notBefore?: number): WireMessage {
  const attributes: Record<string, string> = { kind: message.kind };
  const batchId = batchIdOf(message);
  if (batchId !== undefined) attributes.batchId = batchId;
  if ('itemId' in message) attributes.itemId = message.itemId;
  if (notBefore !== undefined) attributes.notBefore = String(Math.ceil(notBefore));
  return { data: Buffer.from(JSON.stringify(message)), attributes };
}

/**
 * A message as a push or an event brings it (`data` in base64); undefined if it is none of ours. One whose `notBefore` is
 * ahead is to be given back, or waited for if it is near.
 */
export function fromWire(received: {
  data?: string | undefined;
  attributes?: Readonly<Record<string, string>> | undefined;
}): { message: Message; notBefore: number } | undefined {
  const message = messageSchema.safeParse(parseJson(Buffer.from(received.data ?? '', 'base64').toString()));
  if (!message.success) return undefined;
  return { message: message.data, notBefore: Number(received.attributes?.notBefore) || 0 };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
