import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ItemRow } from '../../functions/report/item-row.ts';
import { noise, pngBomb } from '../media/fixtures.ts';
import { cliWorld, writePhotos } from '../support/cli.ts';
import { expectSettledOnce } from '../support/store.ts';

/** Names that file systems take and that other programs stumble over. */
const ODD_NAMES = [
  'a\\..\\..\\up.png',
  'trailing. .png',
  `"double" 'single' \`back\`.png`,
  '<script>alert(1)</script>.png',
  '"><img src=x onerror=alert(2)>.png',
  '🫖 teapot 👩‍👩‍👧 äöü.png',
  `${'x'.repeat(251)}.png`,
  'line\nbreak.png',
  '-rf.png',
  '%2e%2e%2fescaped.png',
  '$(touch hacked);`id`.png',
  'CON.png',
];

describe('a folder with everything that can be wrong', () => {
  it('finishes the good pictures, names a reason for each bad one, and nothing escapes', async () => {
    const world = await cliWorld([...ODD_NAMES, 'one/a.png', 'two/a.png', 'three/a.png', 'good.jpg']);
    const { root, photos } = world;
    const at = (name: string) => join(photos, name);
    copyFileSync(at('one/a.png'), at('two/a.png'));
    writeFileSync(at('empty.png'), '');
    writeFileSync(at('text.png'), 'This is no picture.');
    writeFileSync(at('notes.txt'), 'Left aside without a word.');
    writeFileSync(at('bomb.png'), pngBomb(30_000, 30_000));
    const jpeg = await noise(400, 300).jpeg().toBuffer();
    writeFileSync(at('truncated.jpg'), jpeg.subarray(0, jpeg.length / 2));
    symlinkSync(join(root, 'nowhere.png'), at('dangling.png'));
    symlinkSync(photos, at('loop'));
    symlinkSync(at('self.png'), at('self.png'));
    const before = tree(root);

    const end = await world.cli(...world.run('--json', '--quiet'));
    expect(end.code, end.stderr).toBe(0);
    const run = JSON.parse(end.stdout);
    const bad = {
      'empty.png': 'empty_file',
      'text.png': 'not_an_image',
      'bomb.png': 'image_too_large',
      'truncated.jpg': 'corrupt_image',
      'dangling.png': 'file_missing',
    };
    const good = ODD_NAMES.length + 4;
    expect(run.counts).toMatchObject({ total: good + 5, passed: good, skipped: 5, failed: 0, error: 0 });
    const rows: ItemRow[] = readFileSync(join(run.output_dir, 'metadata/items.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows).toHaveLength(good + 5);
    const refused = rows.filter((row) => row.status === 'skipped');
    expect(Object.fromEntries(refused.map((row) => [row.name, row.code]))).toEqual(bad);
    for (const row of refused) expect(row.message, row.name).toMatch(/\S.*\.$/s);
    for (const name of Object.keys(bad))
      expect(existsSync(join(run.output_dir, 'failed', `${name}_error.log`))).toBe(true);

    const sources = rows.filter((row) => row.status === 'passed').map((row) => relative(photos, row.source));
    expect(sources.sort()).toEqual([...ODD_NAMES, 'good.jpg', 'one/a.png', 'three/a.png', 'two/a.png'].sort());
    expect(new Set(rows.map((row) => row.name.toLowerCase())).size).toBe(rows.length);
    for (const row of rows.filter(({ status }) => status === 'passed')) {
      expect(row.name).not.toMatch(/[\\/\n<>"|?*:]/);
      expect(String(row.result)).toBe(`successful/${row.name}_result.png`);
      expect(existsSync(join(run.output_dir, String(row.result))), row.name).toBe(true);
    }
    const made = tree(root).filter((path) => !before.includes(path));
    const places = made.filter((path) => !isBelow(path, 'home') && !isBelow(path, relative(root, run.output_dir)));
    expect(places).toEqual(['output']);

    for (const path of made.filter((name) => /\.(html|js)$/.test(name))) {
      const text = readFileSync(join(root, path), 'utf8');
      expect(text, path).not.toContain('<script>alert');
      expect(text, path).not.toContain('<img src=x');
    }
    expectSettledOnce(world.home);
  });

  it('takes a file by its name on the command line, also when it looks like a pattern or an option', async () => {
    const world = await cliWorld([]);
    const odd = ['mug [1] (2) {a,b}.png', 'what?.png', '*.png', '--json.png'];
    writePhotos(world.root, odd);
    const run = [
      'run',
      '--output-dir',
      world.output,
      '--json',
      '--quiet',
      '--files',
      ...odd.slice(0, 3),
      './--json.png',
    ];
    expect(await world.json(...run)).toMatchObject({ counts: { total: 4, passed: 4 } });
  });
});

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder + sep);
}

/** Everything below a folder, links not followed. */
function tree(folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}
