import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { listen } from '../../functions/commands/serve-http.ts';
import { httpWorld } from '../support/http-world.ts';
import { openSocket, rawRequest } from '../support/raw-request.ts';
import { waitUntil } from '../support/wait-until.ts';

const PATIENCE = { headersMs: 300, requestMs: 600, idleMs: 1_000, checkEveryMs: 50 };

async function served(names: readonly string[] = []) {
  const world = await httpWorld(names);
  const { url, untilClosed } = await listen(world.app, { host: '127.0.0.1', port: 0 }, world.options, PATIENCE);
  void untilClosed();
  return { ...world, url };
}

it('waits for no client that sends its request a little at a time, and answers the others meanwhile', async () => {
  const { url } = await served();
  const { host } = new URL(url);
  const slow = openSocket(url);
  const ended = new Promise((resolve) => slow.once('close', resolve));
  slow.write(`POST /api/batch/cancel HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000\r\n\r\n`);
  const dribble = setInterval(() => slow.write(' '), 50);
  const answers = Promise.all([rawRequest(url, `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nX-Slow: `), ended]);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  const [half] = await answers;
  clearInterval(dribble);
  expect(half.status).toBe(408);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});

it('lets go a client that takes nothing of its answer', async () => {
  const { url, app, photos, post } = await served(['a-first.png']);
  const { batch_id: id } = (await post('/api/batch/start', { prefix: photos })).body;
  const batch = await app.batches.get(id);
  truncateSync(join(batch?.outputDir ?? '', 'metadata', 'parameters.json'), 256 * 1024 * 1024);
  const reader = openSocket(url).pause();
  const path = `/api/batches/${id}/files/metadata/parameters.json`;
  reader.write(`GET ${path} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n\r\n`);
  // Both ends are in this process.
  const ends = () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
  await waitUntil(() => ends() === 2);
  await waitUntil(() => ends() === 1);
  reader.destroy();
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});
