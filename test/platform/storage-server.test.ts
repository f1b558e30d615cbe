import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { Storage } from '@google-cloud/storage';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ObjectResource } from '../support/storage-resource.ts';
import { type StorageServer, type StorageServerOptions, startStorageServer } from '../support/storage-server.ts';
import { tempHome } from '../support/temp-home.ts';
import { waitUntil } from '../support/wait-until.ts';

const UNIT = 256 * 1024;

async function start(options: StorageServerOptions = {}): Promise<StorageServer> {
  const server = await startStorageServer({ buckets: ['b'], ...options });
  onTestFinished(() => server.close());
  return server;
}

/** A request as the API's documentation writes it. */
function api({ url }: { url: string }, method: string, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${url}${path}`, { method, ...init });
}

async function insert(server: StorageServer, name: string, body: string | Uint8Array<ArrayBuffer>, more = '') {
  const path = `/upload/storage/v1/b/b/o?uploadType=media&name=${encodeURIComponent(name)}${more}`;
  return await api(server, 'POST', path, { body, headers: { 'content-type': 'text/plain' } });
}

async function resourceIn(response: Promise<Response>): Promise<ObjectResource> {
  return (await (await response).json()) as ObjectResource;
}

async function openSession(server: StorageServer, name: string, more = ''): Promise<string> {
  const path = `/upload/storage/v1/b/b/o?uploadType=resumable&name=${name}${more}`;
  const response = await api(server, 'POST', path, { body: '{"metadata":{"a":"1"}}' });
  expect(response.status).toBe(200);
  return response.headers.get('location') ?? '';
}

function putChunk(session: string, range: string, body?: Uint8Array<ArrayBuffer>): Promise<Response> {
  return fetch(session, { method: 'PUT', headers: { 'content-range': range }, ...(body && { body }) });
}

interface Page {
  items?: ObjectResource[];
  prefixes?: string[];
  nextPageToken?: string;
}

async function names(server: StorageServer, query: string): Promise<Omit<Page, 'items'> & { names: string[] }> {
  const page = (await (await api(server, 'GET', `/storage/v1/b/b/o?${query}`)).json()) as Page;
  const { items = [], ...rest } = page;
  return { names: items.map(({ name }) => name), ...rest };
}

describe('the Cloud Storage server', () => {
  it('makes objects of media uploads and tells all about them', async () => {
    const server = await start();
    const made = await resourceIn(insert(server, 'dir/ä b.txt', 'hello'));
    expect(made).toMatchObject({
      bucket: 'b',
      name: 'dir/ä b.txt',
      size: '5',
      metageneration: '1',
      contentType: 'text/plain',
      md5Hash: createHash('md5').update('hello').digest('base64'),
      crc32c: 'mnG7TA==',
    });
    expect(made.generation).toMatch(/^\d{16}$/);
    const path = `/storage/v1/b/b/o/${encodeURIComponent('dir/ä b.txt')}`;
    expect(await resourceIn(api(server, 'GET', path))).toEqual(made);
    expect(await (await api(server, 'GET', path.slice('/storage/v1'.length))).json()).toEqual(made);
    const download = await api(server, 'GET', `${path}?alt=media`);
    expect(await download.text()).toBe('hello');
    expect(download.headers.get('x-goog-hash')).toBe(`crc32c=${made.crc32c},md5=${made.md5Hash}`);
    expect(download.headers.get('x-goog-generation')).toBe(made.generation);
    const again = await resourceIn(insert(server, 'dir/ä b.txt', 'two'));
    expect(BigInt(again.generation)).toBeGreaterThan(BigInt(made.generation));
    expect((await api(server, 'GET', `${path}?alt=media&generation=${made.generation}`)).status).toBe(404);
    expect(await (await api(server, 'GET', `${path}?alt=media&generation=${again.generation}`)).text()).toBe('two');
  });

  it('answers ranges', async () => {
    const server = await start();
    await insert(server, 'o', '0123456789');
    const range = async (text: string) => {
      const response = await api(server, 'GET', '/storage/v1/b/b/o/o?alt=media', { headers: { range: text } });
      return [response.status, response.headers.get('content-range'), await response.text()];
    };
    expect(await range('bytes=2-4')).toEqual([206, 'bytes 2-4/10', '234']);
    expect(await range('bytes=8-')).toEqual([206, 'bytes 8-9/10', '89']);
    expect(await range('bytes=-3')).toEqual([206, 'bytes 7-9/10', '789']);
    expect(await range('bytes=5-99')).toEqual([206, 'bytes 5-9/10', '56789']);
    expect(await range('bytes=10-11')).toEqual([416, 'bytes */10', '']);
  });

  it('holds every write to its conditions', async () => {
    const server = await start();
    const first = await resourceIn(insert(server, 'o', '1', '&ifGenerationMatch=0'));
    const refused = await insert(server, 'o', '2', '&ifGenerationMatch=0');
    expect(refused.status).toBe(412);
    expect(await refused.json()).toMatchObject({ error: { code: 412, errors: [{ reason: 'conditionNotMet' }] } });
    expect((await insert(server, 'new', '2', `&ifGenerationMatch=${first.generation}`)).status).toBe(412);
    expect((await insert(server, 'o', '2', `&ifGenerationNotMatch=${first.generation}`)).status).toBe(412);
    expect((await insert(server, 'o', '2', '&ifMetagenerationMatch=2')).status).toBe(412);
    expect(await (await api(server, 'GET', '/storage/v1/b/b/o/o?alt=media')).text()).toBe('1');
    expect((await insert(server, 'o', '2', `&ifGenerationMatch=${first.generation}`)).status).toBe(200);
    const path = '/storage/v1/b/b/o/o';
    expect((await api(server, 'DELETE', `${path}?ifGenerationMatch=${first.generation}`)).status).toBe(412);
    const patch = { body: '{"metadata":{"k":"v"}}', headers: { 'content-type': 'application/json' } };
    expect((await api(server, 'PATCH', `${path}?ifMetagenerationMatch=7`, patch)).status).toBe(412);
    expect((await api(server, 'PATCH', `${path}?ifMetagenerationMatch=1`, patch)).status).toBe(200);
    const now = await resourceIn(api(server, 'GET', path));
    expect((await api(server, 'GET', `${path}?ifGenerationNotMatch=${now.generation}`)).status).toBe(304);
    expect((await api(server, 'GET', `${path}?ifGenerationMatch=1`)).status).toBe(412);
    expect((await api(server, 'DELETE', `${path}?ifGenerationMatch=${now.generation}`)).status).toBe(204);
    expect((await api(server, 'GET', path)).status).toBe(404);
  });

  it('lets one of many win a create-once', async () => {
    const server = await start();
    const many = await Promise.all(Array.from({ length: 10 }, () => insert(server, 'o', 'x', '&ifGenerationMatch=0')));
    expect(many.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(412)]);
  });

  it('takes a resumable upload chunk by chunk, also after a broken one', async () => {
    const server = await start();
    const session = await openSession(server, 'big', '&ifGenerationMatch=0');
    const chunk = (letter: string, bytes: number) => new Uint8Array(bytes).fill(letter.charCodeAt(0));
    expect((await putChunk(session, 'bytes */*')).headers.get('range')).toBeNull();
    const first = await putChunk(session, `bytes 0-${UNIT - 1}/*`, chunk('a', UNIT));
    expect([first.status, first.headers.get('range')]).toEqual([308, `bytes=0-${UNIT - 1}`]);
    expect((await putChunk(session, `bytes ${UNIT}-${UNIT + 9}/*`, chunk('b', 10))).status).toBe(400);
    expect((await putChunk(session, `bytes ${9 * UNIT}-${9 * UNIT + 9}/*`, chunk('b', 10))).status).toBe(503);
    await brokenPut(session, `bytes ${UNIT}-${4 * UNIT - 1}/*`, chunk('b', UNIT + 100), 3 * UNIT);
    await waitUntil(() => server.calls.some(({ bytes }) => bytes === UNIT + 100));
    const status = await putChunk(session, 'bytes */*');
    expect([status.status, status.headers.get('range')]).toEqual([308, `bytes=0-${2 * UNIT - 1}`]);
    expect((await api(server, 'GET', '/storage/v1/b/b/o/big')).status).toBe(404);
    const last = await putChunk(session, `bytes ${2 * UNIT}-${2 * UNIT + 4}/${2 * UNIT + 5}`, chunk('c', 5));
    expect(await last.json()).toMatchObject({ size: String(2 * UNIT + 5), metadata: { a: '1' } });
    const content = await (await api(server, 'GET', '/storage/v1/b/b/o/big?alt=media')).text();
    expect(content).toBe(`${'a'.repeat(UNIT)}${'b'.repeat(UNIT)}ccccc`);
    expect((await putChunk(session, 'bytes */*')).status).toBe(200);
    const other = await openSession(server, 'other');
    expect((await fetch(other, { method: 'DELETE' })).status).toBe(499);
    expect((await putChunk(other, 'bytes */*')).status).toBe(404);
    const path = '/upload/storage/v1/b/b/o?uploadType=resumable&name=big&ifGenerationMatch=0';
    expect((await api(server, 'POST', path)).status).toBe(412);
  });

  it('compares checksums and refuses what is no name', async () => {
    const server = await start();
    const storage = new Storage({ apiEndpoint: server.url, projectId: 'p' });
    const wrong = { resumable: false, validation: false, metadata: { md5Hash: 'AAAA' } } as const;
    await expect(storage.bucket('b').file('o').save('x', wrong)).rejects.toMatchObject({ code: 400 });
    expect((await insert(server, 'a\nb', 'x')).status).toBe(400);
    expect((await insert(server, 'ä'.repeat(513), 'x')).status).toBe(400);
    expect((await api(server, 'GET', '/storage/v1/b/none/o')).status).toBe(404);
    expect((await api(server, 'GET', '/elsewhere')).status).toBe(404);
  });

  it('lists by prefix, offsets, delimiter and pages in order of bytes', async () => {
    const server = await start();
    for (const name of ['b', 'a/2', 'a/1', 'a/x/1', 'a/x/2', 'a/y/1', 'a0', '\uFFFD', '\u{1F600}']) {
      await insert(server, name, name);
    }
    expect(await names(server, '')).toMatchObject({
      names: ['a/1', 'a/2', 'a/x/1', 'a/x/2', 'a/y/1', 'a0', 'b', '\uFFFD', '\u{1F600}'],
    });
    expect(await names(server, 'startOffset=a/2&endOffset=a/y/1')).toMatchObject({ names: ['a/2', 'a/x/1', 'a/x/2'] });
    expect(await names(server, 'prefix=a/&startOffset=a/2%00')).toMatchObject({ names: ['a/x/1', 'a/x/2', 'a/y/1'] });
    expect(await names(server, 'prefix=a/&delimiter=/')).toMatchObject({
      names: ['a/1', 'a/2'],
      prefixes: ['a/x/', 'a/y/'],
    });
    expect(await names(server, 'prefix=a/x/2&delimiter=/&fields=items(name,size)')).toEqual({ names: ['a/x/2'] });
    for (const delimiter of ['', '&delimiter=/']) {
      const seen: string[] = [];
      for (let token: string | undefined = ''; token !== undefined; ) {
        const query = `maxResults=1&pageToken=${token}${delimiter}`.replace('&pageToken=&', '&');
        const page = await names(server, query);
        seen.push(...page.names, ...(page.prefixes ?? []));
        token = page.nextPageToken;
      }
      expect(seen).toEqual(
        delimiter === ''
          ? ['a/1', 'a/2', 'a/x/1', 'a/x/2', 'a/y/1', 'a0', 'b', '\uFFFD', '\u{1F600}']
          : ['a/', 'a0', 'b', '\uFFFD', '\u{1F600}'],
      );
    }
  });

  it('serves the client library: metadata, copies, gzip, buckets', async () => {
    const server = await start();
    const storage = new Storage({ apiEndpoint: server.url, projectId: 'p' });
    const file = storage.bucket('b').file('x #1/ä.bin');
    await file.save(Buffer.from('content'), { metadata: { metadata: { a: '1', b: '2' } }, contentType: 'a/b' });
    await file.setMetadata({ metadata: { a: null, c: '3' }, cacheControl: 'no-store' });
    const [metadata] = await file.getMetadata();
    expect(metadata).toMatchObject({ metageneration: '2', cacheControl: 'no-store', contentType: 'a/b' });
    expect(metadata.metadata).toEqual({ b: '2', c: '3' });
    await storage.createBucket('other');
    await expect(storage.createBucket('other')).rejects.toMatchObject({ code: 409 });
    await file.copy(storage.bucket('other').file('same'));
    await file.copy(storage.bucket('other').file('changed'), { contentType: 'c/d', metadata: { e: '4' } });
    const [same] = await storage.bucket('other').file('same').getMetadata();
    const [changed] = await storage.bucket('other').file('changed').getMetadata();
    expect([same.metadata, same.contentType, same.md5Hash]).toEqual([{ b: '2', c: '3' }, 'a/b', metadata.md5Hash]);
    expect([changed.metadata, changed.contentType]).toEqual([{ e: '4' }, 'c/d']);
    const zipped = storage.bucket('b').file('zipped');
    await zipped.save(gzipSync('unzipped'), { metadata: { contentEncoding: 'gzip' }, resumable: false });
    expect((await zipped.download()).toString()).toBe('unzipped');
    const plain = { headers: { 'accept-encoding': 'identity' } };
    expect(await (await api(server, 'GET', '/storage/v1/b/b/o/zipped?alt=media', plain)).text()).toBe('unzipped');
    const [buckets] = await storage.getBuckets();
    expect(buckets.map(({ name }) => name)).toEqual(['b', 'other']);
    await expect(storage.bucket('other').delete()).rejects.toMatchObject({ code: 409 });
    await storage.bucket('other').deleteFiles();
    await storage.bucket('other').delete();
    expect(await storage.bucket('other').exists()).toEqual([false]);
  });

  it('keeps objects in a folder, if asked to', async () => {
    const dir = await tempHome();
    const first = await start({ dir });
    const made = await resourceIn(insert(first, `long/${'n'.repeat(900)}`, 'kept'));
    await insert(first, 'gone', 'x');
    await api(first, 'DELETE', '/storage/v1/b/b/o/gone');
    await first.close();
    const second = await start({ dir });
    expect(second.objects.get('b', made.name)).toEqual(made);
    expect(second.objects.bytes('b', made.name).toString()).toBe('kept');
    expect(await names(second, '')).toMatchObject({ names: [made.name] });
    const again = await resourceIn(insert(second, made.name, 'new'));
    expect(BigInt(again.generation)).toBeGreaterThan(BigInt(made.generation));
  });

  it('posts finalize events until they are taken, some twice and out of order', async () => {
    const taken: { headers: IncomingHttpHeaders; name: string }[] = [];
    let refusals = 3;
    const endpoint = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      if (refusals > 0) {
        refusals -= 1;
        response.writeHead(503).end();
        return;
      }
      taken.push({ headers: request.headers, name: JSON.parse(body).name });
      response.writeHead(204).end();
    });
    await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void endpoint.close());
    const address = endpoint.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const disorder = { seed: 7, duplicates: 0.5, delayMs: 60 };
    const events = { to: `http://127.0.0.1:${port}/`, buckets: ['b'], retryMs: 5, disorder };
    const server = await start({ buckets: ['b', 'quiet'], events });
    const all = Array.from({ length: 20 }, (_, index) => `drop/ä${index}.jpg`);
    for (const name of all) await insert(server, name, name);
    server.objects.insert('quiet', 'unheard', Buffer.from('x'), {}, {});
    await api(server, 'POST', '/storage/v1/b/b/o/drop%2F%C3%A40.jpg/rewriteTo/b/quiet/o/copy', { body: '{}' });
    await server.events?.settled();
    const heard = taken.map(({ name }) => name);
    expect(new Set(heard)).toEqual(new Set(all));
    expect(heard.length).toBeGreaterThan(all.length);
    expect(heard).not.toEqual(heard.toSorted((a, b) => all.indexOf(a) - all.indexOf(b)));
    expect(server.events?.counts).toEqual({ taken: heard.length, refused: 3 });
    const event = taken.find(({ name }) => name === 'drop/ä3.jpg');
    expect(event?.headers).toMatchObject({
      'ce-type': 'google.cloud.storage.object.v1.finalized',
      'ce-source': '//storage.googleapis.com/projects/_/buckets/b',
      'ce-subject': 'objects/drop/%C3%A43.jpg',
      'ce-specversion': '1.0',
      'content-type': 'application/json',
    });
  });

  it('hands events to a function, again when it fails, with what the object was then', async () => {
    const heard: string[] = [];
    let fail = true;
    const server = await start({
      events: {
        retryMs: 1,
        to: ({ attributes, data }) => {
          heard.push(`${attributes.subject} ${data.generation}`);
          if (fail) {
            fail = false;
            throw new Error('not now');
          }
        },
      },
    });
    const first = await resourceIn(insert(server, 'o', '1'));
    const second = await resourceIn(insert(server, 'o', '2'));
    await server.events?.settled();
    const expected = [first, first, second].map(({ generation }) => `objects/o ${generation}`);
    expect(heard.toSorted()).toEqual(expected.toSorted());
  });

  it('runs as a process', async () => {
    const program = fileURLToPath(new URL('../support/storage-server.ts', import.meta.url));
    const child = spawn(process.execPath, [program, '--port', '0', '--bucket', 'inbox'], { stdio: 'pipe' });
    onTestFinished(() => void child.kill());
    const line = await new Promise<string>((resolve) => child.stdout.once('data', (data) => resolve(String(data))));
    const url = /http:\/\/\S+/.exec(line)?.[0] ?? '';
    expect(await (await fetch(`${url}/storage/v1/b/inbox`)).json()).toMatchObject({ name: 'inbox' });
  });
});

/** Sends the head and a part of the body, then cuts the connection. */
async function brokenPut(session: string, range: string, part: Uint8Array, announced: number): Promise<void> {
  const { connect } = await import('node:net');
  const { hostname, port, pathname, search } = new URL(session);
  const socket = connect(Number(port), hostname);
  const head = `PUT ${pathname}${search} HTTP/1.1\r\nhost: ${hostname}:${port}\r\n`;
  socket.write(`${head}content-range: ${range}\r\ncontent-length: ${announced}\r\n\r\n`);
  await new Promise<void>((resolve) => socket.write(part, () => resolve()));
  socket.end();
}
