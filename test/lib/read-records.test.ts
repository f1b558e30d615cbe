import { describe, expect, it } from 'vitest';
import {
  MAX_RECORD_BYTES,
  type RecordFormat,
  readRecords,
  type TextPlace,
  type TextRecord,
} from '../../functions/lib/read-records.ts';
import { jsonElements, jsonLines, tableRows } from '../../functions/lib/record-formats.ts';
import { textUnitsOf } from '../../functions/lib/text-units.ts';

const ROWS = tableRows(',', ['path', 'title']);
const QUOTE_PROBLEM = 'a quote is not closed, or stands where none may';

interface Options {
  block?: number;
  from?: TextPlace;
}

async function all<Value>(content: string | Buffer, format: RecordFormat<Value>, options: Options = {}) {
  const bytes = Buffer.from(content);
  const { units, start } = textUnitsOf(bytes);
  const { block = 7, from = { offset: start, line: 1 } } = options;
  const read = (at: number) => Promise.resolve(bytes.subarray(at, at + block));
  const records: TextRecord<Value>[] = [];
  for await (const record of readRecords({ units, read }, format, from)) records.push(record);
  return records;
}

/** What is read, with its line or lines. */
function shown(records: readonly TextRecord<unknown>[]) {
  return records.map((record) => {
    const lines = record.line === record.lastLine ? `${record.line}` : `${record.line}-${record.lastLine}`;
    return [lines, 'value' in record ? record.value : record.problem];
  });
}

const row = (path: string, title: string) => ({ path, title });

