import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import { expect, it } from 'vitest';
import { diskFiles } from '../../functions/platform/local/disk-files.ts';
import { writeArchive } from '../../functions/report/archive.ts';
import { sampleBatch } from '../contract/samples.ts';
import { tempHome } from '../support/temp-home.ts';
import { namesInZip } from '../support/zip.ts';

const FILES = { 'report.html': 'A report.', 'successful/ä b.txt': 'x'.repeat(2_500_000), 'empty.txt': '' };
const NAMES = Object.keys(FILES).sort();

async function folderOf(archive: 'zip' | 'tar') {
  const home = await tempHome();
  const outputDir = join(home, 'output');
  for (const [name, content] of Object.entries(FILES)) {
    mkdirSync(join(outputDir, name, '..'), { recursive: true });
    writeFileSync(join(outputDir, name), content);
  }
  const files = diskFiles({ home: join(home, 'home') });
  const batch = sampleBatch({ archive, outputDir, createdAt: 1_800_000_000_123 });
  return {
    outputDir,
    write: () => writeArchive(files, batch),
    read: () => readFileSync(join(outputDir, `archive.${archive}`)),
  };
}

it.each(['zip', 'tar'] as const)('puts everything into a %s, the same bytes each time', async (archive) => {
  const { outputDir, write, read } = await folderOf(archive);
  await write();
  const first = read();
  // Neither the archive itself nor when files were written changes it.
  writeFileSync(join(outputDir, 'report.html'), FILES['report.html']);
  await write();
  expect(read().equals(first)).toBe(true);
  expect(readdirSync(outputDir).filter((name) => name.startsWith('archive'))).toEqual([`archive.${archive}`]);
});

it('has the files in a zip by name', async () => {
  const { write, read } = await folderOf('zip');
  await write();
  expect(namesInZip(read())).toEqual(NAMES);
  expect(read().length).toBeLessThan(50_000);
});

it('has the files in a tar as they are', async () => {
  const { write, read } = await folderOf('tar');
  await write();
  const found: Record<string, string> = {};
  const tar = extract();
  Readable.from(read()).pipe(tar);
  for await (const entry of tar) {
    const pieces: Buffer[] = [];
    for await (const piece of entry) pieces.push(Buffer.from(piece as Uint8Array));
    found[entry.header.name] = Buffer.concat(pieces).toString();
    expect(entry.header).toMatchObject({ mode: 0o644, uid: 0, mtime: new Date(1_800_000_000_000) });
  }
  expect(found).toEqual(FILES);
});
