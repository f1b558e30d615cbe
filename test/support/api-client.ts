import { eventsOf, type StreamEvent } from './event-stream.ts';
import { type ApiDocument, answerCheck } from './openapi-answers.ts';

export interface ApiAnswer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON the server answers with
  body: any;
}

/** A client of the HTTP API of a running server. */
export interface ApiClient {
  url: string;
  /** With the token. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** As a page or script without the token would ask. */
  bare(path: string, init?: RequestInit): Promise<Response>;
  /** JSON, compared with what the server's OpenAPI document says of it. */
  get(path: string): Promise<ApiAnswer>;
  post(path: string, body: unknown): Promise<ApiAnswer>;
  watch(batchId: string, watching?: Watching): Promise<StreamEvent[]>;
}

interface Watching {
  /** Where to begin; left out, from now on. */
  after?: string;
  /** Told of every event; true cuts the connection, and the watcher comes back behind that event. */
  cut?: (event: StreamEvent) => boolean;
}

export async function apiClient(url: string, token: string): Promise<ApiClient> {
  const authorization = `Bearer ${token}`;
  const bare: ApiClient['bare'] = (path, init) => fetch(url + path, init);
  const withToken: ApiClient['fetch'] = (path, { headers, ...init } = {}) =>
    bare(path, { ...init, headers: { authorization, ...headers } });
  const check = answerCheck((await (await withToken('/openapi.json')).json()) as ApiDocument);
  const ask = async (method: string, path: string, init: RequestInit): Promise<ApiAnswer> => {
    const response = await withToken(path, { method, ...init });
    const body = await response.json();
    check(method, path, response.status, body);
    return { status: response.status, headers: response.headers, body };
  };
  return {
    ...{ url, bare, fetch: withToken },
    get: (path) => ask('GET', path, { headers: { accept: 'application/json' } }),
    post: (path, body) =>
      ask('POST', path, {
        headers: { 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    watch: (batchId, watching) => watchBatch(withToken, batchId, watching),
  };
}

/** All events up to `complete`, over as many connections as it takes. */
async function watchBatch(ask: ApiClient['fetch'], batchId: string, { after, cut }: Watching = {}) {
  const events: StreamEvent[] = [];
  let last = after;
  while (events.at(-1)?.event !== 'complete') {
    const line = new AbortController();
    const headers = { accept: 'text/event-stream', ...(last !== undefined && { 'last-event-id': last }) };
    const response = await ask(`/api/batch/status?batch_id=${batchId}`, { headers, signal: line.signal });
    if (response.status !== 200) throw new Error(`The stream was answered ${response.status}.`);
    for await (const event of eventsOf(response)) {
      events.push(event);
      last = event.id ?? last;
      if (cut?.(event)) break;
    }
    line.abort();
  }
  return events;
}
