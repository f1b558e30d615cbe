import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { z } from 'zod';
import type { ErrorCode } from '../domain/errors.ts';

/**
 * The JSON body of a request in its shape; no body counts as `{}`. Fails with the answer 400, which lists all that is wrong, or
 * with 415 for another content type: a page of another site can send forms and plain text here, but no JSON.
 */
export async function readBody<T>(context: Context, shape: z.ZodType<T>): Promise<T> {
  if (context.req.method === 'GET') return inShape({}, shape, 'body');
  const text = await readText(context);
  if (text.trim() === '') return inShape({}, shape, 'body');
  const type = context.req.header('content-type') ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw failureOf(415, 'usage', 'The body must be JSON; send it with `Content-Type: application/json`.');
  }
  return inShape(parsedJson(text), shape, 'body');
}

/** More than any request here needs. */
const MAX_BODY_BYTES = 512 * 1024;
const MAX_DEPTH = 100;

/** Refuses a body that is too large by what the request says of it, before anything of it is read. */
export function checkSize(context: Context): void {
  if (Number(context.req.header('content-length') ?? 0) > MAX_BODY_BYTES) throw tooLarge();
}

async function readText(context: Context): Promise<string> {
  const { body } = context.req.raw;
  if (body === null) return '';
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const part of body) {
      bytes += part.byteLength;
      if (bytes > MAX_BODY_BYTES) throw tooLarge();
      parts.push(part);
    }
  } catch (thrown) {
    throw thrown instanceof HTTPException ? thrown : refusedRequest(['The body broke off.']);
  }
  return Buffer.concat(parts).toString('utf8');
}

function tooLarge(): HTTPException {
  return failureOf(
    413,
    'usage',
    `The request is larger than ${MAX_BODY_BYTES} bytes; name a prefix instead of many images.`,
  );
}

/** The query of a request in its shape. Fails as `readBody`. */
export function readQuery<T>(context: Context, shape: z.ZodType<T>): T {
  return inShape(context.req.query(), shape, 'query');
}

/** What varies in the path, in its shape. Fails as `readBody`. */
export function readParams<T>(context: Context, shape: z.ZodType<T>): T {
  return inShape(context.req.param(), shape, 'path');
}

function inShape<T>(value: unknown, shape: z.ZodType<T>, what: string): T {
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  throw refusedRequest(parsed.error.issues.map(({ path, message }) => `${path.join('.') || what}: ${message}`));
}

/** The answer 400 with everything that is wrong with a request. */
export function refusedRequest(problems: readonly string[]): HTTPException {
  return failureOf(400, 'usage', problems.join(' '), { more: { problems } });
}

/** An answer that tells of a failure, in the one shape that all of them have. */
export function failureOf(
  status: ContentfulStatusCode,
  code: ErrorCode,
  message: string,
  { more = {}, headers = {} }: { more?: object; headers?: Record<string, string> } = {},
): HTTPException {
  return new HTTPException(status, {
    message,
    res: Response.json({ error: { code, message, ...more } }, { status, headers }),
  });
}

/** The own address of a path, as whoever asked sees this server. */
export function addressOf(context: Context, path: string): string {
  const { protocol, host } = new URL(context.req.url);
  const proxied = context.req.header('x-forwarded-proto')?.split(',')[0]?.trim();
  return new URL(path, `${proxied === 'https' ? 'https:' : protocol}//${host}`).href;
}

function parsedJson(text: string): unknown {
  if (depthOf(text) > MAX_DEPTH) throw refusedRequest([`The body is nested more than ${MAX_DEPTH} levels deep.`]);
  try {
    return JSON.parse(text);
  } catch {
    throw refusedRequest(['The body is no JSON.']);
  }
}

/** How deep lists and objects of a JSON text stand in each other. What looks at each by calling itself must not run out of room. */
function depthOf(json: string): number {
  let [depth, deepest] = [0, 0];
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/gs)) {
    if (token === '[' || token === '{') depth += 1;
    else if (token === ']' || token === '}') depth -= 1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}
