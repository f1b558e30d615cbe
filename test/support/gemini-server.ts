import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { type Fault, googleError, imageReply, jsonReply, type Reply, textReply } from './gemini-replies.ts';
import { sendFault, sendJson } from './send-reply.ts';

/** A call as `respond` and `faults` see it. Members below `key` are worked out from the body when first read. */
export interface Call {
  /** From 1, in order of arrival. */
  readonly n: number;
  readonly path: string;
  readonly model: string;
  readonly kind: 'text' | 'json' | 'image' | 'embed';
  /** Value of x-goog-api-key and of Authorization. */
  readonly key: string | undefined;
  readonly authorization: string | undefined;
  /** The request as parsed JSON. */
  readonly body: RequestBody;
  /** Text parts, joined with line feeds. */
  readonly prompt: string;
  readonly system: string;
  readonly images: readonly { mimeType: string; bytes: number; sha256: string; data: Buffer }[];
}

interface RequestContent {
  role?: string;
  parts?: { text?: string; inlineData?: { mimeType: string; data: string } }[];
}

export interface RequestBody {
  contents?: RequestContent[];
  /** Of an encoder: a list from the Gemini API, one content from Vertex AI. */
  requests?: { content: RequestContent; outputDimensionality?: number; [member: string]: unknown }[];
  content?: RequestContent;
  embedContentConfig?: Record<string, unknown>;
  systemInstruction?: { parts?: { text?: string }[] };
  generationConfig?: Record<string, unknown>;
  serviceTier?: string;
  [member: string]: unknown;
}

/** What is kept of a call. */
export interface CallRecord extends Omit<Call, 'images'> {
  images: readonly { mimeType: string; bytes: number; sha256: string }[];
  /** HTTP status, or the fault that took its place. */
  status: number | Fault['kind'];
  /** A complete 200 answer was written: the service would bill it. */
  paid: boolean;
  startedAt: number;
  endedAt: number;
  /** When the connection or the answer was over; before that, the caller still waits. */
  closedAt?: number;
}

export interface GeminiServer {
  readonly url: string;
  /** Empty with `record: false`. */
  readonly calls: CallRecord[];
  readonly counts: Counts;
  close(): Promise<void>;
}

export interface Counts {
  calls: number;
  paid: number;
  /** Refused with 429 for `maxConcurrent`. */
  rejected: number;
  /** Most calls in work at once. */
  peak: number;
}

