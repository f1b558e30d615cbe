import { chmod, mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { diskFiles } from '../../functions/platform/local/disk-files.ts';
import type { Files } from '../../functions/platform/ports.ts';
import { tempHome } from '../support/temp-home.ts';
import { startWorker } from './local-processes.ts';

const LONG_AGO = new Date(Date.now() - 2 * 3_600_000);

async function folderWith(...paths: string[]): Promise<{ files: Files; home: string; folder: string }> {
  const home = await tempHome();
  const folder = join(home, 'pictures');
  await mkdir(folder);
  for (const path of paths) {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), path);
  }
  return { files: diskFiles({ home }), home, folder };
}
const listAll = async (files: Files, root: string) => await files.list(root, { recursive: true, limit: 1000 });
const pathsOf = async (files: Files, root: string) => (await listAll(files, root)).map((entry) => entry.path);

describe('files on disk', () => {
  it('are never half, however often the writer is killed', async () => {
    const home = await tempHome();
    const isWhole = async (name: string): Promise<boolean> => {
      const text = await readFile(join(home, name), 'utf8').catch((error: NodeJS.ErrnoException) => error.code);
      return text === 'ENOENT' || text === text?.charAt(0).repeat(2_000_000);
    };
    for (let kill = 0; kill < 20; kill++) {
      const worker = startWorker('rewrite', { home });
      for (let written = 0; written <= kill % 5; written++) {
        const name = await worker.next();
        expect(await isWhole(name ?? '')).toBe(true);
      }
      await worker.kill();
      for (const name of ['a.html', 'b.html', 'c.html']) expect(await isWhole(name)).toBe(true);
    }
    const leftovers = (await readdir(home)).filter((name) => name.endsWith('.tmp'));
    expect(leftovers.length).toBeGreaterThan(0);
    expect(await pathsOf(diskFiles({ home }), home)).toEqual(['a.html', 'b.html', 'c.html']);
  });

  it('sweeps old leftovers of killed writers from a folder that is written to, and nothing else', async () => {
    const { files, folder } = await folderWith('kept.tmp');
    const old = join(folder, '.proofsheet-0123456789abcdef.tmp');
    const young = join(folder, '.proofsheet-fedcba9876543210.tmp');
    for (const path of [old, young]) await writeFile(path, 'half');
    for (const path of [old, join(folder, 'kept.tmp')]) await utimes(path, LONG_AGO, LONG_AGO);
    await files.write(join(folder, 'new.txt'), 'x', 'text/plain');
    expect((await readdir(folder)).sort()).toEqual(['.proofsheet-fedcba9876543210.tmp', 'kept.tmp', 'new.txt']);
  });

  it('appear in a folder that was removed since the last write', async () => {
    const { files, folder } = await folderWith();
    await files.write(join(folder, 'out', 'a.txt'), 'a', 'text/plain');
    await rm(join(folder, 'out'), { recursive: true });
    await files.write(join(folder, 'out', 'a.txt'), 'b', 'text/plain');
    expect(await pathsOf(files, folder)).toEqual(['out/a.txt']);
  });

  it('are found through links, but not in circles', async () => {
    const { files, folder, home } = await folderWith('a/one.jpg', 'b/two.jpg');
    await mkdir(join(home, 'elsewhere'));
    await writeFile(join(home, 'elsewhere', 'three.jpg'), '3');
    await symlink(join(home, 'elsewhere'), join(folder, 'c'));
    await symlink('..', join(folder, 'a', 'up'));
    await symlink('.', join(folder, 'self'));
    await symlink('../b', join(folder, 'a', 'to-b'));
    await symlink('../a', join(folder, 'b', 'to-a'));
    await symlink('loop', join(folder, 'loop'));
    await symlink('b/two.jpg', join(folder, 'linked.jpg'));
    await symlink('nowhere.jpg', join(folder, 'broken.jpg'));
    const entries = await listAll(files, folder);
    expect(entries.map((entry) => entry.path)).toEqual([
      'a/one.jpg',
      'a/to-b/two.jpg',
      'b/to-a/one.jpg',
      'b/two.jpg',
      'broken.jpg',
      'c/three.jpg',
      'linked.jpg',
    ]);
    expect(entries.find((entry) => entry.path === 'broken.jpg')).toMatchObject({ bytes: 0, problem: 'file_missing' });
    expect(entries.find((entry) => entry.path === 'linked.jpg')?.bytes).toBe(9);
  });

  it('are listed with odd names; a name that is no text is reported', async () => {
    const names = ['it\'s "q".jpg', 'new\nline.jpg', '日本.jpg', '*?.jpg'];
    const { files, folder } = await folderWith(...names);
    await writeFile(Buffer.concat([Buffer.from(`${folder}/bad`), Buffer.from([0xff]), Buffer.from('.jpg')]), 'x');
    const entries = await listAll(files, folder);
    expect(entries.map((entry) => entry.path).sort()).toEqual([...names, 'bad\uFFFD.jpg'].sort());
    expect(entries.filter((entry) => entry.problem !== undefined)).toEqual([
      { uri: `${folder}/bad\uFFFD.jpg`, path: 'bad\uFFFD.jpg', bytes: 0, modifiedAt: 0, problem: 'unreadable_file' },
    ]);
  });

  it.skipIf(process.getuid?.() !== 0)(
    'report unreadable folders and files (needs root to lay rights down)',
    async () => {
      const { files, folder, home } = await folderWith('closed/a.jpg', 'closed.jpg', 'open.jpg');
      for (const name of ['closed', 'closed.jpg']) await chmod(join(folder, name), 0o000);
      await chmod(home, 0o755);
      onTestFinished(() => process.seteuid?.(0));
      process.seteuid?.(65534);
      expect(await listAll(files, folder)).toMatchObject([
        { uri: `${folder}/closed.jpg`, path: 'closed.jpg', bytes: 10 },
        { uri: `${folder}/closed/`, path: 'closed/', bytes: 0, problem: 'unreadable_file' },
        { uri: `${folder}/open.jpg`, path: 'open.jpg', bytes: 8 },
      ]);
      const paged = await files.list(folder, { recursive: true, limit: 1, after: `${folder}/closed.jpg` });
      expect(paged.map((entry) => entry.path)).toEqual(['closed/']);
      const rest = await files.list(folder, { recursive: true, limit: 9, after: `${folder}/closed/` });
      expect(rest.map((entry) => entry.path)).toEqual(['open.jpg']);
      const closed = files.read(join(folder, 'closed.jpg'), { maxBytes: 99 });
      await expect(closed).rejects.toMatchObject({ code: 'unreadable_file' });
      await expect(closed).rejects.toThrow(/No permission to read/);
      const written = files.write(join(folder, 'new.txt'), 'x', 'text/plain');
      await expect(written).rejects.toMatchObject({ code: 'storage' });
      await expect(written).rejects.toThrow(/No permission to write/);
      process.seteuid?.(0);
    },
  );

  it('in a large folder are paged through without loss, also those that come in between', async () => {
    const { files, folder } = await folderWith();
    const names = Array.from({ length: 5000 }, (_, index) => `p${String(index).padStart(5, '0')}.jpg`);
    for (let start = 0; start < names.length; start += 500) {
      await Promise.all(names.slice(start, start + 500).map((name) => writeFile(join(folder, name), '')));
    }
    await utimes(folder, LONG_AGO, LONG_AGO);
    const seen: string[] = [];
    for (let after: string | undefined; ; ) {
      const page = await files.list(folder, { recursive: true, limit: 700, ...(after && { after }) });
      if (page.length === 0) break;
      seen.push(...page.map((entry) => entry.path));
      after = page.at(-1)?.uri;
      if (seen.length === 700) await writeFile(join(folder, 'p09999.jpg'), '');
    }
    expect(seen).toEqual([...names, 'p09999.jpg']);
  });

  it('that are missing, folders or pipes say so', async () => {
    const { files, folder } = await folderWith('a.jpg');
    await expect(files.list(join(folder, 'nothing'), { recursive: true, limit: 9 })).rejects.toMatchObject({
      code: 'file_missing',
    });
    await expect(files.read(folder, { maxBytes: 9 })).rejects.toMatchObject({ code: 'unreadable_file' });
    await expect(files.read(join(folder, 'a.jpg', 'b'), { maxBytes: 9 })).rejects.toMatchObject({
      code: 'file_missing',
    });
    await expect(files.read('/dev/zero', { maxBytes: 9 })).rejects.toMatchObject({ code: 'unreadable_file' });
    await expect(files.read('gs://bucket/a.jpg', { maxBytes: 9 })).rejects.toMatchObject({ code: 'usage' });
    await expect(files.write(folder, 'x', 'text/plain')).rejects.toMatchObject({ code: 'storage' });
    await expect(files.remove(folder)).rejects.toMatchObject({ code: 'storage' });
  });

  it('stored by content are named by it, and a damaged one is found out and stored again', async () => {
    const { files, home } = await folderWith();
    const ref = await files.put(Buffer.from('picture'), 'image/jpeg');
    const path = join(home, 'objects', ref.sha256.slice(0, 2), `${ref.sha256}.jpg`);
    expect(await readFile(path, 'utf8')).toBe('picture');
    await writeFile(path, 'pic');
    await expect(files.open(ref)).rejects.toMatchObject({ code: 'storage' });
    await expect(files.copy(ref, join(home, 'copy.jpg'))).rejects.toMatchObject({ code: 'storage' });
    expect(await files.put(Buffer.from('picture'), 'image/jpeg')).toEqual(ref);
    expect(Buffer.from(await files.open(ref)).toString()).toBe('picture');
  });
});
