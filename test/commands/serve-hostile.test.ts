import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiClient, apiClient } from '../support/api-client.ts';
import { cliWorld, writePhotos } from '../support/cli.ts';
import { respondToFidelity } from '../support/fidelity-responder.ts';
import { textReply } from '../support/gemini-replies.ts';
import { openSocket, rawRequest } from '../support/raw-request.ts';
import { makeHome } from '../support/temp-home.ts';

const TOKEN = 'the-token-that-nobody-sees';
const SECRET = 'do-not-show-this';
/** What no answer may hold: secrets, and where in the code something failed. */
const LEAKS = new RegExp(`${TOKEN}|${SECRET}|key-of-the-service|node_modules|\\n\\s+at |\\.ts:\\d`);

/** A folder that is served with everything in it that a client must not get at, and secrets beside it. */
async function hostileWorld() {
  const ends: (() => Promise<void> | void)[] = [];
  const atEnd = (end: () => Promise<void> | void) => void ends.push(end);
  const outside = await makeHome();
  atEnd(outside.remove);
  writeFileSync(join(outside.path, 'key.txt'), SECRET);
  writePhotos(outside.path, ['key.png']);
  const respond = (call: Parameters<typeof respondToFidelity>[0]) =>
    call.prompt.includes('Say it again') ? textReply('Said.') : respondToFidelity(call);
  const env = { API_TOKEN: TOKEN, GEMINI_API_KEY: 'key-of-the-service', MAX_RUNNING_BATCHES: '2' };
  const world = await cliWorld(['a-first.png', 'b-first.png'], { respond }, { env, atEnd });
  const { root } = world;
  writeFileSync(join(root, '.env.local'), SECRET);
  mkdirSync(join(root, '.git'));
  writeFileSync(join(root, '.git', 'config.txt'), SECRET);
  writeFileSync(join(root, 'notes.txt'), 'Harmless.');
  symlinkSync(join(outside.path, 'key.txt'), join(root, 'link.txt'));
  symlinkSync(outside.path, join(root, 'linked'));
  const server = world.start('serve', '--port', '0', '--root', root, '--output-dir', world.output);
  const [, url = ''] = await server.noted(/Serving (\S+);/);
  const close = async () => {
    for (const end of ends.reverse()) await end();
  };
  return { ...world, url, served: server.process, outside: outside.path, close };
}

