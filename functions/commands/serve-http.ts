import { once } from 'node:events';
import type { Server } from 'node:http';
import { isIPv6 } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { App } from '../app/app.ts';
import { ProofsheetError } from '../domain/errors.ts';
import { type HttpOptions, httpApi } from '../handlers/http.ts';
import { productVersion } from '../lib/product-version.ts';
import { isLoopback } from './serve-places.ts';

/** How long clients may take, in milliseconds. */
export interface Patience {
  /** For the headers, and for a whole request; answers may take any time. */
  headersMs: number;
  requestMs: number;
  /** A connection on which nothing moves is closed after this, in the middle of an answer as well. */
  idleMs: number;
  checkEveryMs: number;
}

const PATIENCE: Patience = { headersMs: 10_000, requestMs: 30_000, idleMs: 300_000, checkEveryMs: 2_000 };
const MOST_CONNECTIONS = 2_000;
/** How long requests under way may take when the server ends. */
const CLOSING_MS = 3_000;

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];

export interface HttpServer {
  url: string;
  /** Resolves when `app.stop` has aborted and nobody is connected any more. */
  untilClosed(): Promise<void>;
}

/** The API behind a port of this machine. Fails with `usage` for one that is taken. */
export async function listen(
  app: App,
  { host, port }: { host: string; port: number },
  options: Omit<HttpOptions, 'version' | 'hosts'>,
  patience = PATIENCE,
): Promise<HttpServer> {
  const name = isIPv6(host) ? `[${host}]` : host;
  const { fetch } = httpApi(app, {
    ...options,
    version: productVersion(),
    ...(isLoopback(host) && { hosts: [...new Set([...LOOPBACK_NAMES, name])] }),
  });
  const server = createAdaptorServer({
    fetch,
    overrideGlobalObjects: false,
    serverOptions: {
      headersTimeout: patience.headersMs,
      requestTimeout: patience.requestMs,
      connectionsCheckingInterval: patience.checkEveryMs,
    },
  }) as Server;
  server.maxConnections = MOST_CONNECTIONS;
  server.timeout = patience.idleMs;
  server.listen(port, host);
  await once(server, 'listening').catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'EADDRINUSE' ? 'is taken; choose another with --port' : `cannot be used (${cause.code})`;
    throw new ProofsheetError('usage', `${name}:${port} ${why}.`, { cause });
  });
  const address = server.address();
  const used = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${name}:${used}`,
    async untilClosed() {
      if (!app.stop.aborted) await once(app.stop, 'abort');
      const closed = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      await Promise.race([closed, app.clock.sleep(CLOSING_MS)]);
      server.closeAllConnections();
      await closed;
    },
  };
}