describe('tables', () => {
  it.each<[string, string | Buffer, unknown[]]>([
    [
      'plain rows',
      'a.jpg,Mug\nb.jpg,Watch\n',
      [
        ['1', row('a.jpg', 'Mug')],
        ['2', row('b.jpg', 'Watch')],
      ],
    ],
    ['no line end at the end', 'a.jpg,Mug', [['1', row('a.jpg', 'Mug')]]],
    [
      'Windows line ends',
      'a.jpg,Mug\r\nb.jpg,"x\r\ny"\r\nc.jpg,z\r\n',
      [
        ['1', row('a.jpg', 'Mug')],
        ['2-3', row('b.jpg', 'x\r\ny')],
        ['4', row('c.jpg', 'z')],
      ],
    ],
    [
      'line ends of old Macs, and all mixed',
      'a,1\rb,2\nc,3\r\nd,4\r',
      [
        ['1', row('a', '1')],
        ['2', row('b', '2')],
        ['3', row('c', '3')],
        ['4', row('d', '4')],
      ],
    ],
    ['empty rows', '\n\r\n  \n,\n"",""\na,1\n\n\n', [['6', row('a', '1')]]],
    [
      'quotes, commas and lines in quotes',
      'a,"say ""hi"", you"\nb,"1\n2\n\n3"\nc,d',
      [
        ['1', row('a', 'say "hi", you')],
        ['2-5', row('b', '1\n2\n\n3')],
        ['6', row('c', 'd')],
      ],
    ],
    [
      'blanks around cells',
      ' a , "x, y" \nb,\t2',
      [
        ['1', row('a', 'x, y')],
        ['2', row('b', '2')],
      ],
    ],
    [
      'quotes within a cell',
      'a,24" screen\nb,"24" screen"\nc,3',
      [
        ['1', row('a', '24" screen')],
        ['2', QUOTE_PROBLEM],
        ['3', row('c', '3')],
      ],
    ],
    [
      'a quote that is never closed costs its own line only',
      'a,"open\nb,"x, y"\nc,3\n',
      [
        ['1', QUOTE_PROBLEM],
        ['2', row('b', 'x, y')],
        ['3', row('c', '3')],
      ],
    ],
    [
      'the same before a table without quotes',
      'a,"open\nb,2\nc,3',
      [
        ['1', QUOTE_PROBLEM],
        ['2', row('b', '2')],
        ['3', row('c', '3')],
      ],
    ],
    [
      'too few and too many cells',
      'a\nb,2,3\nc,4,,\nd,5',
      [
        ['1', 'it has fewer cells (1) than the table has columns (2)'],
        ['2', 'it has more cells (3) than the table has columns (2); put cells that hold "," in quotes'],
        ['3', row('c', '4')],
        ['4', row('d', '5')],
      ],
    ],
    ['a byte order mark', '\ufeffa,ä', [['1', row('a', 'ä')]]],
    [
      'UTF-16',
      Buffer.from('\ufeffä,€\r\nb,"x\ny"\n', 'utf16le'),
      [
        ['1', row('ä', '€')],
        ['2-3', row('b', 'x\ny')],
      ],
    ],
    [
      'UTF-16, big end first, without a mark',
      Buffer.from('a,€\nb,😀', 'utf16le').swap16(),
      [
        ['1', row('a', '€')],
        ['2', row('b', '😀')],
      ],
    ],
    [
      'rows in another encoding',
      Buffer.from('a,Größe\nb,5 \x80\n', 'latin1'),
      [
        ['1', row('a', 'Größe')],
        ['2', row('b', '5 €')],
      ],
    ],
    [
      'signs of several bytes, cut anywhere',
      'ä,日本\nö,😀😀\n',
      [
        ['1', row('ä', '日本')],
        ['2', row('ö', '😀😀')],
      ],
    ],
    ['nothing', '', []],
  ])('%s', async (_, content, expected) => {
    for (const block of [1, 2, 3, 7, 1000].filter((size) => !(content instanceof Buffer) || size !== 1)) {
      expect(shown(await all(content, ROWS, { block })), `read by ${block}`).toEqual(expected);
    }
  });

  it('reads over a row that is too long, and counts its lines', async () => {
    const long = `a,"${'line\n'.repeat(MAX_RECORD_BYTES / 4)}"\nb,2`;
    const records = shown(await all(long, ROWS, { block: 10_000 }));
    expect(records[0]).toEqual(['1', QUOTE_PROBLEM]);
    expect(records.at(-1)).toEqual([`${MAX_RECORD_BYTES / 4 + 2}`, row('b', '2')]);
    const wide = `a,${'x'.repeat(5 * MAX_RECORD_BYTES)}\nb,2`;
    for (const block of [10_000, 1_000_000]) {
      expect(shown(await all(wide, ROWS, { block }))).toEqual([
        ['1', 'it is longer than 64 KB'],
        ['2', row('b', '2')],
      ]);
    }
  });
});

