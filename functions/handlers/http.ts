import { type Context, Hono } from 'hono';
import { bearerAuth } from 'hono/bearer-auth';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { App } from '../app/app.ts';
import { asProofsheetError, type ErrorCode } from '../domain/errors.ts';
import { batchRoutes } from './http-batches.ts';
import { controlRoutes } from './http-control.ts';
import { resultRoutes } from './http-results.ts';
import { type StartOptions, startRoute } from './http-start.ts';

export interface HttpOptions {
  /** Bearer token that every route but `/healthz` asks for, if there is one. */
  token?: string;
  start: StartOptions;
}

/** More than any request here needs. */
const MAX_BODY_BYTES = 512 * 1024;

const STATUS_OF: Partial<Record<ErrorCode, ContentfulStatusCode>> = {
  usage: 400,
  not_found: 404,
  file_missing: 404,
  batch_running: 409,
  wrong_state: 409,
  storage_unavailable: 503,
};

/** The HTTP API over an app, for any server that speaks Fetch. Every error is `{error: {code, message, …}}`. */
export function httpApi(app: App, { token, start }: HttpOptions): Hono {
  const api = new Hono();
  api.onError((thrown, context) => errorAnswer(app, context, thrown));
  api.notFound((context) =>
    failure(context, 404, 'not_found', `There is no ${context.req.method} ${context.req.path}.`),
  );
  api.get('/healthz', (context) => context.json({ status: 'ok' }));
  if (token !== undefined) {
    const message = { error: { code: 'auth_failed', message: 'Send the token as `Authorization: Bearer …`.' } };
    const asked = { message };
    api.use(
      bearerAuth({ token, noAuthenticationHeader: asked, invalidAuthenticationHeader: asked, invalidToken: asked }),
    );
  }
  api.use(bodyLimit({ maxSize: MAX_BODY_BYTES, onError: tooLarge }));
  api.route('/api/batch', startRoute(app, start));
  api.route('/api/batch', controlRoutes(app));
  api.route('/', resultRoutes(app));
  api.route('/api/batches', batchRoutes(app));
  return api;
}

function tooLarge(context: Context): Response {
  return failure(
    context,
    413,
    'usage',
    `The request is larger than ${MAX_BODY_BYTES} bytes; name a prefix instead of many images.`,
  );
}

function errorAnswer(app: Pick<App, 'log'>, context: Context, thrown: Error): Response {
  if (thrown instanceof HTTPException) return thrown.getResponse();
  const error = asProofsheetError(thrown);
  const status = STATUS_OF[error.code] ?? 500;
  const { method, path } = context.req;
  if (status >= 500) app.log.error({ method, path, code: error.code, error: error.message }, 'request failed');
  return failure(context, status, error.code, error.message);
}

function failure(context: Context, status: ContentfulStatusCode, code: ErrorCode, message: string): Response {
  return context.json({ error: { code, message } }, status);
}
