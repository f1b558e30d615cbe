import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { z } from 'zod';

/** The JSON body of a request in its shape; no body counts as `{}`. Fails with the answer 400, which lists all that is wrong. */
export async function readBody<T>(context: Context, shape: z.ZodType<T>): Promise<T> {
  const text = await context.req.text();
  return inShape(text.trim() === '' ? {} : parsedJson(text), shape);
}

/** The query of a request in its shape. Fails as `readBody`. */
export function readQuery<T>(context: Context, shape: z.ZodType<T>): T {
  return inShape(context.req.query(), shape);
}

function inShape<T>(value: unknown, shape: z.ZodType<T>): T {
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  throw refusedRequest(parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`));
}

/** The answer 400 with everything that is wrong with a request. */
export function refusedRequest(problems: readonly string[]): HTTPException {
  const error = { code: 'usage', message: problems.join(' '), problems };
  return new HTTPException(400, { res: Response.json({ error }, { status: 400 }) });
}

/** The own address of a path, as whoever asked sees this server. */
export function addressOf(context: Context, path: string): string {
  const { protocol, host } = new URL(context.req.url);
  const proxied = context.req.header('x-forwarded-proto')?.split(',')[0]?.trim();
  return new URL(path, `${proxied === 'https' ? 'https:' : protocol}//${host}`).href;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw refusedRequest(['The body is no JSON.']);
  }
}