describe('JSON', () => {
  const LATE = 'the file ends before its list is closed; rows may be missing';
  const list = (text: string, options: Options = {}) =>
    all(text, jsonElements(), { ...options, from: { offset: text.indexOf('[') + 1, line: 1 } });

  it.each<[string, string, unknown[]]>([
    [
      'one line',
      '["a",{"b":[1,{"c":2}]},3]',
      [
        ['1', 'a'],
        ['1', { b: [1, { c: 2 }] }],
        ['1', 3],
      ],
    ],
    [
      'many lines, and what stands behind',
      '[\n  {\n    "a": "x,]\\"}"\n  },\n  "b"\n], "more": [1]}',
      [
        ['2-4', { a: 'x,]"}' }],
        ['5', 'b'],
      ],
    ],
    ['an empty list', '[ ]', []],
    [
      'commas too many',
      '[1,,2,]',
      [
        ['1', 1],
        ['1', 2],
      ],
    ],
    [
      'a broken element',
      '[{"a":1},\n{"a":},\n{"a":3}]',
      [
        ['1', { a: 1 }],
        ['2', 'it is no valid JSON'],
        ['3', { a: 3 }],
      ],
    ],
    [
      'a missing comma',
      '[{"a":1}\n{"a":2},\n{"a":3}]',
      [
        ['1-2', 'it is no valid JSON'],
        ['3', { a: 3 }],
      ],
    ],
    [
      'a string that is not closed',
      '[{"a":"x},\n{"a":2},\n{\n"b":"y,\n"c":[3]\n},\n{"d":4}]',
      [
        ['1', 'it is no valid JSON'],
        ['2', { a: 2 }],
        ['3-4', 'it is no valid JSON'],
        ['5-6', 'it is no valid JSON'],
        ['7', { d: 4 }],
      ],
    ],
    [
      'a bracket that is not closed',
      '[{"a":1},\n{"a":2,\n{"a":3}]',
      [
        ['1', { a: 1 }],
        ['2-3', 'it is no valid JSON'],
        ['3', LATE],
      ],
    ],
    [
      'a list that is cut off',
      '[{"a":1},\n{"a":',
      [
        ['1', { a: 1 }],
        ['2', 'it is no valid JSON'],
        ['2', LATE],
      ],
    ],
    [
      'a list that is cut off between elements',
      '["a",\n"b"',
      [
        ['1', 'a'],
        ['2', 'b'],
        ['2', LATE],
      ],
    ],
  ])('a list: %s', async (_, content, expected) => {
    for (const block of [1, 3, 1000])
      expect(shown(await list(content, { block })), `read by ${block}`).toEqual(expected);
  });

  it('reads over an element that is too long', async () => {
    const content = `[{"a":"${'x\\n'.repeat(MAX_RECORD_BYTES)}",\n"b":[1]},\n2]`;
    for (const block of [1000, 1_000_000]) {
      const records = shown(await list(content, { block }));
      expect(records).toEqual([
        ['1', 'it is longer than 64 KB'],
        ['3', 2],
      ]);
    }
  });

  it('keeps the digits of long numbers', async () => {
    const records = await all('{"id":12345678901234567890,"n":1234567890123456,"price":8.5}', jsonLines());
    expect(shown(records)).toEqual([['1', { id: '12345678901234567890', n: 1234567890123456, price: 8.5 }]]);
  });

  it('on lines', async () => {
    const records = await all('{"a":1}\r\n\n"b"\n{"a"\n[2]', jsonLines());
    expect(shown(records)).toEqual([
      ['1', { a: 1 }],
      ['3', 'b'],
      ['4', 'it is no valid JSON'],
      ['5', [2]],
    ]);
  });
});

describe('reading goes on', () => {
  it.each<[string, string, RecordFormat<unknown>]>([
    ['in a table', 'a,1\r\n\r\nb,"x\ny"\nc,"open\nd,4\ne\nf,6', ROWS],
    ['in a list that is cut off', '1,\n2', jsonElements()],
    ['in a list', '{"a":1},\n\n{"a":\n2} , 3,{]4,\n"open,\n5]', jsonElements()],
    ['on lines', '1\n\n{\n"ä"\n', jsonLines()],
  ])('%s, from behind every record', async (_, text, format) => {
    const records = await all(text, format, { block: 1000 });
    expect(records.length).toBeGreaterThan(2);
    for (const [index, { next }] of records.entries()) {
      const rest = next === undefined ? [] : await all(text, format, { from: next });
      expect(rest).toEqual(records.slice(index + 1));
    }
  });

  it('without reading what was read before, and a little more only', async () => {
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, n) => `${n},x\n`).join(''));
    const places: number[] = [];
    const read = (at: number) => {
      places.push(at);
      return Promise.resolve(bytes.subarray(at, at + 1000));
    };
    const from = { offset: bytes.indexOf('90000,x'), line: 90_001 };
    for await (const record of readRecords({ units: 'bytes', read }, ROWS, from)) {
      if ('value' in record && record.value.path === '90009') {
        expect(record).toMatchObject({ line: 90_010, next: { line: 90_011 } });
        break;
      }
    }
    expect(places).toEqual([from.offset]);
  });
});
