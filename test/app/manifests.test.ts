import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FIRST_INPUT, inputPage } from '../../functions/app/input-pages.ts';
import { resolveInput } from '../../functions/app/resolve-input.ts';
import type { NewItem } from '../../functions/platform/ports.ts';
import { listingWorld, pictureOf } from '../support/input-listing.ts';

const PHOTOS = { 'photos/a.png': pictureOf('a'), 'photos/b.png': pictureOf('b') };

const titles = (items: readonly NewItem[]) => items.map(({ source, metadata }) => [basename(source), metadata.title]);
const BOTH = [
  ['a.png', 'Mug'],
  ['b.png', 'Watch'],
];

describe('a file that is named itself is a manifest when its rows name files:', () => {
  const rows = [
    { image: 'photos/a.png', title: 'Mug' },
    { image: 'photos/b.png', title: 'Watch' },
  ];
  const json = JSON.stringify(rows);
  const csv = 'image,title\nphotos/a.png,Mug\nphotos/b.png,Watch\n';
  it.each<[string, string, string | Buffer]>([
    ['a table', 'c.csv', csv],
    ['a table with semicolons', 'c.csv', csv.replaceAll(',', ';')],
    ['a table with tabs', 'c.tsv', csv.replaceAll(',', '\t')],
    ['a table with bars', 'c.csv', csv.replaceAll(',', '|')],
    ['commas in names of columns', 'c.csv', 'image;title;a, b, c\nphotos/a.png;Mug;\nphotos/b.png;Watch;\n'],
    ['the line that spreadsheets write', 'c.csv', `sep=;\r\n${csv.replaceAll(',', ';')}`],
    ['empty lines first', 'c.csv', `\n\n${csv}`],
    ['a mark of UTF-8', 'c.csv', `\ufeff${csv}`],
    ['UTF-16', 'c.csv', Buffer.from(`\ufeff${csv}`, 'utf16le')],
    ['UTF-16, big end first', 'c.json', Buffer.from(`\ufeff${json}`, 'utf16le').swap16()],
    ['a list', 'c.json', json],
    ['a list over lines', 'c.json', JSON.stringify(rows, null, 2)],
    ['a list under items', 'c.json', JSON.stringify({ batch: 'ä', tags: [1], items: rows, more: [{ image: 'x' }] })],
    ['a list under images', 'c.json', `\ufeff${JSON.stringify({ images: rows }, null, '\t')}`],
    ['a list under products', 'c.json', JSON.stringify({ meta: { items: [1], x: '"[' }, products: rows })],
    ['JSON on lines', 'c.jsonl', rows.map((row) => JSON.stringify(row)).join('\n')],
    ['JSON on lines, called JSON', 'c.json', rows.map((row) => JSON.stringify(row)).join('\r\n')],
    ['a list, called JSON on lines', 'c.ndjson', json],
  ])('%s', async (_, name, content) => {
    const world = await listingWorld({ ...PHOTOS, [name]: content });
    const { items, ignored } = await world.list([name]);
    expect(titles(items)).toEqual(BOTH);
    expect(items.flatMap((item) => item.refusal ?? [])).toEqual([]);
    expect(ignored).toEqual({});
  });

  it('one row on one line with a list of its own', async () => {
    const row = { id: 7, title: 'Mug', images: ['photos/a.png', 'photos/b.png'] };
    const world = await listingWorld({ ...PHOTOS, 'c.jsonl': `${JSON.stringify(row)}\n${JSON.stringify(row)}` });
    const { items } = await world.list(['c.jsonl']);
    expect(items.map(({ name }) => name)).toEqual(['7.png', '7-2.png']);
  });

  it('paths alone', async () => {
    const world = await listingWorld({ ...PHOTOS, 'c.json': '["photos/a.png", "photos/b.png"]' });
    expect((await world.list(['c.json'])).items.map(({ name }) => name)).toEqual(['a.png', 'b.png']);
  });

  it.each([
    ['c.csv', 'title,price\nMug,5\n', /its first line names no column for the file of a row/],
    ['c.csv', '', /its first line names no column/],
    ['c.json', '{"title":"Mug"}', /none of its first rows names a file/],
    ['c.json', '[{"title":"Mug"},{"title":"Watch"}]', /none of its first rows names a file/],
    ['c.json', '["a sentence", "another one"]', /none of its first rows/],
    ['c.json', 'no JSON at all', /none of its first rows/],
    ['c.jsonl', '{"title":"Mug"}\n{"title":"Watch"}\n', /none of its first rows/],
  ])('%s with %j is a document where documents are taken, and else a wrong input', async (name, content, reason) => {
    const world = await listingWorld({ [name]: content });
    const path = join(world.root, name);
    const refused = expect(resolveInput(world.appFor('image'), path, 'image')).rejects;
    await refused.toMatchObject({ code: 'usage', message: expect.stringMatching(reason) });
    expect(await resolveInput(world.appFor('document'), path, 'document')).toEqual({
      kind: 'listing',
      root: { root: path },
    });
  });

  it('which is found out from its beginning', async () => {
    const world = await listingWorld({
      'c.json': `{"title":"${'x'.repeat(5_000_000)}"}`,
      'c.csv': `"${'x\n'.repeat(2_000_000)}`,
    });
    const app = world.appFor('document');
    const read: number[] = [];
    const files = {
      ...app.files,
      readPart: async (...[uri, part]: Parameters<typeof app.files.readPart>) => {
        const bytes = await app.files.readPart(uri, part);
        read.push(bytes.length);
        return bytes;
      },
    };
    for (const name of ['c.json', 'c.csv']) {
      expect(await resolveInput({ files }, join(world.root, name), 'document')).toMatchObject({ kind: 'listing' });
    }
    expect(read.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(3_000_000);
  });

  it('but not in a folder or behind a pattern', async () => {
    const world = await listingWorld({ ...PHOTOS, 'c.csv': 'path\nphotos/a.png\n' });
    for (const input of ['', '*.csv']) {
      const { items, ignored } = await world.list([input]);
      expect(items.map(({ name }) => name)).toEqual(input === '' ? ['a.png', 'b.png'] : []);
      expect(ignored).toEqual({ 'not a picture': 1 });
    }
    const { items } = await world.list(['*.csv'], {}, { intake: 'document' });
    expect(items.map(({ name }) => name)).toEqual(['c.csv']);
  });
});

describe('rows', () => {
  it('that are wrong are refused with their line, and the others run', async () => {
    const world = await listingWorld({
      ...PHOTOS,
      'photos/notes.png': 'words',
      'photos/empty.png': '',
      'data/c.csv': [
        ...['path,id,title', '../photos/a.png,1,Mug', 'gone.png,2,x', ',3,y', '../photos,4,z', '"open,5,x', 'short'],
        ...[
          '../photos/notes.png,7,x',
          'http://x/a.png,8,x',
          '"../photos/b.png",9,"Wa',
          'tch"',
          '../photos/empty.png,10,',
        ],
      ].join('\r\n'),
    });
    const { items } = await world.list(['data/c.csv']);
    expect(
      items.map(({ name, refusal }) => [name, refusal?.code, refusal?.message.split(world.root).join('')]),
    ).toEqual([
      ['1.png', undefined, undefined],
      ['2.png', 'file_missing', 'c.csv, line 3: There is no file /data/gone.png; check the name.'],
      ['c.csv line 4', 'bad_row', 'c.csv, line 4: it names no file.'],
      ['4', 'unreadable_file', 'c.csv, line 5: /photos is not a regular file.'],
      ['c.csv line 6', 'bad_row', 'c.csv, line 6: a quote is not closed, or stands where none may.'],
      ['c.csv line 7', 'bad_row', 'c.csv, line 7: it has fewer cells (1) than the table has columns (3).'],
      [
        '7.png',
        'not_an_image',
        'c.csv, line 8: ../photos/notes.png is a text, not a picture; replace it by a JPEG, PNG or WebP.',
      ],
      [
        'c.csv line 9',
        'bad_row',
        'c.csv, line 9: its path http://x/a.png is an address, not a file; download it and name the file.',
      ],
      ['9.png', undefined, undefined],
      [
        '10.png',
        'empty_file',
        'c.csv, lines 12: ../photos/empty.png has no bytes; upload it again.'.replace('lines', 'line'),
      ],
    ]);
    expect(items[8]).toMatchObject({
      source: join(world.root, 'photos/b.png'),
      metadata: { id: '9', title: 'Wa\r\ntch' },
    });
    expect(items[2]).toMatchObject({ source: join(world.root, 'data/c.csv'), metadata: { id: '3', title: 'y' } });
  });

  it('with the same file and other data are other work; the same row twice is one item, and said', async () => {
    const world = await listingWorld({
      ...PHOTOS,
      'c.csv': 'path,price\nphotos/a.png,1\nphotos/a.png,2\n./photos/a.png,1\n',
    });
    const { items, ignored } = await world.list(['c.csv', 'photos']);
    expect(items.map(({ source, metadata }) => [basename(source), metadata])).toEqual([
      ['a.png', { price: '1' }],
      ['a.png', { price: '2' }],
      ['a.png', {}],
      ['b.png', {}],
    ]);
    expect(new Set(items.map(({ workKey }) => workKey)).size).toBe(4);
    expect(ignored).toEqual({ 'listed more than once': 1 });
  });

  it('with several wrong files on one line are each told', async () => {
    const world = await listingWorld({
      ...PHOTOS,
      'c.json': '[["x"], {"images": ["http://a", "http://b", "photos/a.png"]}]',
    });
    const { items } = await world.list(['c.json']);
    expect(items.map(({ refusal }) => refusal?.message ?? '')).toEqual([
      'c.json, line 1: it is a list, neither an object nor a path.',
      expect.stringContaining('http://a'),
      expect.stringContaining('http://b'),
      '',
    ]);
  });

  it('lead nowhere but to the places that are allowed', async () => {
    const rows = ['photos/a.png', '../x.png', '/etc/passwd', 'photos/../../x.png', 'gs://other/x.png'];
    const world = await listingWorld({ ...PHOTOS, 'c.json': JSON.stringify(rows) });
    const { items } = await world.list(['c.json'], { within: [world.root, 'gs://shop'] });
    expect(items.map(({ refusal }) => refusal?.code)).toEqual([undefined, ...rows.slice(1).map(() => 'bad_row')]);
    expect(items[2]?.refusal?.message).toContain('its file /etc/passwd is outside of');
    expect(world.reads.every((uri) => uri.startsWith(world.root))).toBe(true);
  });
});

describe('pages', () => {
  it('give every row once, whatever their size, and read the manifest where they are', async () => {
    const count = 1200;
    const lines = Array.from({ length: count }, (_, n) => `photos/${n % 2 === 0 ? 'a' : 'b'}.png,"row\n${n}"\n`);
    const world = await listingWorld({ ...PHOTOS, 'c.csv': `path,title\n${lines.join('')}` });
    const expected = Array.from({ length: count }, (_, n) => `row\n${n}`);
    for (const pageSize of [1, 7, 500]) {
      const { items, pages } = await world.list(['c.csv'], {}, { pageSize });
      expect(items.map(({ metadata }) => metadata.title)).toEqual(expected);
      expect(pages).toBeGreaterThanOrEqual(Math.floor(count / pageSize));
    }
  });

  it('end when the manifest changes in between, and say so', async () => {
    const world = await listingWorld({ ...PHOTOS, 'c.csv': 'path\nphotos/a.png\nphotos/b.png\n' });
    const app = world.appFor('image', 1);
    const batch = world.batchOver(['c.csv']);
    const first = await inputPage(app, batch, FIRST_INPUT);
    expect(first?.considered).toHaveLength(1);
    await world.write({ 'c.csv': 'path\nphotos/b.png\nphotos/a.png\nphotos/b.png\n' });
    const second = await inputPage(app, batch, first?.next ?? FIRST_INPUT);
    expect(second?.considered).toEqual([
      { kind: 'ignored', reason: 'manifest that changed while it was read (c.csv)' },
    ]);
    expect(second?.next.input).toBe(1);
  });
});
