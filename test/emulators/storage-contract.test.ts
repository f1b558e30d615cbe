import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isOwnOutput } from '../../functions/domain/own-mark.ts';
import { type StorageFilesOptions, storageFiles } from '../../functions/platform/google/storage-files.ts';
import type { Files } from '../../functions/platform/ports.ts';
import { filesContract } from '../contract/files.ts';
import { type StorageServer, type StorageServerOptions, startStorageServer } from '../support/storage-server.ts';

const OBJECTS = { bucket: 'work', prefix: 'objects' };
const LIMIT = { maxBytes: 1_000_000 };
const MIB = 1024 * 1024;

filesContract('Cloud Storage', async () => {
  const { server, files } = await open();
  return { platform: { files }, folder: 'gs://results/files', close: () => server.close() };
});

describe('files in Cloud Storage', () => {
  it('reaches the server of STORAGE_EMULATOR_HOST', async () => {
    const { server } = await setUp();
    process.env.STORAGE_EMULATOR_HOST = server.url;
    onTestFinished(() => {
      delete process.env.STORAGE_EMULATOR_HOST;
    });
    const files = storageFiles({ objects: OBJECTS, client: { projectId: 'project' } });
    await files.write('gs://results/there', 'it is', 'text/plain');
    expect(await text(files, 'gs://results/there')).toBe('it is');
    expect(await files.list('gs://results', { recursive: true, limit: 9 })).toHaveLength(1);
  });

  it('marks all that it writes as its own, with the batch where there is one', async () => {
    const { server, files } = await setUp({ results: 'gs://results/out/' });
    const ref = await files.put(Buffer.from('picture'), 'image/png');
    await files.write('gs://results/out/batch-1/results.json', '{}', 'application/json');
    await files.create('gs://results/out/batch-1/pointer', 'x', 'text/plain');
    await files.write('gs://results/out/batch-1/big.csv', megabytes(9), 'text/csv');
    await files.copy(ref, 'gs://results/out/batch-2/successful/mug.png');
    await files.write('gs://results/elsewhere/x', 'x', 'text/plain');
    const marks = (bucket: string) =>
      server.objects.list(bucket, {}).items.map(({ name, metadata, contentType }) => {
        expect(isOwnOutput(metadata)).toBe(true);
        return [name, metadata?.batch, contentType];
      });
    expect(marks('results')).toEqual([
      ['elsewhere/x', undefined, 'text/plain'],
      ['out/batch-1/big.csv', 'batch-1', 'text/csv'],
      ['out/batch-1/pointer', 'batch-1', 'text/plain'],
      ['out/batch-1/results.json', 'batch-1', 'application/json'],
      ['out/batch-2/successful/mug.png', 'batch-2', 'image/png'],
    ]);
    expect(marks('work')).toEqual([[`objects/${ref.sha256.slice(0, 2)}/${ref.sha256}`, undefined, 'image/png']]);
    expect(isOwnOutput({ producer: 'somebody' })).toBe(false);
    expect(isOwnOutput(undefined)).toBe(false);
  });

  it('sends small content in one request and long streams in chunks', async () => {
    const { server, files } = await setUp();
    await files.write('gs://results/small', megabytes(1), 'text/plain');
    expect(uploads(server)).toEqual(['POST multipart']);
    await files.write('gs://results/long', megabytes(20), 'text/plain');
    expect(uploads(server).slice(1)).toEqual(['POST resumable', ...Array(3).fill('PUT resumable')]);
    const bytes = await files.read('gs://results/long', { maxBytes: 20 * MIB });
    expect([bytes.length, bytes[0], bytes.at(-1)]).toEqual([20 * MIB, 0, 19]);
    await expect(files.write('gs://results/long', megabytes(20, 18), 'text/plain')).rejects.toThrow('broke off');
    expect((await files.read('gs://results/long', { maxBytes: 20 * MIB })).length).toBe(20 * MIB);
  });

  it('repeats what failed for the moment', async () => {
    const failed = new Set<string>();
    // Each request of its kind fails once.
    const faults: StorageServerOptions['faults'] = ({ method, url }) => {
      const kind = `${method} ${url.replace(/\?.*(upload_id|alt|uploadType=resumable).*/, ' $1')}`;
      if (failed.has(kind)) return undefined;
      failed.add(kind);
      return failed.size % 2 === 0 ? 503 : 'lost';
    };
    const { server, files } = await setUp({}, { faults });
    server.objects.insert('results', 'a/given', Buffer.from('given'), {}, {});
    server.objects.insert('results', 'gone', Buffer.from('gone'), {}, {});
    const [, , given, ref, entries] = await Promise.all([
      files.write('gs://results/text', 'text', 'text/plain'),
      files.write('gs://results/stream', megabytes(9), 'text/plain'),
      text(files, 'gs://results/a/given'),
      files.put(Buffer.from('picture'), 'image/png'),
      files.list('gs://results/a', { recursive: true, limit: 9 }),
      files.remove('gs://results/gone'),
    ]);
    expect(given).toBe('given');
    expect(entries).toHaveLength(1);
    await files.copy(ref, 'gs://results/copy');
    const sizes = server.objects.list('results', {}).items.map(({ name, size }) => `${name} ${size}`);
    expect(sizes).toEqual(['a/given 5', 'copy 7', `stream ${9 * MIB}`, 'text 4']);
    expect(failed.size).toBeGreaterThan(8);
  });

  it('downloads again what broke off in the middle, without harm to others', async () => {
    let cuts = 0;
    const faults: StorageServerOptions['faults'] = ({ url }) =>
      url.includes('/o/first?alt=media') && cuts++ < 2 ? 'cut' : undefined;
    const { server, files } = await setUp({}, { faults });
    const names = ['first', ...Array.from({ length: 8 }, (_, n) => `other-${n}`)];
    for (const name of names) server.objects.insert('results', name, Buffer.alloc(MIB, name), {}, {});
    const all = await Promise.all(names.map((name) => files.read(`gs://results/${name}`, { maxBytes: MIB })));
    expect(all.map((bytes) => Buffer.from(bytes).equals(Buffer.alloc(MIB, names[all.indexOf(bytes)])))).not.toContain(
      false,
    );
    expect(cuts).toBe(3);
  });

  it('reads parts of packed objects, and again what broke off', async () => {
    let cuts = 0;
    const faults: StorageServerOptions['faults'] = ({ url }) =>
      url.includes('?alt=media') && cuts++ === 0 ? 'cut' : undefined;
    const { server, files } = await setUp({}, { faults });
    const content = Buffer.from('0123456789'.repeat(100_000));
    server.objects.insert('results', 'plain', content, {}, {});
    server.objects.insert('results', 'packed', gzipSync(content), { contentEncoding: 'gzip' }, {});
    for (const uri of ['gs://results/plain', 'gs://results/packed']) {
      const part = await files.readPart(uri, { start: 500_005, maxBytes: 200 });
      expect(Buffer.from(part).toString(), uri).toBe('5678901234'.repeat(20));
      expect(await files.readPart(uri, { start: content.length, maxBytes: 200 })).toHaveLength(0);
    }
    expect(cuts).toBeGreaterThan(1);
  });

  it('knows an object that it created when the answer was lost', async () => {
    let lost = 0;
    const faults: StorageServerOptions['faults'] = ({ method }) =>
      method === 'POST' && lost++ === 0 ? 'lost' : undefined;
    const { files } = await setUp({}, { faults });
    expect(await files.create('gs://results/pointer', 'mine', 'text/plain')).toBe(true);
    expect(lost).toBe(2);
    expect(await files.create('gs://results/pointer', 'other', 'text/plain')).toBe(false);
    expect(await text(files, 'gs://results/pointer')).toBe('mine');
  });

  it('reads the version that the URI names, and no other', async () => {
    const { server, files } = await setUp();
    const upload = (content: string) => server.objects.insert('results', 'o', Buffer.from(content), {}, {}).generation;
    const first = `gs://results/o#${upload('first')}`;
    expect(await text(files, first)).toBe('first');
    expect(await files.list(first, { recursive: true, limit: 9 })).toMatchObject([{ uri: first, path: 'o', bytes: 5 }]);
    const second = `gs://results/o#${upload('second')}`;
    await expect(files.read(first, LIMIT)).rejects.toMatchObject({ code: 'source_changed', disposition: 'permanent' });
    expect(await text(files, second)).toBe('second');
    expect(await text(files, 'gs://results/o')).toBe('second');
    await files.remove('gs://results/o');
    await expect(files.read(second, LIMIT)).rejects.toMatchObject({ code: 'file_missing' });
    await expect(files.list(second, { recursive: true, limit: 9 })).rejects.toMatchObject({ code: 'file_missing' });
    await expect(files.write(second, 'x', 'text/plain')).rejects.toMatchObject({ code: 'usage' });
    await expect(files.remove(second)).rejects.toMatchObject({ code: 'usage' });
  });

  it('lists a name that ends like a generation so that it can be read', async () => {
    const { server, files } = await setUp();
    const name = 'd/x#1234567890123456';
    const { generation } = server.objects.insert('results', name, Buffer.from('odd'), {}, {});
    server.objects.insert('results', 'd/x#17', Buffer.from('even'), {}, {});
    const entries = await files.list('gs://results/d', { recursive: true, limit: 9 });
    expect(entries.map(({ uri }) => uri)).toEqual([`gs://results/${name}#${generation}`, 'gs://results/d/x#17']);
    const contents = await Promise.all(entries.map(({ uri }) => text(files, uri)));
    expect(contents).toEqual(['odd', 'even']);
    const [odd] = entries;
    const rest = await files.list('gs://results/d', { recursive: true, limit: 9, after: odd?.uri ?? '' });
    expect(rest).toEqual(entries.slice(1));
  });

  it('takes a new version that appears between look and download', async () => {
    let replaced = 0;
    const { server, files } = await setUp(
      {},
      {
        faults({ url }) {
          if (url.includes('alt=media') && replaced++ < 2)
            server.objects.insert('results', 'o', Buffer.from('new'), {}, {});
          return undefined;
        },
      },
    );
    server.objects.insert('results', 'o', Buffer.from('old'), {}, {});
    expect(await text(files, 'gs://results/o')).toBe('new');
    expect(replaced).toBe(3);
  });

  it('unpacks gzip within the bound', async () => {
    const { server, files } = await setUp();
    const gzip = { contentEncoding: 'gzip' };
    server.objects.insert('results', 'small', gzipSync('unpacked'), gzip, {});
    server.objects.insert('results', 'bomb', gzipSync(Buffer.alloc(3 * MIB)), gzip, {});
    server.objects.insert('results', 'fake', Buffer.from('plain'), gzip, {});
    expect(await text(files, 'gs://results/small')).toBe('unpacked');
    await expect(files.read('gs://results/bomb', LIMIT)).rejects.toMatchObject({ code: 'file_too_large' });
    await expect(files.read('gs://results/fake', LIMIT)).rejects.toMatchObject({ code: 'unreadable_file' });
  });

  it('leaves folder placeholders and hidden objects out, however many', async () => {
    const { server, files } = await setUp();
    const bytes = Buffer.from('x');
    for (const name of ['d/', 'd/sub/', 'd/sub_$folder$', 'd/sub/.x', 'd/z.jpg', 'empty/']) {
      server.objects.insert('results', name, bytes, {}, {});
    }
    for (let n = 0; n < 1200; n++) server.objects.insert('results', `d/.git/${n}`, bytes, {}, {});
    const uris = async (root: string, recursive: boolean) =>
      (await files.list(root, { recursive, limit: 1 })).map(({ uri }) => uri);
    expect(await uris('gs://results/d', true)).toEqual(['gs://results/d/z.jpg']);
    expect(await uris('gs://results/d/', false)).toEqual(['gs://results/d/z.jpg']);
    expect(await uris('gs://results', true)).toEqual(['gs://results/d/z.jpg']);
    expect(await uris('gs://results/empty', true)).toEqual([]);
    await expect(uris('gs://results/none', true)).rejects.toMatchObject({ code: 'file_missing' });
    await expect(uris('gs://none', true)).rejects.toMatchObject({ code: 'file_missing' });
    // All hidden ones are passed in pages of a thousand.
    expect(server.calls.length).toBeLessThan(20);
  });

  it('leaves a copy that is there as it is', async () => {
    const { server, files } = await setUp();
    const ref = await files.put(Buffer.from('one'), 'image/png');
    await files.copy(ref, 'gs://results/copy');
    const { generation } = server.objects.get('results', 'copy');
    await files.copy(ref, 'gs://results/copy');
    expect(server.objects.get('results', 'copy').generation).toBe(generation);
    await files.write('gs://results/copy', 'one', 'image/png');
    await files.copy(ref, 'gs://results/copy');
    expect(server.objects.get('results', 'copy').metadata).toMatchObject({ sha256: ref.sha256 });
  });

  it.each([
    [403, 'unreadable_file', 'permanent', 'storage', 'batch'],
    [401, 'auth_failed', 'permanent', 'auth_failed', 'batch'],
    [400, 'storage', 'permanent', 'storage', 'item'],
  ])('calls status %d %s when reading', async (status, read, disposition, write, scope) => {
    const { files } = await setUp({}, { faults: () => status });
    await expect(files.read('gs://results/o', LIMIT)).rejects.toMatchObject({ code: read, disposition });
    await expect(files.list('gs://results', { recursive: true, limit: 1 })).rejects.toMatchObject({ code: read });
    const ref = { sha256: 'a'.repeat(64), mimeType: 'image/png', bytes: 1 };
    for (const work of [
      files.write('gs://results/o', 'x', 'text/plain'),
      files.create('gs://results/o', 'x', 'text/plain'),
      files.put(Buffer.from('x'), 'image/png'),
      files.copy(ref, 'gs://results/o'),
      files.remove('gs://results/o'),
    ]) {
      await expect(work).rejects.toMatchObject({ code: write, disposition: 'permanent', scope });
    }
  });

  it('calls overload, silence and a missing server transient', async () => {
    const retryOptions = { retryDelayMultiplier: 1, maxRetries: 1 };
    const busy = await setUp({ client: { retryOptions } }, { faults: () => 503 });
    const transient = { code: 'storage_unavailable', disposition: 'transient' };
    await expect(busy.files.read('gs://results/o', LIMIT)).rejects.toMatchObject(transient);
    await expect(busy.files.write('gs://results/o', 'x', 'text/plain')).rejects.toMatchObject(transient);
    const silent = await setUp({ timeoutMs: 50 }, { faults: () => 'silent' });
    await expect(silent.files.read('gs://results/o', LIMIT)).rejects.toThrow(/did not answer within 0.05 s about gs:/);
    await expect(silent.files.write('gs://results/o', 'x', 'text/plain')).rejects.toMatchObject(transient);
    await silent.server.close();
    const gone = storageFiles({
      objects: OBJECTS,
      client: { apiEndpoint: silent.server.url, projectId: 'p', retryOptions },
    });
    await expect(gone.read('gs://results/o', LIMIT)).rejects.toMatchObject(transient);
  });

  it('says that a bucket is missing, and what is no place in Cloud Storage', async () => {
    const { files } = await setUp();
    const ref = await files.put(Buffer.from('x'), 'image/png');
    await expect(files.write('gs://none/o', 'x', 'text/plain')).rejects.toThrow(/no such bucket/);
    await expect(files.copy(ref, 'gs://none/o')).rejects.toThrow(/no such bucket/);
    for (const uri of ['/home/me/o', './o', 'gs://', 'gs:///o', 'https://x/o']) {
      await expect(files.read(uri, LIMIT), uri).rejects.toMatchObject({ code: 'usage' });
      expect(() => files.join(uri, 'x'), uri).toThrow(/gs:\/\/bucket/);
    }
    await expect(files.write('gs://results', 'x', 'text/plain')).rejects.toMatchObject({ code: 'usage' });
  });

  it('joins names with the base as a folder', () => {
    const files = storageFiles({ objects: OBJECTS });
    expect(files.join('gs://b', 'a', 'b/c')).toBe('gs://b/a/b/c');
    expect(files.join('gs://b/d/', 'a//b', './c', 'x/../y')).toBe('gs://b/d/a/b/c/y');
    expect(files.join('gs://b/')).toBe('gs://b');
    for (const name of ['/abs', 'a\nb', 'a\0b', 'a/../..'])
      expect(() => files.join('gs://b/d', name)).toThrow(/leads out/);
  });
});

async function open(options: Partial<StorageFilesOptions> = {}, serverOptions: StorageServerOptions = {}) {
  const server = await startStorageServer({ buckets: ['results', 'work'], ...serverOptions });
  const client = { apiEndpoint: server.url, projectId: 'project', ...options.client };
  return { server, files: storageFiles({ objects: OBJECTS, ...options, client }) };
}

async function setUp(...options: Parameters<typeof open>) {
  const opened = await open(...options);
  onTestFinished(() => opened.server.close());
  return opened;
}

async function text(files: Files, uri: string): Promise<string> {
  return Buffer.from(await files.read(uri, LIMIT)).toString();
}

/** Each megabyte filled with its number. */
async function* megabytes(count: number, breakAt = count): AsyncGenerator<Buffer> {
  for (let n = 0; n < count; n++) {
    if (n === breakAt) throw new Error('broke off');
    yield Buffer.alloc(MIB, n);
  }
}

function uploads(server: StorageServer): string[] {
  return server.calls.flatMap(({ method, url }) => {
    const type = /uploadType=(\w+)/.exec(url)?.[1];
    return type === undefined ? [] : [`${method} ${type}`];
  });
}
