import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sha256 } from '../../functions/lib/hash.ts';
import { diskBounds } from '../../functions/platform/local/disk-bounds.ts';
import { diskFiles } from '../../functions/platform/local/disk-files.ts';
import { tempHome } from '../support/temp-home.ts';

it('keeps every way of reading within the folders that may be read, whatever links say', async () => {
  const home = await tempHome();
  const [shop, other, secret, output] = ['shop', 'other', 'secret', 'shop/output'].map((name) => join(home, name));
  for (const folder of [shop, other, secret, output]) await mkdir(folder ?? '', { recursive: true });
  const at = (folder: string | undefined, ...names: string[]) => join(folder ?? '', ...names);
  await writeFile(at(secret, 'key.png'), 'secret');
  await writeFile(at(other, 'mug.png'), 'mug');
  await writeFile(at(shop, 'cup.png'), 'cup');
  await symlink(at(secret, 'key.png'), at(shop, 'file.png'));
  await symlink(at(secret), at(shop, 'folder'));
  await symlink('/', at(shop, 'everything'));
  await symlink(at(other, 'mug.png'), at(shop, 'mug.png'));
  await symlink(at(secret), at(output, 'elsewhere'));
  const bounds = diskBounds({ roots: [at(shop), at(other)], own: [at(output), at(home, 'home')] });
  const files = diskFiles({ home: at(home, 'home'), bounds });

  const listed = await files.list(at(shop), { recursive: true, limit: 100 });
  expect(listed.filter(({ path }) => !path.startsWith('output/')).map(({ path, problem }) => [path, problem])).toEqual([
    ['cup.png', undefined],
    ['everything', 'unreadable_file'],
    ['file.png', 'unreadable_file'],
    ['folder', 'unreadable_file'],
    ['mug.png', undefined],
  ]);
  const limit = { maxBytes: 100 };
  for (const names of [['file.png'], ['folder', 'key.png'], ['everything', 'etc', 'passwd']]) {
    const uri = at(shop, ...names);
    const refused = { code: 'unreadable_file' };
    await expect(files.read(uri, limit)).rejects.toMatchObject(refused);
    await expect(files.readPart(uri, { start: 0, maxBytes: 9 })).rejects.toMatchObject(refused);
    await expect(files.list(uri, { recursive: true, limit: 9 })).rejects.toMatchObject(refused);
    const file = { sha256: sha256('secret'), mimeType: 'image/png', bytes: 6, uri };
    await expect(files.open(file)).rejects.toMatchObject(refused);
    await expect(files.copy(file, at(output, 'copy.png'))).rejects.toMatchObject(refused);
  }
  expect(Buffer.from(await files.read(at(shop, 'mug.png'), limit)).toString()).toBe('mug');
  // Results may lie on another disk, and batches of the command line anywhere.
  expect(Buffer.from(await files.read(at(output, 'elsewhere', 'key.png'), limit)).toString()).toBe('secret');
  await expect(files.read(at(shop, 'nothing.png'), limit)).rejects.toMatchObject({ code: 'file_missing' });
});
