import { connect, type Socket } from 'node:net';

/** An answer as it came over the line. */
export interface RawAnswer {
  /** 0 where the server closed the connection without a word. */
  status: number;
  head: string;
  body: string;
}

/** Sends bytes that no well-behaved client would send. Resolves when the server has closed the connection. */
export async function rawRequest(url: string, text: string | Buffer): Promise<RawAnswer> {
  const socket = openSocket(url);
  const parts: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on('data', (part: Buffer) => parts.push(part));
  socket.once('close', () => resolve());
  socket.write(text);
  await promise;
  const all = Buffer.concat(parts).toString('utf8');
  const end = all.indexOf('\r\n\r\n');
  const head = end === -1 ? all : all.slice(0, end);
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 0), head, body: end === -1 ? '' : all.slice(end + 4) };
}

/** A connection to the server. That it breaks is no failure. */
export function openSocket(url: string): Socket {
  const { hostname, port } = new URL(url);
  return connect(Number(port), hostname).on('error', () => undefined);
}
