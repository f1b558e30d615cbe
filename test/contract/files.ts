import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../functions/lib/hash.ts';
import type { Platform } from '../../functions/platform/ports.ts';
import type { Subject } from './samples.ts';

interface FilesSubject extends Omit<Subject, 'platform' | 'deliveries'> {
  platform: Pick<Platform, 'files'>;
}

/** What every implementation of `Files` does. */
export function filesContract(name: string, makeSubject: () => Promise<FilesSubject>): void {
  describe(`${name}: files`, () => {
    let subject: FilesSubject;
    let made = 0;
    beforeAll(async () => {
      subject = await makeSubject();
    });
    afterAll(() => subject.close());
    const files = () => subject.platform.files;

    function newFolder(): string {
      made += 1;
      return files().join(subject.folder, `folder-${made}`);
    }
    const read = async (uri: string): Promise<string> =>
      Buffer.from(await files().read(uri, { maxBytes: 10_000_000 })).toString();

    it('writes text, bytes and streams, and replaces what is there', async () => {
      const uri = files().join(newFolder(), 'deep', 'er', 'result.txt');
      await files().write(uri, 'one', 'text/plain');
      expect(await read(uri)).toBe('one');
      await files().write(uri, Buffer.from('two'), 'text/plain');
      expect(await read(uri)).toBe('two');
      async function* stream() {
        yield 'thr';
        yield Buffer.from('ee ');
        yield 'x'.repeat(200_000);
      }
      await files().write(uri, stream(), 'text/plain');
      expect(await read(uri)).toBe(`three ${'x'.repeat(200_000)}`);
    });

    it('leaves the old content and nothing else when a stream breaks off', async () => {
      const folder = newFolder();
      const uri = files().join(folder, 'report.html');
      await files().write(uri, 'old', 'text/html');
      async function* broken() {
        yield 'half';
        throw new Error('broke off');
      }
      await expect(files().write(uri, broken(), 'text/html')).rejects.toThrow('broke off');
      await expect(files().create(files().join(folder, 'new.html'), broken(), 'text/html')).rejects.toThrow(
        'broke off',
      );
      expect(await read(uri)).toBe('old');
      expect(await files().list(folder, { recursive: true, limit: 9 })).toHaveLength(1);
    });

    it('creates once, however many try', async () => {
      const uri = files().join(newFolder(), 'pointer.json');
      const created = await Promise.all(
        Array.from({ length: 8 }, (_, index) => files().create(uri, `writer ${index}`, 'application/json')),
      );
      expect(created.filter(Boolean)).toHaveLength(1);
      expect(await read(uri)).toBe(`writer ${created.indexOf(true)}`);
    });

    it('stores by content, also when many store the same', async () => {
      const bytes = Buffer.from(`picture ${subject.folder}`);
      const size = { width: 3, height: 4 };
      const refs = await Promise.all(Array.from({ length: 6 }, () => files().put(bytes, 'image/png', size)));
      for (const ref of refs) {
        expect(ref).toEqual({ sha256: sha256(bytes), mimeType: 'image/png', bytes: bytes.byteLength, ...size });
      }
      const [ref] = refs;
      if (ref === undefined) throw new Error('nothing was stored');
      expect(Buffer.from(await files().open(ref))).toEqual(bytes);
    });

    it('copies a stored object to a place and replaces what is there', async () => {
      const uri = files().join(newFolder(), 'successful', 'mug.png');
      const one = await files().put(Buffer.from(`one ${uri}`), 'image/png');
      const two = await files().put(Buffer.from(`two ${uri}`), 'image/png');
      await files().copy(one, uri);
      await files().copy(one, uri);
      expect(await read(uri)).toBe(`one ${uri}`);
      await files().copy(two, uri);
      expect(await read(uri)).toBe(`two ${uri}`);
    });

    it('reads a file that lies elsewhere as long as it is the same', async () => {
      const uri = files().join(newFolder(), 'input.png');
      const copy = files().join(newFolder(), 'copy.png');
      await files().write(uri, 'the input', 'image/png');
      const file = { sha256: sha256('the input'), mimeType: 'image/png', bytes: 9, uri };
      expect(Buffer.from(await files().open(file)).toString()).toBe('the input');
      await files().copy(file, copy);
      expect(await read(copy)).toBe('the input');
      for (const other of ['not input', 'longer than the input']) {
        await files().write(uri, other, 'image/png');
        await expect(files().open(file)).rejects.toMatchObject({ code: 'source_changed' });
      }
      await files().remove(uri);
      await expect(files().open(file)).rejects.toMatchObject({ code: 'file_missing' });
    });

    it('says that a stored object is missing', async () => {
      const lost = { sha256: sha256(`never stored ${subject.folder}`), mimeType: 'image/png', bytes: 5 };
      const uri = files().join(newFolder(), 'lost.png');
      await expect(files().open(lost)).rejects.toMatchObject({ code: 'storage' });
      await expect(files().copy(lost, uri)).rejects.toMatchObject({ code: 'storage' });
      await expect(files().read(uri, { maxBytes: 9 })).rejects.toMatchObject({ code: 'file_missing' });
    });

    it('refuses to read what is too large or not there', async () => {
      const folder = newFolder();
      const uri = files().join(folder, 'five.txt');
      await files().write(uri, '12345', 'text/plain');
      expect(await files().read(uri, { maxBytes: 5 })).toHaveLength(5);
      await expect(files().read(uri, { maxBytes: 4 })).rejects.toMatchObject({ code: 'file_too_large' });
      const missing = files().join(folder, 'six.txt');
      await expect(files().read(missing, { maxBytes: 4 })).rejects.toMatchObject({ code: 'file_missing' });
      await expect(files().read(missing, { maxBytes: 4 })).rejects.toThrow(missing);
    });

    it('reads parts of a file of any size', async () => {
      const uri = files().join(newFolder(), 'long.csv');
      const text = Array.from({ length: 40_000 }, (_, line) => `line ${line}\n`).join('');
      await files().write(uri, text, 'text/csv');
      const part = async (start: number, maxBytes: number) =>
        Buffer.from(await files().readPart(uri, { start, maxBytes })).toString();
      expect(await part(0, 7)).toBe('line 0\n');
      expect(await part(7, 14)).toBe('line 1\nline 2\n');
      expect(await part(0, 10_000_000)).toBe(text);
      expect(await part(text.length - 11, 100)).toBe('line 39999\n');
      expect(await part(text.length, 100)).toBe('');
      expect(await part(text.length + 100, 100)).toBe('');
      const missing = files().join(newFolder(), 'missing.csv');
      await expect(files().readPart(missing, { start: 5, maxBytes: 4 })).rejects.toMatchObject({
        code: 'file_missing',
      });
    });

    it('says when a file was written', async () => {
      const uri = files().join(newFolder(), 'dated.jpg');
      const before = Date.now();
      await files().write(uri, 'one', 'image/jpeg');
      const [entry] = await files().list(uri, { recursive: true, limit: 9 });
      // File systems round, and other machines have clocks of their own.
      expect(Math.abs((entry?.modifiedAt ?? 0) - before)).toBeLessThan(60_000);
    });

    it('lists a tree page by page in order of the URI, without hidden files', async () => {
      const folder = newFolder();
      const names = ['b.jpg', 'a.jpg', 'a/z.jpg', 'a/b/c.jpg', 'a-1.jpg', 'a0.jpg', 'ä ö.jpg', 'B.jpg', 'x#1%.jpg'];
      for (const path of [...names, '.hidden.jpg', 'a/.hidden', '.git/config']) {
        await files().write(files().join(folder, ...path.split('/')), path, 'image/jpeg');
      }
      const expected = names.map((path) => `${folder}/${path}`).sort();
      const all = await files().list(folder, { recursive: true, limit: 100 });
      expect(all.map((entry) => entry.uri)).toEqual(expected);
      expect(all.map((entry) => `${folder}/${entry.path}`)).toEqual(expected);
      expect(all.map((entry) => entry.bytes)).toEqual(all.map((entry) => Buffer.byteLength(entry.path)));
      for (const limit of [1, 2, 4]) {
        const paged: string[] = [];
        for (let after: string | undefined; ; ) {
          const page = await files().list(folder, { recursive: true, limit, ...(after && { after }) });
          expect(page.length).toBeLessThanOrEqual(limit);
          if (page.length === 0) break;
          paged.push(...page.map((entry) => entry.uri));
          after = page.at(-1)?.uri;
        }
        expect(paged).toEqual(expected);
      }
      const flat = await files().list(folder, { recursive: false, limit: 100 });
      expect(flat.map((entry) => entry.uri)).toEqual(expected.filter((uri) => !uri.includes('/a/')));
    });

    it('lists a single file as itself', async () => {
      const uri = files().join(newFolder(), 'only.jpg');
      await files().write(uri, 'x', 'image/jpeg');
      expect(await files().list(uri, { recursive: true, limit: 9 })).toMatchObject([
        { uri, path: 'only.jpg', bytes: 1 },
      ]);
      expect(await files().list(uri, { recursive: true, limit: 9, after: uri })).toEqual([]);
    });

    it('tells the versions of a file apart', async () => {
      const folder = newFolder();
      const uri = files().join(folder, 'mug.jpg');
      const versionAt = async (root: string) => (await files().list(root, { recursive: true, limit: 9 }))[0]?.version;
      await files().write(uri, 'one', 'image/jpeg');
      const first = await versionAt(folder);
      expect(first).toMatchObject({ id: expect.any(String), createdAt: expect.any(Number) });
      expect(await versionAt(folder)).toEqual(first);
      expect(await versionAt(uri)).toEqual(first);
      expect(await read(first?.uri ?? '')).toBe('one');
      await files().write(uri, 'two and more', 'image/jpeg');
      const second = await versionAt(folder);
      expect(second?.id).not.toBe(first?.id);
      expect(second?.createdAt).toBeGreaterThanOrEqual(first?.createdAt ?? Number.POSITIVE_INFINITY);
      expect(await read(second?.uri ?? '')).toBe('two and more');
    });

    it('knows what it stores', async () => {
      const kinds = ['image/png', 'text/plain', 'application/x-unheard-of'];
      for (const kind of kinds) {
        const file = await files().put(Buffer.from(`known ${kind}`), kind);
        expect(await files().has(file.sha256)).toBe(true);
      }
      await files().write(files().join(newFolder(), 'x.txt'), 'not stored', 'text/plain');
      expect(await files().has(sha256('not stored'))).toBe(false);
    });

    it('removes a file, and nothing if it is not there', async () => {
      const uri = files().join(newFolder(), 'gone.txt');
      await files().write(uri, 'x', 'text/plain');
      await files().remove(uri);
      await files().remove(uri);
      await expect(files().read(uri, { maxBytes: 9 })).rejects.toMatchObject({ code: 'file_missing' });
    });

    it('joins names below a base and never leads out of it', () => {
      const base = newFolder();
      expect(files().join(base)).toBe(base);
      expect(files().join(base, 'attempts', 'mug', 'attempt_1.png')).toBe(`${base}/attempts/mug/attempt_1.png`);
      expect(files().join(base, '..a', 'b..c')).toBe(`${base}/..a/b..c`);
      for (const names of [
        ['..'],
        ['a', '..', '..', 'b'],
        ['../x'],
        ['a/../../x'],
        [`../${base.split('/').at(-1)}x`],
      ]) {
        expect(() => files().join(base, ...names), names.join()).toThrow(/leads out/);
      }
    });
  });
}
