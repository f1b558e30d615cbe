import { describe, expect, it } from 'vitest';
import { combinedResult, contradictions } from '../../functions/report/combine-results.ts';
import { collectGroups } from '../../functions/report/groups.ts';
import type { ReportItem } from '../../functions/report/item-row.ts';
import { type ExportFormat, renderExport } from '../../functions/report/text-reports.ts';
import { answeredItem } from '../support/answer-fixtures.ts';
import { countsOf, syntheticBatch } from '../support/report-fixtures.ts';

describe('several results as one', () => {
  it.each<[string, unknown[], unknown]>([
    ['none', [], null],
    ['one', [{ a: 1 }], { a: 1 }],
    ['what most say', ['mug', 'cup', 'Mug '], 'mug'],
    ['the first of equals', ['cup', 'mug'], 'cup'],
    ['yes and no', [true, false, true], true],
    ['null only where all are null', [null, 'IKEA', null], 'IKEA'],
    ['nothing known', [null, null], null],
    ['the number in the middle', [9, 1, 3], 3],
    ['a number that was said, of two', [1, 4], 1],
    [
      'everything on a list, once, the most frequent first',
      [['red', 'red', 'blue'], ['Blue', 'white'], []],
      ['blue', 'red', 'white'],
    ],
    ['objects in lists', [[{ b: 1, a: 2 }], [{ a: 2, b: 1 }, { a: 3 }]], [{ b: 1, a: 2 }, { a: 3 }]],
    [
      'member by member',
      [
        { a: 1, c: { x: ['q'] } },
        { a: 1, b: 'z', c: { x: ['r'] } },
      ],
      { a: 1, c: { x: ['q', 'r'] }, b: 'z' },
    ],
    ['different kinds by majority', [['a'], 'a', 'a'], 'a'],
  ])('%s', (_, results, combined) => {
    expect(combinedResult(results)).toEqual(combined);
  });

  it('names the members that contradict each other', () => {
    const one = { kind: 'mug', lid: true, colours: ['red'], text: 'x'.repeat(80), share: 0.1, brand: null };
    const other = { kind: 'cup', lid: true, colours: ['blue'], text: 'y'.repeat(80), share: 0.9, brand: 'IKEA' };
    expect(contradictions([one, other])).toEqual(['kind']);
    expect(contradictions([one, { ...one, kind: ' MUG', lid: false }])).toEqual(['lid']);
    expect(contradictions([one])).toEqual([]);
  });
});

const batch = syntheticBatch('/out/b', { recipe: 'analyze', groupBy: 'post_id' });
const analysis = (n: number, post: string | undefined, value: object | undefined): ReportItem =>
  answeredItem(batch, n, {
    metadata: post === undefined ? {} : { post_id: post },
    ...(value && { result: { kind: 'json', value } }),
  });
const entries = [
  analysis(3, 'p10', { kind: 'shoe', colours: ['brown'], confidence: 0.5 }),
  analysis(1, 'p9', { kind: 'cup', colours: ['red'], confidence: 0.4 }),
  analysis(2, 'p9', { kind: 'mug', colours: ['red', 'blue'], confidence: 0.9 }),
  analysis(4, 'p9', undefined),
  analysis(5, undefined, { kind: 'hat', colours: [], confidence: 1 }),
];

async function render(format: ExportFormat): Promise<string> {
  async function* stream() {
    yield* entries;
  }
  let text = '';
  for await (const piece of renderExport(format, batch, countsOf(entries), stream())) text += piece;
  return text;
}

describe('groups', () => {
  it('hold the items with the same value, by name, and let the surer one decide', () => {
    const groups = collectGroups('post_id');
    for (const entry of entries) groups.add(entry);
    expect(groups.size).toBe(2);
    expect([...groups.all()]).toEqual([
      {
        group: 'p9',
        items: ['item-1.jpg', 'item-2.jpg', 'item-4.jpg'],
        states: { passed: 2, error: 1 },
        result: { kind: 'mug', colours: ['red', 'blue'], confidence: 0.4 },
        contradictions: ['kind'],
        calls: 3,
        cost_usd: 0.003,
        seconds: 3.6,
      },
      expect.objectContaining({ group: 'p10', items: ['item-3.jpg'], contradictions: [] }),
    ]);
    expect([...groups.all(1)]).toHaveLength(1);
  });

  it('can be the folders of the files', () => {
    const groups = collectGroups('folder');
    for (const entry of entries) groups.add(entry);
    expect([...groups.all()].map(({ group, items }) => [group, items.length])).toEqual([['/shop/photos', 5]]);
  });

  it('stand in results.json beside the items', async () => {
    const report = JSON.parse(await render('json'));
    expect(report.results.map((row: { group: unknown }) => row.group)).toEqual(['p10', 'p9', 'p9', 'p9', null]);
    expect(report.group_by).toBe('post_id');
    expect(report.groups).toHaveLength(2);
    expect(report.groups[0]).toMatchObject({ group: 'p9', result: { kind: 'mug' } });
  });

  it('stand in results.csv after the items', async () => {
    const lines = (await render('csv')).trimEnd().split('\r\n');
    expect(lines).toHaveLength(1 + 5 + 2);
    expect(lines[0]).toMatch(/,group$/);
    expect(lines[1]).toMatch(/^item-3\.jpg,passed,.*,p10$/);
    expect(lines[6]).toMatch(
      /^p9,group,"\{""kind"":""mug"".*3 items: item-1\.jpg, item-2\.jpg, item-4\.jpg; contradictions: kind.*,p9$/,
    );
  });

  it('stand in results.md and in every line of items.jsonl', async () => {
    expect(await render('markdown')).toMatch(
      /## Groups by post\\_id\n\n### p9\n\nitem-1\.jpg, item[\s\S]*Contradictions: kind/,
    );
    expect(JSON.parse((await render('jsonl')).split('\n')[0] ?? '')).toMatchObject({ group: 'p10' });
  });
});
