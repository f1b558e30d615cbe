import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Fault, googleError } from './gemini-replies.ts';
import { sendFault, sendJson } from './send-reply.ts';

export interface WireRubric {
  rubricId?: string;
  content?: { property?: { description?: string } };
  type?: string;
  importance?: string;
}

/** A request to the evaluation service. */
export interface GeckoCall {
  /** From 1, in order of arrival. */
  n: number;
  method: 'generateInstanceRubrics' | 'evaluateInstances';
  path: string;
  authorization: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: whatever was sent, for tests to look into.
  body: any;
  /** The text that the rubric is made of, or that the picture is judged by. */
  prompt: string;
  /** The frozen rubric and the picture's gs:// URI, where a picture is judged. */
  rubrics: WireRubric[];
  picture: string | undefined;
}

export interface GeckoServerOptions {
  /** Body of a 200 answer; by default four criteria, and every criterion met. */
  respond?: (call: GeckoCall) => unknown;
  faults?: (call: GeckoCall) => Fault | undefined;
  /** Address of a server that answers everything else, so that one address serves both. */
  otherwise?: () => string;
}

export interface GeckoServer {
  readonly url: string;
  readonly calls: GeckoCall[];
  close(): Promise<void>;
}

/** Speaks the two methods of Vertex AI's evaluation service that judge pictures, and gives access tokens, on 127.0.0.1. */
export async function startGeckoServer(options: GeckoServerOptions = {}): Promise<GeckoServer> {
  const calls: GeckoCall[] = [];
  let tokens = 0;

  const server = createServer(async (request, response) => {
    const bytes = await bodyOf(request);
    const path = request.url ?? '/';
    if (path === '/token') return sendJson(response, 200, tokenAnswer(++tokens));
    const method = /:(generateInstanceRubrics|evaluateInstances)$/.exec(path)?.[1] as GeckoCall['method'] | undefined;
    if (method === undefined) return await pass(options.otherwise?.(), request, bytes, response);
    const call = callOf(calls.length + 1, method, request, JSON.parse(bytes.toString('utf8')));
    calls.push(call);
    const fault = options.faults?.(call) ?? refusalOf(call);
    const body = () => JSON.stringify(options.respond?.(call) ?? defaultReply(call));
    if (fault === undefined) sendJson(response, 200, body());
    else sendFault(response, fault, fault.kind === 'error' ? '' : body());
  });
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** An answer to `generateInstanceRubrics`. */
export function rubricsReply(rubrics: readonly WireRubric[]): unknown {
  return { generatedRubrics: rubrics };
}

export function wireRubric(rubricId: string, description: string, more: Partial<WireRubric> = {}): WireRubric {
  return { rubricId, content: { property: { description } }, ...more };
}

/** An answer to `evaluateInstances` about the rubrics that were sent. What is false is left out, as on the wire. */
export function verdictsReply({ rubrics }: GeckoCall, isMet: (rubric: WireRubric, index: number) => boolean): unknown {
  const rubricVerdicts = rubrics.map((evaluatedRubric, index) => ({
    evaluatedRubric,
    ...(isMet(evaluatedRubric, index) && { verdict: true }),
    reasoning: `looked at ${evaluatedRubric.rubricId}`,
  }));
  const met = rubricVerdicts.filter(({ verdict }) => verdict === true).length;
  return { metricResults: [{ score: met / rubrics.length, rubricVerdicts }] };
}

const TEXTS = ['Is the mug red?', 'Is the handle on the left?', 'Is there no text?', 'Is it one mug?'];

function defaultReply(call: GeckoCall): unknown {
  if (call.method === 'evaluateInstances') return verdictsReply(call, () => true);
  return rubricsReply(TEXTS.map((text, index) => wireRubric(`c${index + 1}`, text, { type: 'ATTRIBUTE' })));
}

/** What the service refuses whatever is asked: no access, nothing to evaluate by. */
function refusalOf({ authorization, method, body }: GeckoCall): Fault | undefined {
  if (authorization === undefined) return googleError(401, 'UNAUTHENTICATED', 'Request had no access token.');
  if (method === 'evaluateInstances' && body.metrics === undefined) {
    return googleError(400, 'INVALID_ARGUMENT', 'No metric is given.');
  }
  return undefined;
}

function callOf(n: number, method: GeckoCall['method'], request: IncomingMessage, body: GeckoCall['body']): GeckoCall {
  const { instance } = body;
  const [content] = method === 'evaluateInstances' ? (instance?.prompt?.contents?.contents ?? []) : body.contents;
  const groups: { rubrics: WireRubric[] }[] = Object.values(instance?.rubricGroups ?? {});
  return {
    ...{ n, method, body, path: request.url ?? '', authorization: request.headers.authorization },
    prompt: content?.parts?.[0]?.text ?? '',
    rubrics: groups.flatMap(({ rubrics }) => rubrics),
    picture: instance?.response?.contents?.contents?.[0]?.parts?.[0]?.fileData?.fileUri,
  };
}

/** As a security token service answers. */
function tokenAnswer(n: number): string {
  const type = 'urn:ietf:params:oauth:token-type:access_token';
  return JSON.stringify({
    access_token: `token-${n}`,
    issued_token_type: type,
    token_type: 'Bearer',
    expires_in: 3600,
  });
}

async function pass(
  to: string | undefined,
  request: IncomingMessage,
  bytes: Buffer,
  response: ServerResponse,
): Promise<void> {
  if (to === undefined) return sendFault(response, googleError(404, 'NOT_FOUND', `No such method: ${request.url}`), '');
  const { method = 'GET' } = request;
  const headers = { 'content-type': request.headers['content-type'] ?? '' };
  const answer = await fetch(`${to}${request.url}`, {
    ...{ method, headers },
    ...(method === 'POST' && { body: new Uint8Array(bytes) }),
  });
  sendJson(response, answer.status, Buffer.from(await answer.arrayBuffer()));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}
