import { type Context, Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { z } from 'zod';
import type { App } from '../app/app.ts';
import { keepingFrom } from '../app/recipe-settings.ts';
import { asProofsheetError, type ErrorCode } from '../domain/errors.ts';
import { batchEndpoints } from './http-batches.ts';
import { controlEndpoints } from './http-control.ts';
import { type Endpoint, endpoint, mount } from './http-endpoint.ts';
import { guardHeaders, guardHost, guardOrigin, guardSize } from './http-guard.ts';
import { itemEndpoints } from './http-items.ts';
import { openApiDocument } from './http-openapi.ts';
import { mountPages } from './http-pages.ts';
import { placesEndpoint } from './http-places.ts';
import { recipesEndpoint } from './http-recipes.ts';
import { failureOf } from './http-request.ts';
import { resultEndpoints } from './http-results.ts';
import { searchEndpoints } from './http-search.ts';
import { guardToken, isKnown, sessionEndpoints } from './http-session.ts';
import { type StartOptions, startEndpoints } from './http-start.ts';
import { type StatusOptions, statusEndpoint } from './http-status.ts';

export interface HttpOptions extends StatusOptions {
  /** Of the product. */
  version: string;
  /** Token that every route but `/healthz` asks for, if there is one. */
  token?: string;
  /** Names by which this server may be asked, if not by any. */
  hosts?: readonly string[];
  start: StartOptions;
  /** Settings of the recipe `embed`: what is searched. */
  encoders: Record<string, unknown>;
}

const STATUS_OF: Partial<Record<ErrorCode, ContentfulStatusCode>> = {
  usage: 400,
  invalid_request: 400,
  empty_file: 400,
  image_too_large: 400,
  not_an_image: 400,
  unsupported_format: 400,
  corrupt_image: 400,
  not_found: 404,
  file_missing: 404,
  unreadable_file: 404,
  source_changed: 404,
  batch_running: 409,
  wrong_state: 409,
  rate_limited: 429,
  storage_unavailable: 503,
};

/** The HTTP API over an app, for any server that speaks Fetch. Every error is `{error: {code, message, …}}`. */
export function httpApi(app: App, options: HttpOptions): Hono {
  const { token, hosts } = options;
  const api = new Hono();
  api.onError((thrown, context) => errorAnswer(app, context, thrown));
  api.notFound((context) =>
    failureOf(404, 'not_found', `There is no ${context.req.method} ${context.req.path}.`).getResponse(),
  );
  api.use(guardHeaders());
  if (hosts !== undefined) api.use(guardHost(hosts));
  const open = [healthEndpoint()];
  const sessions = token === undefined ? [] : sessionEndpoints(token, app.clock);
  const guarded = endpointsOf(app, options);
  const described = openApiDocument([...open, ...sessions, ...guarded], {
    version: options.version,
    token: token !== undefined,
  });
  mount(api, open);
  api.use(guardOrigin());
  api.use(guardSize());
  mount(api, sessions);
  mountPages(api, { token: token !== undefined, admits: (context) => admits(context, app, token) });
  if (token !== undefined) api.use(guardToken(token, app.clock));
  mount(api, guarded);
  api.get('/openapi.json', (context) => context.json(described));
  return api;
}

async function admits(context: Context, { clock }: App, token: string | undefined): Promise<boolean> {
  return token === undefined || (await isKnown(context, token, clock));
}

function endpointsOf(app: App, options: HttpOptions): Endpoint[] {
  const { start, encoders } = options;
  return [
    ...startEndpoints(app, start),
    statusEndpoint(app, options),
    ...resultEndpoints(app, start),
    ...controlEndpoints(app, start),
    ...batchEndpoints(app),
    ...itemEndpoints(app),
    recipesEndpoint(app),
    ...searchEndpoints(app, keepingFrom(app, encoders), start),
    placesEndpoint(app, start),
  ];
}

function healthEndpoint(): Endpoint {
  return endpoint(
    {
      ...{ method: 'get', path: '/healthz', id: 'health' },
      summary: 'That the server lives.',
      answer: { status: 200, json: z.object({ status: z.literal('ok') }) },
    },
    () => ({ status: 'ok' as const }),
  );
}

/** What nobody foresaw is told to the log alone. */
function errorAnswer(app: Pick<App, 'log'>, context: Context, thrown: Error): Response {
  if (thrown instanceof HTTPException) return thrown.getResponse();
  const { code, message } = asProofsheetError(thrown);
  const status = STATUS_OF[code] ?? 500;
  const { method, path } = context.req;
  if (status >= 500) app.log.error({ method, path, code, error: message }, 'request failed');
  if (code === 'rate_limited')
    return failureOf(status, code, message, { headers: { 'Retry-After': '60' } }).getResponse();
  // Where the server keeps what, and what broke there, is not for clients.
  const said = status === 500 ? 'Something unexpected happened; the log of the server says what.' : message;
  return failureOf(status, code, said).getResponse();
}