export interface GeminiServerOptions {
  port?: number;
  latencyMs?: number | ((call: Call) => number);
  /** Calls above this are answered 429 at once. */
  maxConcurrent?: number;
  respond?: (call: Call) => Reply | Promise<Reply>;
  faults?: (call: Call) => Fault | undefined;
  /** Keys and models that are known; any where left out. */
  keys?: readonly string[];
  models?: readonly string[];
  /** False keeps counters only, so that memory stays flat over tens of thousands of calls. Default true. */
  record?: boolean;
  /** What else the server speaks: says whether a request was its affair. */
  also?: (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;
}

/** Speaks the part of the Gemini and Vertex AI REST API that the product uses, on 127.0.0.1. */
export async function startGeminiServer(options: GeminiServerOptions = {}): Promise<GeminiServer> {
  const counts: Counts = { calls: 0, paid: 0, rejected: 0, peak: 0 };
  const calls: CallRecord[] = [];
  let active = 0;

  const server = createServer(async (request, response) => {
    if (await options.also?.(request, response)) return;
    const path = request.url ?? '/';
    const refusal = refusalOf(request, path, options);
    if (request.method === 'GET') {
      if (path === '/counts') return sendJson(response, 200, JSON.stringify(counts));
      return refusal ? sendFault(response, refusal, '') : sendJson(response, 200, describeModel(path));
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const startedAt = performance.timeOrigin + performance.now();
      counts.calls += 1;
      const call = readCall(counts.calls, request.headers, path, chunks);
      // Kept before the answer goes out, so that a caller who has the answer finds the record.
      const finish = (status: CallRecord['status'], paid: boolean) => {
        if (paid) counts.paid += 1;
        const endedAt = performance.timeOrigin + performance.now();
        const record = options.record === false ? undefined : { ...keep(call), status, paid, startedAt, endedAt };
        if (record !== undefined) calls.push(record);
        response.once('close', () => {
          if (record !== undefined) record.closedAt = performance.timeOrigin + performance.now();
          if (!paid || response.writableFinished) return;
          counts.paid -= 1;
          if (record !== undefined) record.paid = false;
        });
      };
      const fault = refusal ?? options.faults?.(call);
      if (fault !== undefined) {
        finish(fault.kind === 'error' ? fault.http : fault.kind, false);
        return sendFault(response, fault, defaultBody(call));
      }
      if (active >= (options.maxConcurrent ?? Number.POSITIVE_INFINITY)) {
        counts.rejected += 1;
        finish(429, false);
        return sendJson(response, 429, TOO_MANY);
      }
      active += 1;
      counts.peak = Math.max(counts.peak, active);
      // Given back before the answer is written, for the caller may send the next call as soon as it has read it.
      const answer = (status: number, body: string | Buffer) => {
        active -= 1;
        finish(status, status === 200 && !response.destroyed);
        if (!response.destroyed) sendJson(response, status, body);
      };
      const latency = typeof options.latencyMs === 'function' ? options.latencyMs(call) : (options.latencyMs ?? 0);
      const reply = () => void answerWith(call, options, answer);
      if (latency > 0) setTimeout(reply, latency);
      else reply();
    });
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
    counts,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answerWith(
  call: Call,
  { respond }: GeminiServerOptions,
  answer: (status: number, body: string | Buffer) => void,
): Promise<void> {
  if (respond === undefined) return answer(200, defaultBody(call));
  try {
    answer(200, JSON.stringify(await respond(call)));
  } catch (error) {
    answer(500, JSON.stringify({ error: { code: 500, message: `respond failed: ${error}`, status: 'INTERNAL' } }));
  }
}

const TOO_MANY = JSON.stringify({
  error: { code: 429, message: 'Resource exhausted. Please try again later.', status: 'RESOURCE_EXHAUSTED' },
});

const DEFAULT_BODIES = {
  text: Buffer.from(JSON.stringify(textReply('A red square on a plain background.'))),
  json: Buffer.from(JSON.stringify(jsonReply({ answer: 'red' }))),
  image: Buffer.from(JSON.stringify(imageReply())),
};

function defaultBody(call: Call): Buffer {
  if (call.kind === 'embed') return Buffer.from(JSON.stringify(embeddingReply(call.body)));
  return DEFAULT_BODIES[call.kind];
}

/** A vector that follows from the bytes of the request, of the length asked for. */
function embeddingReply({ requests, content, embedContentConfig }: RequestBody): Reply {
  const contents = requests?.map((one) => one.content) ?? (content ? [content] : []);
  const length = Number(requests?.[0]?.outputDimensionality ?? embedContentConfig?.outputDimensionality ?? 3072);
  const embeddings = contents.map((one) => {
    const seed = createHash('sha256').update(JSON.stringify(one)).digest();
    return { values: Array.from({ length }, (_, n) => ((seed[n % seed.length] ?? 0) - 127.5) / (64 + n)) };
  });
  const promptTokenCount = 258 * contents.length;
  const usageMetadata = {
    promptTokenCount,
    promptTokensDetails: [{ modality: 'IMAGE', tokenCount: promptTokenCount }],
  };
  return { ...(requests ? { embeddings } : { embedding: embeddings[0] }), usageMetadata };
}

/** All contents of a request, whatever it asks for. */
function contentsOf(body: RequestBody): RequestContent[] {
  const embedded = body.requests?.map(({ content }) => content) ?? (body.content ? [body.content] : []);
  return [...(body.contents ?? []), ...embedded];
}

/** Only a quick look at the body; it is parsed when somebody asks for its content. */
export function readCall(
  n: number,
  headers: IncomingMessage['headers'],
  path: string,
  chunks: readonly Buffer[],
): Call {
  const raw = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
  const body = once(() => JSON.parse(raw.toString('utf8')) as RequestBody);
  const parts = once(() => contentsOf(body()).flatMap((content) => content.parts ?? []));
  const images = once(() =>
    parts().flatMap(({ inlineData }) => {
      if (inlineData === undefined) return [];
      const data = Buffer.from(inlineData.data, 'base64');
      const sha256 = createHash('sha256').update(data).digest('hex');
      return { mimeType: inlineData.mimeType, bytes: data.length, sha256, data };
    }),
  );
  return {
    n,
    path,
    model: modelOf(path),
    kind: /:(batchE|e)mbedContents?$/.test(path) ? 'embed' : kindOf(raw),
    key: headers['x-goog-api-key']?.toString(),
    authorization: headers.authorization,
    get body() {
      return body();
    },
    get prompt() {
      return textOf(parts());
    },
    get system() {
      return textOf(body().systemInstruction?.parts ?? []);
    },
    get images() {
      return images();
    },
  };
}

/** A call without its bytes: pictures by hash only. */
function keep(call: Call): Omit<CallRecord, 'status' | 'paid' | 'startedAt' | 'endedAt'> {
  const images = call.images.map(({ mimeType, bytes, sha256 }) => ({ mimeType, bytes, sha256 }));
  const body = structuredClone(call.body);
  for (const part of contentsOf(body).flatMap((content) => content.parts ?? [])) {
    if (part.inlineData) part.inlineData.data = `${part.inlineData.data.length} characters of base64`;
  }
  const { n, path, model, kind, key, authorization, prompt, system } = call;
  return { n, path, model, kind, key, authorization, body, prompt, system, images };
}

function kindOf(body: Buffer): Call['kind'] {
  if (body.includes('"responseModalities"')) return 'image';
  return body.includes('"responseMimeType":"application/json"') ? 'json' : 'text';
}

/** The last part of `/{version}/[projects/…/publishers/google/]models/{model}:generateContent`. */
function modelOf(path: string): string {
  return decodeURIComponent(/\/models\/([^:?/]+)/.exec(path)?.[1] ?? '');
}

function refusalOf(request: IncomingMessage, path: string, { keys, models }: GeminiServerOptions): Fault | undefined {
  const key = request.headers['x-goog-api-key']?.toString();
  if (keys !== undefined && path !== '/counts' && (key === undefined || !keys.includes(key))) {
    const reason = { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' };
    return googleError(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', [reason]);
  }
  if (request.method === 'POST' && !/:(generateContent|batchEmbedContents|embedContent)\b/.test(path)) {
    return googleError(404, 'NOT_FOUND', `No such method: ${path}`);
  }
  const model = modelOf(path);
  if (models !== undefined && model !== '' && !models.includes(model)) {
    return googleError(404, 'NOT_FOUND', `models/${model} is not found for API version v1beta.`);
  }
  return undefined;
}

function describeModel(path: string): string {
  const model = modelOf(path);
  return JSON.stringify({
    name: `models/${model}`,
    displayName: model,
    supportedGenerationMethods: ['generateContent'],
  });
}

function textOf(parts: readonly { text?: string }[]): string {
  return parts.flatMap((part) => part.text ?? []).join('\n');
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { port: { type: 'string' }, latency: { type: 'string' }, 'max-concurrent': { type: 'string' } },
  });
  const server = await startGeminiServer({
    port: Number(values.port ?? 0),
    latencyMs: Number(values.latency ?? 0),
    ...(values['max-concurrent'] !== undefined && { maxConcurrent: Number(values['max-concurrent']) }),
    record: false,
  });
  console.log(server.url);
}
