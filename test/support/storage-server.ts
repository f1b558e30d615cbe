import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { type Answer, apiDesk, failureAnswer, type Request } from './storage-api.ts';
import { type FinalizeEvents, type FinalizeEventsOptions, finalizeEvents } from './storage-events.ts';
import { type ObjectStore, objectStore } from './storage-objects.ts';
import { StorageFailure } from './storage-resource.ts';

/** A request as `faults` sees it and `calls` keeps it. */
export interface StorageCall {
  /** From 1, in order of arrival. */
  n: number;
  method: string;
  /** Path and query, as sent. */
  url: string;
  /** Bytes of the body. */
  bytes: number;
}
/**
 * An HTTP status instead of doing it; `lost`: it is done, but the connection breaks before the answer; `cut`: in the middle
 * of the answer; `silent`: nothing.
 */
export type StorageFault = number | 'lost' | 'cut' | 'silent';

export interface StorageServerOptions {
  port?: number | undefined;
  /** Keeps objects in this folder, else in memory. */
  dir?: string | undefined;
  /** Made at the start, unless they are there. */
  buckets?: readonly string[] | undefined;
  events?: FinalizeEventsOptions | undefined;
  /** The clock that objects are dated by. */
  now?: (() => number) | undefined;
  faults?: ((call: StorageCall) => StorageFault | undefined) | undefined;
}

export interface StorageServer {
  /** For `apiEndpoint` or STORAGE_EMULATOR_HOST. */
  readonly url: string;
  readonly calls: StorageCall[];
  readonly events: FinalizeEvents | undefined;
  readonly objects: ObjectStore;
  close(): Promise<void>;
}

/** Speaks the part of the Cloud Storage JSON API that the client library uses, on 127.0.0.1, without authentication. */
export async function startStorageServer(options: StorageServerOptions = {}): Promise<StorageServer> {
  const objects = objectStore({ dir: options.dir, ...(options.now && { now: options.now }) });
  for (const bucket of options.buckets ?? []) if (!objects.bucketNames().includes(bucket)) objects.createBucket(bucket);
  const events = options.events && finalizeEvents(options.events);
  const answer = apiDesk(objects, (resource) => events?.announce(resource));
  const calls: StorageCall[] = [];
  let arrived = 0;

  const server = createServer(async (incoming, response) => {
    arrived += 1;
    const n = arrived;
    const request = await receive(incoming);
    const call = { n, method: request.method, url: incoming.url ?? '', bytes: request.bytes.length };
    calls.push(call);
    const fault = options.faults?.(call);
    if (typeof fault === 'number') return send(response, failureAnswer(new StorageFailure(fault, 'fault', 'A fault.')));
    if (fault === 'silent') return;
    const made = answer(request);
    if (fault === 'lost') response.destroy();
    else send(response, made, fault === 'cut');
  });
  // Longer than any pause between calls: a connection closed while idle would look like a reset to the client.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    events,
    objects,
    async close() {
      await events?.close();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

async function receive(incoming: IncomingMessage): Promise<Request> {
  const chunks: Buffer[] = [];
  let isWhole = true;
  try {
    for await (const chunk of incoming) chunks.push(chunk);
  } catch {
    isWhole = false;
  }
  const origin = `http://${incoming.headers.host}`;
  const url = new URL(incoming.url ?? '/', origin);
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [name, value?.toString()]),
  );
  const bytes = Buffer.concat(chunks);
  return { method: incoming.method ?? 'GET', url, origin, query: url.searchParams, headers, bytes, isWhole };
}

function send(response: ServerResponse, { status, headers = {}, body }: Answer, cut = false): void {
  const isJson = body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body);
  const bytes = isJson ? JSON.stringify(body) : (body ?? '');
  const type = isJson ? { 'content-type': 'application/json; charset=UTF-8' } : {};
  response.writeHead(status, { ...type, ...headers, 'content-length': String(Buffer.byteLength(bytes)) });
  if (cut) response.write(bytes.slice(0, bytes.length / 2), () => response.destroy());
  else response.end(bytes);
}

/** `node test/support/storage-server.ts --port 9023 --dir DIR --bucket inbox --bucket output --events URL --events-of inbox` */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '9023' },
      dir: { type: 'string' },
      bucket: { type: 'string', multiple: true },
      events: { type: 'string' },
      'events-of': { type: 'string', multiple: true },
    },
  });
  const { url } = await startStorageServer({
    port: Number(values.port),
    dir: values.dir,
    buckets: values.bucket,
    events:
      values.events === undefined ? undefined : { to: values.events, buckets: values['events-of'], retryMs: 1000 },
  });
  process.stdout.write(`Cloud Storage on ${url}\n`);
}

if (import.meta.main) await main();
