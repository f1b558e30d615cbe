import type { Context, MiddlewareHandler } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import { checkSize, failureOf } from './http-request.ts';

/** Nothing but the server's own files: no inline code, no other host, no frames. Pages show pictures that they fetched as blobs. */
const POLICY = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", 'blob:'],
  connectSrc: ["'self'"],
  fontSrc: ["'self'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
};

export function guardHeaders(): MiddlewareHandler {
  return secureHeaders({
    contentSecurityPolicy: POLICY,
    crossOriginResourcePolicy: 'same-origin',
    crossOriginOpenerPolicy: 'same-origin',
    referrerPolicy: 'no-referrer',
    xFrameOptions: 'DENY',
    // It is the server in front that speaks HTTPS, or nobody.
    strictTransportSecurity: false,
    permissionsPolicy: { camera: false, geolocation: false, microphone: false },
  });
}

/**
 * Only requests that name this server by one of these host names (without port). A page of another site whose name was made to lead
 * here asks under its own.
 */
export function guardHost(names: readonly string[]): MiddlewareHandler {
  return async (context, next) => {
    const name = hostName(context.req.header('host') ?? '');
    if (name === undefined || !names.includes(name)) {
      throw failureOf(403, 'forbidden', `This server is asked as ${names.join(' or ')} only.`);
    }
    await next();
  };
}

function hostName(host: string): string | undefined {
  return /^(\[[0-9a-f:]+\]|[\w.-]+)(:\d+)?$/i.exec(host)?.[1]?.toLowerCase();
}

/**
 * Refuses what the page of another site asks for: changes, and everything it would load, for even that can cost (a search is a call).
 * A link that somebody follows is all that leads here from elsewhere. Clients that are no browsers do not say where they come from.
 */
export function guardOrigin(): MiddlewareHandler {
  return async (context, next) => {
    if (isForeign(context) && !isVisit(context)) {
      throw failureOf(403, 'forbidden', 'Pages of other sites may ask for nothing here.');
    }
    await next();
  };
}

function isVisit({ req }: Context): boolean {
  const isPage = req.header('sec-fetch-mode') === 'navigate' && req.header('sec-fetch-dest') === 'document';
  return isPage && ['GET', 'HEAD'].includes(req.method);
}

function isForeign({ req }: Context): boolean {
  const site = req.header('sec-fetch-site');
  // Also true behind a proxy that changes the host.
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  const origin = req.header('origin');
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== req.header('host');
}

export function guardSize(): MiddlewareHandler {
  return async (context, next) => {
    checkSize(context);
    await next();
  };
}
