import { beforeAll, describe, expect, it } from 'vitest';
import { MAX_COLUMNS, NO_COUNTS } from '../../functions/domain/batch.ts';
import type { ReportItem } from '../../functions/report/item-row.ts';
import { EXPORT_FORMATS, type ExportFormat, renderExport, runDocument } from '../../functions/report/text-reports.ts';
import {
  countsOf,
  HOSTILE,
  hostileItem,
  NOW,
  syntheticBatch,
  syntheticItems,
  textItem,
  undrawnProduct,
} from '../support/report-fixtures.ts';

const batch = syntheticBatch('/out/b', { name: HOSTILE });
let entries: ReportItem[];

beforeAll(() => {
  entries = [...syntheticItems(batch, 30, [undrawnProduct()]), hostileItem(batch), textItem(batch)];
});

async function render(format: ExportFormat, of = entries, from = batch): Promise<string> {
  async function* stream() {
    yield* of;
  }
  const parts: string[] = [];
  for await (const part of renderExport(format, from, countsOf(of), stream())) parts.push(part);
  return parts.join('');
}

describe('run document', () => {
  it('has the promised members', () => {
    const document = runDocument(batch, countsOf(entries), NOW);
    expect(document).toMatchObject({
      batch_id: batch.id,
      state: 'finished',
      recipe: 'fidelity',
      lane: 'standard',
      simulated: false,
      seconds: 367,
      output_dir: '/out/b',
      report: null,
    });
    expect(Object.values(document.counts).reduce((a, b) => a + b) - document.counts.total).toBe(32);
  });

  it('never gives a cost that leaves calls out', () => {
    const counts = { ...NO_COUNTS, total: 1, calls: 3, costNano: 5e8, unpricedCalls: 2 };
    expect(runDocument(batch, counts, NOW)).toMatchObject({ cost_usd: null, unpriced_calls: 2 });
    expect(runDocument(batch, { ...counts, unpricedCalls: 0 }, NOW)).toMatchObject({ cost_usd: 0.5 });
    expect(runDocument(batch, { ...counts, unpricedCalls: 0 }, NOW)).not.toHaveProperty('unpriced_calls');
  });
});

describe('items.jsonl', () => {
  it('has exactly the promised members in every line', async () => {
    const lines = (await render('jsonl')).trimEnd().split('\n');
    expect(lines).toHaveLength(32);
    for (const line of lines) {
      expect(Object.keys(JSON.parse(line))).toEqual(
        'item_id name source status score attempts code message result verdicts cost_usd calls seconds review metadata'.split(
          ' ',
        ),
      );
    }
    const first = JSON.parse(lines[0] ?? '');
    expect(first).toMatchObject({ status: 'passed', attempts: 1, code: null });
    expect(first.result).toBe(`successful/${first.name}_result.jpg`);
    expect(first.verdicts).toHaveLength(8);
  });

  it('carries a text result itself', async () => {
    const row = JSON.parse(await render('jsonl', [textItem(batch)]));
    expect(row).toMatchObject({ status: 'passed', score: null, result: 'Two\nlines, "quoted"' });
  });
});

describe('results.json', () => {
  it('parses, with the summary and the names of the batch design', async () => {
    const document = JSON.parse(await render('json'));
    const counts = countsOf(entries);
    expect(document.batch_id).toBe(batch.id);
    expect(document.parameters).toMatchObject({ recipe: 'fidelity', threshold: 0.7 });
    expect(document.summary).toMatchObject({
      total: 32,
      successful: counts.passed,
      failed: counts.failed + counts.error,
      processing_time: 367,
    });
    expect(document.batch.counts.total).toBe(32);
    expect(document.results).toHaveLength(32);
    const failed = document.results.find((row: { status: string }) => row.status === 'failed');
    expect(failed.file).toBe(failed.name);
    expect(failed.error).toBe(failed.message);
    expect(failed.code).toBe('below_threshold');
    expect(document.results[0]).toMatchObject({ error: null, processing_time: document.results[0].seconds });
  });

  it('parses without any item', async () => {
    expect(JSON.parse(await render('json', []))).toMatchObject({ results: [], summary: { total: 0 } });
  });
});

describe('results.csv', () => {
  it('reads back as it was, with the columns of the batch design first', async () => {
    const rows = parseCsv(await render('csv'));
    expect(rows[0]?.slice(0, 5)).toEqual(['file', 'status', 'result', 'processing_time', 'error']);
    expect(rows).toHaveLength(33);
    expect(new Set(rows.map((row) => row.length))).toEqual(new Set([rows[0]?.length]));
    expect(rows.at(-1)?.[2]).toBe('Two\nlines, "quoted"');
    const reasons = rows.slice(1).map(([, status, , , error]) => [status === 'passed', error === '']);
    expect(reasons.filter(([passed, silent]) => passed !== silent)).toEqual([]);
  });

  it('has the columns of manifests behind its own, and too many of them in one cell', async () => {
    const metadata = { Title: 'Mug, "blue"', status: '=new', extra: 'more' };
    const withData = entries
      .slice(0, 2)
      .map((entry, n) => ({ ...entry, item: { ...entry.item, ...(n === 0 && { metadata }) } }));
    const few = parseCsv(await render('csv', withData, { ...batch, columns: ['Title', 'status', '-x'] }));
    expect(few.map((row) => row.slice(15))).toEqual([
      ['Title', 'input_status', "'-x"],
      ['Mug, "blue"', "'=new", ''],
      ['', '', ''],
    ]);
    const columns = ['Title', ...Array.from({ length: MAX_COLUMNS - 1 }, (_, n) => `column ${n}`)];
    const many = parseCsv(await render('csv', withData, { ...batch, columns }));
    expect(many.map((row) => row.at(-1))).toEqual(['more_columns', '{"status":"=new","extra":"more"}', '{}']);
    expect(new Set(many.map((row) => row.length))).toEqual(new Set([15 + MAX_COLUMNS + 1]));
    const row = JSON.parse(await render('jsonl', withData.slice(0, 1)));
    expect(row.metadata).toEqual(metadata);
  });

  it('has no cell that runs', async () => {
    const formula = hostileItem(batch, '=HYPERLINK("http://evil","x")');
    const cells = parseCsv(await render('csv', [formula])).flat();
    expect(cells.filter((cell) => /^[=+@\t\r\n-]/.test(cell))).toEqual([]);
    expect(cells).toContain('\'=HYPERLINK("http:__evil","x")');
  });
});

