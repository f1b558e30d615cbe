import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { ItemRow } from '../../functions/report/item-row.ts';
import type { RunDocument } from '../../functions/report/report-format.ts';
import { type CliWorld, cliWorld, writePhotos } from '../support/cli.ts';
import { expectSettledOnce } from '../support/store.ts';

const CATALOG = fileURLToPath(new URL('../../../shared/data/catalog.json', import.meta.url));

type RunEnd = RunDocument & { refused: Record<string, number> };

function rowsOf(run: RunDocument): ItemRow[] {
  const lines = readFileSync(join(run.output_dir, 'metadata/items.jsonl'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line));
}

function runOver(world: CliWorld, ...args: string[]): Promise<RunEnd> {
  return world.json<RunEnd>('run', '--output-dir', world.output, '--quiet', ...args);
}

describe('a manifest', () => {
  it('with everything that can be wrong: the good rows run, each bad one is told with its line', async () => {
    const world = await cliWorld(['a-first.png', 'b-first.png', 'c-first.png']);
    writeFileSync(join(world.root, 'notes.txt'), 'no picture');
    const lines = [
      ...['SKU;image;title;status;=cmd', 'A/1;photos/a-first.png;"Mug; 24"" high";new;=1+1', '', ';;;;'],
      ...['B;photos\\b-first.png;<script>alert(1)</script>;;x', 'A/1;photos/a-first.png;"Mug; 24"" high";new;=1+1'],
      ...['A/1;photos/a-first.png;other title;new;', 'C;photos/gone.png;;;', 'D;;;;', 'E;photos/c-first.png;"open;;'],
      ...[
        'F;photos/c-first.png;"two',
        'lines";;',
        'G;notes.txt;;;',
        'H;photos;;;',
        'I;a;b;c;d;e',
        'J;https://x/y.png;;;',
      ],
    ];
    writeFileSync(join(world.root, 'shop.csv'), Buffer.from(`\ufeff${lines.join('\r\n')}`, 'utf16le'));
    const end = await world.cli('run', 'shop.csv', '--output-dir', world.output, '--json');
    expect(end.code, end.stderr).toBe(0);
    const run: RunEnd = JSON.parse(end.stdout);
    expect(run).toMatchObject({
      counts: { total: 11, passed: 4, skipped: 7, error: 0 },
      refused: { bad_row: 4, file_missing: 1, not_an_image: 1, unreadable_file: 1 },
      ignored: { 'listed more than once': 1 },
    });
    expect(end.stderr).toContain('left aside: 1 listed more than once');
    expect(end.stderr).toMatch(/refused: (\d [a-z_]+(, )?){4}; the reasons are in failed\//);

    const rows = rowsOf(run);
    const passed = rows.filter(({ status }) => status === 'passed');
    expect(passed.map(({ name, metadata }) => [name, metadata.title]).sort()).toEqual([
      [expect.stringMatching(/^A_1-[0-9a-f]{6}\.png$/), expect.stringMatching(/Mug; 24" high|other title/)],
      ['A_1.png', expect.stringMatching(/Mug; 24" high|other title/)],
      ['B.png', '<script>alert(1)</script>'],
      ['F.png', 'two\r\nlines'],
    ]);
    const refused = rows.filter(({ status }) => status === 'skipped');
    expect(refused.map(({ message }) => /^shop\.csv, line (\d+): /.exec(message)?.[1]).sort()).toEqual(
      ['8', '9', '10', '13', '14', '15', '16'].sort(),
    );
    for (const { name } of refused) expect(existsSync(join(run.output_dir, 'failed', `${name}_error.log`))).toBe(true);
    expect(refused.find(({ name }) => name === 'C.png')).toMatchObject({ source: join(world.photos, 'gone.png') });

    const csv = readFileSync(join(run.output_dir, 'results.csv'), 'utf8');
    const [header] = csv.split('\r\n');
    expect(header).toMatch(/,item_id,source,review,review_note,SKU,title,input_status,'=cmd$/);
    expect(csv).toContain(`,A/1,"Mug; 24"" high",new,'=1+1\r\n`);
    const json = JSON.parse(readFileSync(join(run.output_dir, 'results.json'), 'utf8'));
    expect(json.results.map(({ metadata }: ItemRow) => metadata)).toEqual(rows.map(({ metadata }) => metadata));
    expectSettledOnce(world.home);

    // What the catalogue says is in the question, and so in what counts as done.
    const again = await runOver(world, 'shop.csv');
    expect(again).toMatchObject({ calls: 0, counts: { total: 11, skipped: 11 }, refused: run.refused });
    writeFileSync(join(world.root, 'shop.csv'), 'SKU;image;title\nB;photos/b-first.png;New title\n');
    expect(await runOver(world, 'shop.csv')).toMatchObject({ counts: { total: 1, passed: 1 }, calls: 5 });
  });

  it('is told from documents, and from what is neither, before anything starts', async () => {
    const world = await cliWorld(['a-first.png']);
    writeFileSync(join(world.root, 'prices.csv'), 'title,price\nMug,5\n');
    const end = await world.cli('run', 'prices.csv');
    expect(end.code).toBe(2);
    expect(end.stderr).toContain('prices.csv is no manifest of pictures: its first line names no column for the file');
    expect(end.stderr).not.toContain('    at ');
  });

  it('without a column that the prompt or the grouping asks for is refused before anything starts', async () => {
    const world = await cliWorld(['a-first.png']);
    writeFileSync(join(world.root, 'c.csv'), 'image,title\nphotos/a-first.png,Mug\n');
    const asked = await world.cli('run', 'c.csv', '--prompt', 'Describe {{title}} for {{price}}');
    expect(asked).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('asks for {{price}}, but the columns of the manifest'),
    });
    const grouped = await world.cli('run', 'c.csv', '--recipe', 'analyze', '--group-by', 'post_id');
    expect(grouped).toMatchObject({ code: 2, stderr: expect.stringContaining('No item has the column "post_id"') });
  });

  it('that names nothing is nothing to work on', async () => {
    const world = await cliWorld([]);
    writeFileSync(join(world.root, 'c.csv'), 'path,title\n');
    const end = await world.cli('run', 'c.csv', '--output-dir', world.output, '--quiet');
    expect(end).toMatchObject({ code: 2, stderr: expect.stringContaining('There is nothing to work on in') });
  });
});

describe('run --dry-run', () => {
  it('shows what a manifest and the selection give', async () => {
    const world = await cliWorld([]);
    const plan = (...args: string[]) =>
      world.json<{ items: number; ignored: object }>('run', CATALOG, '--dry-run', ...args);
    expect(await plan()).toMatchObject({ items: 9, refused: [], ignored: {} });
    expect(await plan('--pattern', '*mug*', '*watch*')).toMatchObject({ items: 2 });
    expect(await plan('--limit', '4')).toMatchObject({ items: 4, ignored: {} });
    expect(await plan('--sample', '4', '--seed', '5')).toMatchObject({ items: 4, ignored: { 'not in the sample': 5 } });
    expect(await plan('--min-size', '1GB')).toMatchObject({ items: 0, ignored: { 'smaller than --min-size': 9 } });
    expect(await plan('--modified-before', '1999-12-31')).toMatchObject({ items: 0 });
    expect(world.server.calls).toHaveLength(0);
  });
});

describe('a selection', () => {
  it('is part of the command: the same sample goes on, another is another batch', async () => {
    const world = await cliWorld([]);
    writePhotos(
      world.photos,
      Array.from({ length: 12 }, (_, n) => `${n}-first.png`),
    );
    const sampled = (seed: string) => runOver(world, world.photos, '--sample', '4', '--seed', seed);
    const one = await sampled('1');
    expect(one).toMatchObject({ counts: { total: 4, passed: 4 }, ignored: { 'not in the sample': 8 } });
    const two = await sampled('2');
    expect(two.counts.total).toBe(4);
    const sources = (run: RunDocument) =>
      rowsOf(run)
        .map(({ source }) => basename(source))
        .sort();
    expect(sources(two)).not.toEqual(sources(one));
    expect(sources(await sampled('1'))).toEqual(sources(one));
    expect(readdirSync(world.output)).toHaveLength(3);
  });

  it.each([
    ['--modified-after', 'yesterday'],
    ['--min-size', 'big'],
    ['--limit', '0'],
    ['--sample', '10001'],
    ['--seed', '1.5'],
  ])('refuses %s %s', async (flag, value) => {
    const world = await cliWorld([]);
    const end = await world.cli('run', world.photos, flag, value);
    expect(end.code).toBe(2);
    expect(end.stderr).toMatch(/It must be/);
  });
});
