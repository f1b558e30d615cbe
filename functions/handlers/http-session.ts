import type { Context, MiddlewareHandler } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { timingSafeEqual } from 'hono/utils/buffer';
import { z } from 'zod';
import type { App } from '../app/app.ts';
import { rateLimit } from '../lib/rate-limit.ts';
import { holdsAt, signedTime } from '../lib/signed-time.ts';
import { type Endpoint, endpoint } from './http-endpoint.ts';
import { addressOf, failureOf } from './http-request.ts';

const COOKIE = 'proofsheet_session';
const SESSION_MS = 12 * 3_600_000;
const WRONG_PER_MINUTE = 10;

/**
 * Asks for the token, as `Authorization: Bearer …` or by the cookie that a browser got for it. The cookie does not hold the token, is not
 * sent with requests of other sites, and ends after twelve hours or with another token.
 */
export function guardToken(token: string, clock: App['clock']): MiddlewareHandler {
  return async (context, next) => {
    if (!(await isKnown(context, token, clock))) throw refusal('Send the token as `Authorization: Bearer …`.');
    await next();
  };
}

/** Whether a request bears the token, or the cookie that stands for it. */
export async function isKnown(context: Context, token: string, clock: App['clock']): Promise<boolean> {
  const given = /^Bearer +(\S+) *$/i.exec(context.req.header('authorization') ?? '')?.[1];
  if (given !== undefined) return await timingSafeEqual(given, token);
  return holdsAt(getCookie(context, COOKIE) ?? '', token, clock.now());
}

/** `POST` and `DELETE /api/session`, for browsers: they cannot send a token for pictures, downloads and streams. */
export function sessionEndpoints(token: string, clock: App['clock']): Endpoint[] {
  const admitWrong = rateLimit(clock, { most: WRONG_PER_MINUTE, withinMs: 60_000 });
  return [
    endpoint(
      {
        ...{ method: 'post', path: '/api/session', id: 'openSession' },
        body: z.strictObject({ token: z.string().max(4096) }),
        summary: 'Takes the token and sets a cookie that stands for it for twelve hours.',
        answer: { status: 204 },
        others: { 401: 'It is not the token.', 429: 'Too many wrong tokens in a minute.' },
      },
      async ({ context, body }) => {
        if (!(await timingSafeEqual(body.token, token))) {
          const waitMs = admitWrong();
          if (waitMs > 0) throw tooMany(waitMs);
          throw refusal('That is not the token.');
        }
        const until = clock.now() + SESSION_MS;
        setCookie(context, COOKIE, signedTime(token, until), { ...cookieOptions(context), maxAge: SESSION_MS / 1000 });
        return context.body(null, 204);
      },
    ),
    endpoint(
      {
        ...{ method: 'delete', path: '/api/session', id: 'closeSession' },
        summary: 'Takes the cookie back.',
        answer: { status: 204 },
      },
      ({ context }) => {
        deleteCookie(context, COOKIE, cookieOptions(context));
        return context.body(null, 204);
      },
    ),
  ];
}

function cookieOptions(context: Context) {
  const secure = addressOf(context, '/').startsWith('https:');
  return { httpOnly: true, sameSite: 'Strict', path: '/', secure } as const;
}

function refusal(message: string) {
  return failureOf(401, 'auth_failed', message, { headers: { 'WWW-Authenticate': 'Bearer' } });
}

function tooMany(waitMs: number) {
  const seconds = String(Math.ceil(waitMs / 1000));
  return failureOf(429, 'rate_limited', `Too many wrong tokens; try again in ${seconds} s.`, {
    headers: { 'Retry-After': seconds },
  });
}