describe('a hostile client', () => {
  let world: Awaited<ReturnType<typeof hostileWorld>>;
  let api: ApiClient;
  /** A finished batch, and the start of a raw request with the token. */
  let batch: string;
  beforeAll(async () => {
    world = await hostileWorld();
    api = await apiClient(world.url, TOKEN);
    batch = (await api.post('/api/batch/start', { prefix: world.photos })).body.batch_id;
    await api.watch(batch, { after: '0' });
  });
  afterAll(() => world?.close());

  const head = (method: string, path: string, more = '') =>
    `${method} ${path} HTTP/1.1\r\nHost: ${new URL(world.url).host}\r\nAuthorization: Bearer ${TOKEN}\r\nConnection: close\r\n${more}\r\n`;
  const JSON_BODY = 'Content-Type: application/json\r\n';

  it.each([
    '../../home/proofsheet.log',
    '%2e%2e/%2e%2e/notes.txt',
    '..%2f..%2fnotes.txt',
    '%252e%252e%252f%252e%252e%252fnotes.txt',
    '..%5c..%5cnotes.txt',
    'successful/..%2f..%2f..%2fnotes.txt',
    'successful/../../../notes.txt',
    '%c0%ae%c0%ae/%c0%ae%c0%ae/notes.txt',
    'report.html%00.png',
    '//etc/passwd',
    '%2fetc%2fpasswd',
    '.hidden',
    'metadata',
    'metadata/parameters.json/',
    'results.json%0d%0aSet-Cookie:%20a=b',
    '%ff%zz',
    'a'.repeat(300),
    'a'.repeat(9000),
    `${'a/'.repeat(3000)}b`,
  ])('gets no file by %s', async (path) => {
    const answer = await rawRequest(world.url, head('GET', `/api/batches/${batch}/files/${path}`));
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code: 'not_found' } });
    expect(answer.head).not.toMatch(/set-cookie/i);
    expect(answer.body).not.toMatch(LEAKS);
    expect(answer.body).not.toContain(world.root);
  });

  it.each([
    ['GET', '/api/batches/%2e%2e%2fx', 404],
    ['GET', '/api/batches/%00', 404],
    ['GET', '/api/batches/%ed%a0%80', 404],
    ['GET', '/api/batch/status?batch_id=', 404],
    ['GET', '/api/batch/status?batch_id=a%2fitems%2fb', 404],
    ['GET', '/api/batch/report?format=..%2fhtml', 400],
    ['GET', '/api/batches?limit=1e9', 400],
    ['GET', '/api/batches?limit=-1', 400],
    ['GET', '/api/batches?cursor=%00%2f..%2f', 200],
    ['GET', '/%2e%2e/%2e%2e/etc/passwd', 404],
    ['GET', '//elsewhere/api/batches', 404],
    ['PUT', '/api/batches', 404],
    ['OPTIONS', '/api/batch/start', 404],
    ['TRACE', '/api/batches', 404],
    ['DELETE', '/api/batches', 404],
    ['PROPFIND', '/', 404],
  ])('is answered %s %s with %i', async (method, path, status) => {
    const answer = await rawRequest(world.url, head(method, path));
    expect(answer.status).toBe(status);
    expect(answer.head).toContain("default-src 'none'");
    expect(answer.body).not.toMatch(LEAKS);
  });

  it('is refused what is no HTTP', async () => {
    const start = (more: string, body: string) => head('POST', '/api/batch/start', JSON_BODY + more) + body;
    const plain = `GET /api/batches HTTP/1.1\r\nAuthorization: Bearer ${TOKEN}\r\nConnection: close\r\n`;
    for (const [text, status] of [
      ['nonsense\r\n\r\n', 400],
      [`${plain}\r\n`, 400],
      [`${plain}Host: elsewhere.example\r\n\r\n`, 403],
      [`${plain}Host: localhost\r\nHost: elsewhere.example\r\n\r\n`, 403],
      [`${plain}Host: a<script>\r\n\r\n`, 400],
      [head('GET', '/api/batches', `X: ${'a'.repeat(20_000)}\r\n`), 431],
      [head('GET', '/api/batches', 'X: a\r\n'.repeat(4000)), 431],
      [head('GET', `/${'a'.repeat(20_000)}`), 431],
      [start('Transfer-Encoding: chunked\r\n', 'zz\r\n{}\r\n0\r\n\r\n'), 400],
      [start('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'), 400],
      [start('Content-Length: -5\r\n', '{}'), 400],
      [start('Content-Length: 99999999999\r\n', '{}'), 413],
      [start('Expect: riches\r\nContent-Length: 0\r\n', ''), 417],
    ] as const) {
      const answer = await rawRequest(world.url, text);
      expect({ text: text.slice(0, 200), status: answer.status }).toEqual({ text: text.slice(0, 200), status });
      expect(answer.body).not.toMatch(LEAKS);
    }
  });

  it('is refused bodies that are too large or no JSON, and understood without a body', async () => {
    const post = (body: BodyInit, type = 'application/json') =>
      api.fetch('/api/batch/estimate', { method: 'POST', headers: { 'content-type': type }, body });
    const endless = new ReadableStream<Uint8Array>({ pull: (to) => to.enqueue(new Uint8Array(65_536).fill(32)) });
    const chunked = { method: 'POST', headers: { 'content-type': 'application/json' }, body: endless, duplex: 'half' };
    const answers = [
      [413, await post(`{"name":"${'x'.repeat(600_000)}"}`)],
      [413, await api.fetch('/api/batch/estimate', chunked as RequestInit)],
      [400, await post('{')],
      [400, await post('['.repeat(300_000))],
      [400, await post('\u0000')],
      [400, await post('null')],
      [415, await post('prefix=/etc', 'application/x-www-form-urlencoded')],
      [415, await post('{}', 'text/plain')],
    ] as const;
    for (const [status, answer] of answers) {
      const body = await answer.text();
      expect({ status: answer.status, body }).toEqual({ status, body: expect.stringContaining('"code":"usage"') });
      expect(body).not.toMatch(LEAKS);
    }
    // As `curl -X POST` asks: no body, and no word about one.
    const bare = await rawRequest(world.url, head('POST', '/api/batch/cancel'));
    expect({ status: bare.status, body: bare.body }).toMatchObject({ status: 409 });
  });

  it('is refused every place that it may not read', async () => {
    const at = (...names: string[]) => join(world.root, ...names);
    const places = [
      ...['/etc', '/proc/self/environ', '/dev/zero', '..', '../', 'photos/../..', '..\\..\\etc', 'a\u0000b'],
      ...['file:///etc/passwd', 'http://169.254.169.254/latest/meta-data/', 'gs://other/x', 'data:,x', '//host/share'],
      ...[world.outside, join(world.outside, 'key.txt'), at('link.txt'), at('linked'), at('linked', 'key.png')],
      ...[at('linked', '*'), at('.git'), at('.env.local'), at('.*'), at('.g*', '*'), world.home, world.output],
      ...[at('photos', '..', '..', 'x'), at('*a*a*a*a*a*b'), at('(a+)+b'), at('+(a|b)c'), at('[a-z]+[a-z]+b')],
      ...[at('{a,a}{a,a}{a,a}*'), `${world.root}-beside/x.png`],
    ];
    for (let start = 0; start < places.length; start += 15) {
      const some = places.slice(start, start + 15);
      const { status, body } = await api.post('/api/batch/start', { image_uris: some });
      expect({ status, refused: body.error.problems }).toEqual({
        status: 400,
        refused: some.map((place) => expect.stringContaining(place)),
      });
      expect(JSON.stringify(body)).not.toMatch(LEAKS);
    }
    for (const place of [at('%2e%2e', '%2e%2e', 'etc'), '~root', '$HOME', '..%2f..%2fetc']) {
      expect(await api.post('/api/batch/start', { prefix: place })).toMatchObject({ status: 400 });
    }
    // What globs match is what may be listed.
    for (const glob of ['{linked,.git,home,output}/**', '[.]git/*', 'link*', '?git/*']) {
      const { body } = await api.post('/api/batch/estimate', { prefix: at(glob), recipe: 'prompt', settings: ASK });
      expect({ glob, items: body.items }).toEqual({ glob, items: 0 });
    }
  });

  const ASK = { prompt: 'Say it again' };

  it.each([
    ['a recipe of JavaScript', { recipe: 'constructor' }, /no recipe/],
    ['a setting of JavaScript', { settings: { constructor: 1 } }, /no setting constructor/],
    ['a setting that nobody knows', { settings: { maxAttempt: 1 } }, /no setting maxAttempt/],
    ['a model elsewhere', { settings: { textModel: '../../../v1/files?x=#' } }, /model id/],
    ['an encoder of another folder', { recipe: 'embed', settings: { visualModel: 'dinov2:../../etc' } }, /model id/],
    ['a model at an address', { settings: { imageModel: 'http://169.254.169.254/x' } }, /model id/],
    [
      'a schema at an address',
      { recipe: 'analyze', settings: { schema: { $ref: 'http://169.254.169.254/' } } },
      /resolve/,
    ],
    ['a schema without a bottom', { recipe: 'analyze', settings: { schema: nested(200) } }, /nested/],
    ['wrong types', { limit: '1', name: ['x'], run_all: 'yes', force: 1, settings: [] }, /limit.*name.*run_all|limit/],
    ['numbers that are none', { limit: 1e308 }, /limit/],
    ['two sources', { run_all: true, image_uris: [''] }, /image_uris/],
  ])('is refused %s', async (_, body, reason) => {
    const answer = await api.post('/api/batch/estimate', { prefix: world.photos, ...body });
    expect(answer).toMatchObject({ status: 400, body: { error: { message: expect.stringMatching(reason) } } });
    expect(JSON.stringify(answer.body)).not.toMatch(LEAKS);
  });

  it('cannot have a manifest read for it what it may not read itself', async () => {
    const rows = [
      ...['.env.local', '.git/config.txt', 'photos/../.git/config.txt', 'link.txt', 'linked/key.txt', '../notes.txt'],
      ...[join(world.outside, 'key.txt'), `output/${batch}/results.csv`, 'home/proofsheet.log'],
      ...[
        'file:///etc/hostname',
        'http://169.254.169.254/a.txt',
        'gs://other/a.txt',
        '%2e%2e/notes.txt',
        'harmless.txt',
      ],
    ];
    const manifest = join(world.root, 'catalog.json');
    writeFileSync(join(world.root, 'harmless.txt'), 'Harmless.');
    writeFileSync(manifest, JSON.stringify(rows.map((path) => ({ path }))));
    const body = { image_uris: [manifest], recipe: 'prompt', settings: ASK };
    const started = await api.post('/api/batch/start', body);
    const id = started.body.batch_id;
    await api.watch(id, { after: '0' });
    const { items } = (await api.get(`/api/batches/${id}/items?limit=100`)).body;
    const taken = items.filter(({ status }: { status: string }) => status !== 'skipped');
    expect(taken.map(({ name }: { name: string }) => name)).toEqual(['harmless.txt']);
    expect(items).toHaveLength(rows.length);
    expect(JSON.stringify(items)).not.toContain(SECRET);
    expect(JSON.stringify(world.server.calls)).not.toContain(SECRET);
    for (const name of ['results.json', 'report.html']) {
      expect(readFileSync(join(world.output, id, name), 'utf8')).not.toContain(SECRET);
    }
  });

  it('gets nothing and starts nothing without the token', async () => {
    const { paths } = await (await api.fetch('/openapi.json')).json();
    const before = { paid: world.server.counts.paid, batches: (await api.get('/api/batches')).body.batches.length };
    const wrong = [
      '',
      'Bearer',
      'Bearer ',
      `Bearer ${TOKEN}x`,
      `Basic ${btoa(`x:${TOKEN}`)}`,
      TOKEN,
      `bearer=${TOKEN}`,
    ];
    for (const [path, operations] of Object.entries<object>(paths)) {
      if (path === '/healthz' || path === '/api/session') continue;
      const address = path.replace('{id}', batch).replaceAll(/\{\w+\}/g, 'x');
      for (const method of Object.keys(operations)) {
        const init = { method: method.toUpperCase(), headers: { 'content-type': 'application/json' } };
        const body = method === 'post' ? { body: JSON.stringify({ prefix: world.photos, force: true }) } : {};
        for (const authorization of path === '/api/batch/start' ? wrong : [`Bearer ${TOKEN}x`]) {
          const headers = { ...init.headers, authorization, cookie: `proofsheet_session=${TOKEN}` };
          const answer = await api.bare(`${address}?token=${TOKEN}`, { ...init, headers, ...body });
          expect({ path, method, status: answer.status }).toEqual({ path, method, status: 401 });
          expect(await answer.text()).not.toMatch(LEAKS);
        }
      }
    }
    const batches = (await api.get('/api/batches')).body.batches.length;
    expect({ paid: world.server.counts.paid, batches }).toEqual(before);
  });

  it('breaks no stream, page or header with what it calls things', async () => {
    const folder = join(world.photos, 'named');
    const names = [
      '<img src=x onerror=alert(1)>-first.png',
      'a\nevent: complete\ndata: {}\n\n-first.png',
      '"\u202egnp.-first.png',
    ];
    writePhotos(folder, names);
    const name = '</script><script>alert(1)</script>\r\nX-Evil: 1';
    const { body } = await api.post('/api/batch/start', { prefix: folder, name });
    const events = await api.watch(body.batch_id, { after: '0' });
    expect(events.filter(({ event }) => event === 'complete')).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ data: { name, counts: { total: 3, passed: 3 } } });
    const page = await api.fetch(`/api/batch/report?batch_id=${body.batch_id}`);
    const html = await page.text();
    expect(html).not.toContain('<script>alert');
    expect(html).not.toContain('<img src=x');
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
    const list = await api.fetch('/api/batches');
    expect(list.headers.get('x-content-type-options')).toBe('nosniff');
    expect(await list.text()).not.toMatch(LEAKS);
  });

  it('does not have anything paid twice by asking for everything at once', async () => {
    const folder = join(world.photos, 'storm');
    writePhotos(
      folder,
      Array.from({ length: 12 }, (_, index) => `${index}-second.png`),
    );
    const paid = world.server.counts.paid;
    const ask = { prefix: folder, name: 'Storm' };
    const started = await Promise.all(Array.from({ length: 5 }, () => api.post('/api/batch/start', ask)));
    const ids = new Set(started.flatMap(({ body }) => body.batch_id ?? []));
    expect(ids.size).toBe(1);
    const [id = ''] = ids;
    const control = (path: string) => api.post(`/api/batch/${path}`, { batch_id: id });
    for (let round = 0; round < 8; round++) {
      const answers = await Promise.all([
        ...[control('cancel'), control('resume'), control('resume'), control('report')],
        ...[api.post('/api/batch/resume', { batch_id: id, errors: true }), control('cancel')],
      ]);
      for (const { status, body } of answers) expect([202, 409], JSON.stringify(body)).toContain(status);
    }
    await control('resume');
    const last = (await api.watch(id, { after: '0' })).at(-1)?.data;
    expect(last).toMatchObject({ counts: { total: 12, passed: 12, error: 0, cancelled: 0 } });
    expect(world.server.counts.paid - paid).toBe(last.calls);
    expect(last.calls).toBe(12 * 7);
  });

  it('locks nobody out with streams that it does not read, and connections that it does not use', async () => {
    const stalled = Array.from({ length: 100 }, () => {
      const socket = openSocket(world.url).pause();
      socket.write(head('GET', `/api/batch/status?batch_id=${batch}&last_event_id=0`));
      return socket;
    });
    const idle = Array.from({ length: 1500 }, () => openSocket(world.url));
    const left = Array.from({ length: 100 }, async () => {
      const stop = new AbortController();
      const { status } = await api.fetch('/api/batch/status?last_event_id=0', { signal: stop.signal });
      stop.abort();
      return status;
    });
    expect(new Set(await Promise.all(left))).toEqual(new Set([200]));
    expect((await api.watch(batch, { after: '0' })).at(-1)?.event).toBe('complete');
    for (const socket of [...stalled, ...idle]) socket.destroy();
    expect((await api.get('/api/batches')).status).toBe(200);
  });

  it('leaves a server that lives, and a log without secrets', async () => {
    expect(world.served.exitCode).toBeNull();
    const path = join(world.home, 'proofsheet.log');
    const log = existsSync(path) ? readFileSync(path, 'utf8') : '';
    expect(log).not.toContain(TOKEN);
    expect(log).not.toContain(SECRET);
    expect(log).not.toContain('request failed');
  });
});

function nested(depth: number): object {
  let value: object = {};
  for (let level = 0; level < depth; level++) value = { items: value };
  return value;
}