describe('results.md', () => {
  it('has the form of the batch design', async () => {
    const text = await render('markdown');
    expect(text).toMatch(/^# Batch Processing Results\n\*\*Batch ID\*\*: /);
    expect(text).toContain('**Total Files**: 32 (');
    expect(text).toContain('\n## Results\n');
    expect(text).toMatch(/\n### ✅ red-mug-001\.jpg\n/);
    expect(text).toMatch(/\n### ❌ red-mug-012\.jpg\nError: /);
  });

  it('renders nothing that an input wrote', async () => {
    const text = await render('markdown', [hostileItem(batch)]);
    expect(text).not.toMatch(/[^\\]<script|\]\(http|[^\\]<img|\u202e/);
  });
});

describe('results.xml', () => {
  it('is well-formed and says what happened to each', async () => {
    const text = await render('junit');
    const names = elementsOf(text);
    const counts = countsOf(entries);
    const count = (name: string) => names.filter((entry) => entry === name).length;
    expect(count('testcase')).toBe(32);
    expect(count('failure')).toBe(counts.failed);
    expect(count('error')).toBe(counts.error);
    expect(text.match(/<failure [^>]*type="below_threshold"/g)).toHaveLength(counts.failed);
    expect(count('skipped')).toBe(counts.skipped + counts.cancelled);
    expect(text).toContain(`tests="32" failures="${counts.failed}" errors="${counts.error}"`);
    expect(text).toContain('<property name="score" value="0.8"/>');
  });
});

it('survives items that are not done yet in every format', async () => {
  const entry = textItem(batch);
  const { summary: _, ...open } = entry.item;
  const running: ReportItem = { item: { ...open, state: 'running' }, detail: undefined };
  for (const format of EXPORT_FORMATS) expect(await render(format, [running])).toContain('note');
});

/** A plain reader of RFC 4180. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    row.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'));
    if (end === ',') continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

/** Names of all elements; fails when tags do not nest or a text holds a bare special character. */
function elementsOf(xml: string): string[] {
  const names: string[] = [];
  const open: string[] = [];
  const body = xml.replace(/^<\?xml[^>]*\?>\n/, '');
  const tag = /<(\/?)([a-z]+)((?: [a-z_]+="[^"<&]*(?:&(?:amp|lt|gt|quot|apos);[^"<&]*)*")*)(\/?)>/g;
  const rest = body.replace(tag, (_, closing: string, name: string, attributes: string, empty: string) => {
    if (closing) expect(open.pop()).toBe(name);
    else {
      expectJunit(name, open.at(-1), attributes);
      names.push(name);
    }
    if (!closing && !empty) open.push(name);
    return '';
  });
  expect(open).toEqual([]);
  expect(rest.replace(/&(amp|lt|gt|quot|apos);/g, '')).not.toMatch(/[<&]/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML forbids
  expect(rest).not.toMatch(/[\u0000-\u0008\u000b-\u001f]/);
  return names;
}

/**
 * Elements of JUnit files as Jenkins' schema junit-10 has them: where they may stand, attributes they must and may have. `file`, the
 * properties of a test case and the sum of those skipped are what other tools have added since, and viewers show.
 */
const JUNIT: Record<string, { in: (string | undefined)[]; must: string[]; may: string[] }> = {
  testsuites: { in: [undefined], must: [], may: ['name', 'tests', 'failures', 'errors', 'time', 'skipped'] },
  testsuite: {
    in: ['testsuites'],
    must: ['name', 'tests', 'failures', 'errors'],
    may: ['time', 'skipped', 'timestamp', 'hostname', 'id', 'package'],
  },
  testcase: { in: ['testsuite'], must: ['name'], may: ['time', 'classname', 'group', 'file'] },
  properties: { in: ['testsuite', 'testcase'], must: [], may: [] },
  property: { in: ['properties'], must: ['name', 'value'], may: [] },
  failure: { in: ['testcase'], must: [], may: ['type', 'message'] },
  error: { in: ['testcase'], must: [], may: ['type', 'message'] },
  skipped: { in: ['testcase'], must: [], may: ['type', 'message'] },
};

function expectJunit(name: string, parent: string | undefined, text: string): void {
  const attributes = new Map(
    [...text.matchAll(/ ([a-z_]+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value]),
  );
  const { in: places, must, may } = JUNIT[name] ?? { in: [], must: [], may: [] };
  expect(places, name).toContain(parent);
  expect([...attributes.keys()]).toEqual(expect.arrayContaining(must));
  expect([...must, ...may], name).toEqual(expect.arrayContaining([...attributes.keys()]));
  if (attributes.has('time')) expect(attributes.get('time')).toMatch(/^\d+\.\d{3}$/);
  if (attributes.has('timestamp')) expect(attributes.get('timestamp')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
}
