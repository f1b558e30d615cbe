import { describe, expect, it } from 'vitest';
import { hasPathColumn, isLikePath, manifestRow, rowItemName } from '../../functions/domain/manifest-row.ts';

describe('a row of a manifest', () => {
  it.each([
    ['path', 'File Path', 'image_path', 'IMAGE', 'localImagePath', 'gcs-uri'].map((column) => ({ [column]: 'a.jpg' })),
  ])('names its file in a column of any of the usual names', (...rows) => {
    for (const row of rows) expect(manifestRow(row)).toEqual({ paths: ['a.jpg'], columns: {} });
  });

  it('is a path alone, too', () => {
    expect(manifestRow(' a.jpg ')).toEqual({ paths: ['a.jpg'], columns: {} });
  });

  it.each([
    [{ local_image_paths: ['a.jpg', 'b.jpg'] }, ['a.jpg', 'b.jpg']],
    [{ images: '["a.jpg", "b.jpg"]' }, ['a.jpg', 'b.jpg']],
    [{ image: '[1].jpg' }, ['[1].jpg']],
    [{ path: '', image: 'b.jpg' }, ['b.jpg']],
    [{ image: 'b.jpg', path: 'a.jpg' }, ['a.jpg']],
  ])('%j names %j', (row, paths) => {
    expect(manifestRow(row)).toMatchObject({ paths });
  });

  it('carries every other column as text', () => {
    const row = {
      ...{ path: 'a.jpg', image: 'b.jpg', Title: ' Mug ', price: 8.5, sold: false, brand: null, note: '' },
      ...{ tags: ['a', 'b'], size: { w: 1 }, 'äöü €': '€' },
    };
    const columns = {
      ...{ image: 'b.jpg', Title: ' Mug ', price: '8.5', sold: 'false', brand: '', note: '' },
      ...{ tags: '["a","b"]', size: '{"w":1}', 'äöü €': '€' },
    };
    expect(manifestRow(row)).toEqual({ paths: ['a.jpg'], columns });
  });

  it('keeps a column that is called like the prototype as data', () => {
    const row = manifestRow(JSON.parse('{"path":"a.jpg","__proto__":"x"}'));
    expect(row).toEqual({ paths: ['a.jpg'], columns: { _proto_: 'x' } });
  });

  it.each([
    [{ sku: 'S-1' }, 'S-1'],
    [{ ID: 17 }, '17'],
    [{ 'Product ID': 'P', sku: 'S' }, 'S'],
    [{ id: '', title: 'x' }, undefined],
  ])('%j has the id %s', (columns, id) => {
    const row = manifestRow({ path: 'a.jpg', ...columns });
    expect('id' in row ? row.id : undefined).toBe(id);
  });

  it.each<[unknown, string]>([
    [5, 'it is a number, neither an object nor a path'],
    [null, 'it is null, neither an object nor a path'],
    [['a.jpg'], 'it is a list, neither an object nor a path'],
    ['  ', 'it names no file'],
    [{}, 'it names no file'],
    [{ title: 'Mug', path: ' ', images: [] }, 'it names no file'],
    [{ path: '[]' }, 'it names no file'],
    [{ paths: ['a.jpg', ''] }, 'it names no file'],
    [{ path: 5 }, 'its column path is a number, neither a path nor a list of paths'],
    [{ images: [{ src: 'a.jpg' }] }, 'its column images is a list, neither a path nor a list of paths'],
  ])('%j: %s', (row, problem) => {
    expect(manifestRow(row)).toMatchObject({ problem });
  });

  it('says what a row without a file tells otherwise, without the empty columns for files', () => {
    expect(manifestRow({ path: '', title: 'Mug' })).toEqual({ problem: 'it names no file', columns: { title: 'Mug' } });
  });
});

describe('names of items', () => {
  const row = (id: string | undefined, ...paths: string[]) => ({ paths, columns: {}, ...(id !== undefined && { id }) });
  it.each([
    [row(undefined, 'photos/mug.jpg'), 0, 'mug.jpg'],
    [row('SKU-7', 'photos/mug.jpg'), 0, 'SKU-7.jpg'],
    [row('SKU-7', 'a.jpg', 'b.PNG'), 1, 'SKU-7-2.PNG'],
    [row('a/../../b', 'mug.jpg'), 0, 'a_.._.._b.jpg'],
    [row('17', 'gs://b/mug'), 0, '17'],
  ])('%j, picture %s: %s', (of, index, name) => {
    expect(rowItemName(of, index)).toBe(name);
  });
});

it('knows columns for files, and texts that are paths', () => {
  expect(hasPathColumn(['id', 'Image Path'])).toBe(true);
  expect(hasPathColumn(['id', 'title', 'url'])).toBe(false);
  expect(isLikePath('photos/mug.jpg')).toBe(true);
  expect(isLikePath('A mug. It is blue.')).toBe(false);
});
