import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Batch } from '../../functions/domain/batch.ts';
import { diskFiles } from '../../functions/platform/local/disk-files.ts';
import type { Files } from '../../functions/platform/ports.ts';
import { buildReport } from '../../functions/report/build-report.ts';
import type { ReportItem } from '../../functions/report/item-row.ts';
import { answeredItem } from '../support/answer-fixtures.ts';
import {
  countsOf,
  hostileItem,
  NOW,
  syntheticBatch,
  syntheticItem,
  syntheticItems,
  undrawnProduct,
} from '../support/report-fixtures.ts';

let root: string;
let files: Files;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'proofsheet-report-'));
  files = diskFiles({ home: join(root, 'home') });
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function build(batch: Batch, entries: readonly ReportItem[], changes: Partial<Files> = {}) {
  async function* items() {
    yield* entries;
  }
  const counts = countsOf(entries);
  return await buildReport({ files: { ...files, ...changes }, batch, counts, items: items(), now: NOW });
}

async function json(batch: Batch, ...path: string[]) {
  return JSON.parse(await readFile(join(batch.outputDir, ...path), 'utf8'));
}

describe('a report', () => {
  it('has every file of the output folder', async () => {
    const batch = syntheticBatch(join(root, 'files'));
    const { report } = await build(batch, [...syntheticItems(batch, 120, [undrawnProduct()])]);
    expect(report).toBe(join(batch.outputDir, 'report.html'));
    const all = await readdir(batch.outputDir);
    expect(all).toEqual(
      expect.arrayContaining([
        'metadata',
        'report',
        'report.html',
        'results.csv',
        'results.json',
        'results.md',
        'results.xml',
      ]),
    );
    expect((await readdir(join(batch.outputDir, 'metadata'))).sort()).toEqual([
      'error_analysis.json',
      'items.jsonl',
      'processing_stats.json',
      'prompt_evolution.json',
    ]);
    expect((await readdir(join(batch.outputDir, 'report', 'data'))).sort()).toEqual([
      'detail-0.js',
      'detail-1.js',
      'detail-2.js',
      'index-0.js',
      'reviews.js',
    ]);
    expect(await json(batch, 'results.json')).toMatchObject({ batch: { report } });
  });

  it('counts in its metadata what the items say', async () => {
    const batch = syntheticBatch(join(root, 'metadata'));
    const entries = [...syntheticItems(batch, 60, [undrawnProduct()])];
    const counts = countsOf(entries);
    await build(batch, entries);
    const stats = await json(batch, 'metadata', 'processing_stats.json');
    const calls = Object.values<{ calls: number }>(stats.models).reduce((sum, model) => sum + model.calls, 0);
    expect(stats).toMatchObject({
      calls: counts.calls,
      lane: 'standard',
      judges: ['rubric · gemini-3-pro · gemini-3-pro-002'],
    });
    expect(calls).toBe(counts.calls);
    expect(Object.keys(stats.steps).sort()).toEqual(['describe', 'generate', 'judge', 'rubric']);
    const cost = Object.values<{ cost_usd: number }>(stats.steps).reduce((sum, step) => sum + step.cost_usd, 0);
    expect(cost).toBeCloseTo(counts.costNano / 1e9, 6);
    const analysis = await json(batch, 'metadata', 'error_analysis.json');
    const blocked = analysis.by_code.find((reason: { code: string }) => reason.code === 'image_safety');
    expect(blocked).toMatchObject({ count: 3, remedy: expect.stringContaining('withheld for safety') });
    const total = analysis.by_code.reduce((sum: number, reason: { count: number }) => sum + reason.count, 0);
    expect(total).toBe(counts.failed + counts.error + counts.skipped);
    expect(analysis.useless_answers_by_step.generate.image_safety.count).toBe(3);
    expect(analysis.by_step.generate.image_safety).toMatchObject({
      count: 3,
      remedy: expect.stringContaining('safety'),
    });
    expect(analysis.by_file_kind.image.by_code.image_safety.examples).toHaveLength(3);
    expect(analysis.by_file_kind.image.items).toBe(60);
    const evolution = await json(batch, 'metadata', 'prompt_evolution.json');
    const refined = evolution.items.find((item: { attempts: unknown[] }) => item.attempts.length === 2);
    expect(refined.attempts[1]).toMatchObject({
      added: [expect.any(String)],
      score_before: refined.attempts[0].score_after,
    });
  });

  it('counts no answer that was taken over, and says so where the tables leave calls of an earlier take out', async () => {
    const batch = syntheticBatch(join(root, 'retaken'));
    const entry = syntheticItem(batch, 0, undrawnProduct());
    const first = entry.detail?.steps[0];
    if (first === undefined) throw new Error('a passed item has steps');
    Object.assign(first, { adopted: true, costNano: 0, code: 'safety' });
    await build(batch, [entry]);
    const stats = await json(batch, 'metadata', 'processing_stats.json');
    expect(stats.calls_in_tables).toBe('last take of each item');
    expect(Object.keys(stats.steps)).toEqual(['rubric', 'generate', 'judge']);
    const html = await readFile(join(batch.outputDir, 'report.html'), 'utf8');
    expect(html).toContain('Calls of the last take of each item; the batch made 4 calls in all.');
    if (entry.item.summary) entry.item.summary.calls = 3;
    await build(batch, [entry]);
    expect(await json(batch, 'metadata', 'processing_stats.json')).toMatchObject({ calls_in_tables: 'all' });
    expect(await readFile(join(batch.outputDir, 'report.html'), 'utf8')).not.toContain('last take');
  });

  it('says at which kind of file and at which step items ended', async () => {
    const batch = syntheticBatch(join(root, 'kinds'), { recipe: 'prompt' });
    const late = answeredItem(batch, 1, { name: 'notes' });
    const early = answeredItem(batch, 2, { name: 'prices.pdf' });
    const fine = answeredItem(batch, 3, { name: 'more.md', result: { kind: 'text', text: 'Fine.' } });
    if (late.detail) Object.assign(late.detail, { inputType: 'text/plain', failedStep: 'answer:1~2' });
    const refused = { ...early, item: { ...early.item, state: 'skipped' as const } };
    const unasked = answeredItem(batch, 4, { name: 'unnamed' });
    if (unasked.detail) unasked.detail.steps = [];
    await build(batch, [late, { ...refused, detail: undefined }, fine, unasked]);
    const { by_file_kind, by_step } = await json(batch, 'metadata', 'error_analysis.json');
    const timeout = { remedy: expect.stringContaining('--timeout'), count: 1 };
    expect(by_file_kind).toMatchObject({
      text: { items: 2, by_code: { timeout: { ...timeout, examples: [{ name: 'notes' }] } } },
      pdf: { items: 1, by_code: { timeout } },
      other: { items: 1, by_code: { timeout } },
    });
    expect(by_step).toMatchObject({ answer: { timeout }, 'before the first call': { timeout } });
  });

  it('keeps at most five examples of a reason', async () => {
    const batch = syntheticBatch(join(root, 'examples'));
    const end = { state: 'error', scores: [], code: 'timeout', message: 'slow' } as const;
    const entries = Array.from({ length: 8 }, (_, n) =>
      syntheticItem(batch, n, undrawnProduct(), { ...end, scores: [] }),
    );
    await build(batch, entries);
    const { by_code } = await json(batch, 'metadata', 'error_analysis.json');
    expect(by_code).toMatchObject([{ code: 'timeout', count: 8 }]);
    expect(by_code[0].examples).toHaveLength(5);
  });

  it('says loudly when a price is not known', async () => {
    const batch = syntheticBatch(join(root, 'unpriced'));
    const entry = syntheticItem(batch, 0, undrawnProduct());
    if (entry.item.summary) entry.item.summary.unpricedCalls = 2;
    await build(batch, [entry]);
    expect(await readFile(join(batch.outputDir, 'report.html'), 'utf8')).toContain('price unknown for 2 calls');
    expect(await json(batch, 'results.json')).toMatchObject({ batch: { cost_usd: null, unpriced_calls: 2 } });
  });

  it('has no markup of an input in the page or in a script', async () => {
    const batch = syntheticBatch(join(root, 'hostile'), { name: '<script>alert(1)</script>\u202Egpj' });
    await build(batch, [hostileItem(batch)]);
    const html = await readFile(join(batch.outputDir, 'report.html'), 'utf8');
    expect(html).not.toMatch(/<script>|\u202e|<img/);
    expect(html).toContain('&lt;script&gt;alert(1)');
    for (const name of ['index-0.js', 'detail-0.js']) {
      expect(await readFile(join(batch.outputDir, 'report', 'data', name), 'utf8')).not.toContain('<');
    }
  });

  it('writes the log of an item that was refused at the gate', async () => {
    const batch = syntheticBatch(join(root, 'refused'));
    const end = { state: 'skipped', scores: [], code: 'empty_file', message: 'The file has no bytes.' } as const;
    const entry = syntheticItem(batch, 0, undrawnProduct(), { ...end, scores: [] });
    await build(batch, [entry]);
    expect(await readdir(join(batch.outputDir, 'failed'))).toEqual([`${entry.item.name}_error.log`]);
  });

  it('fails when the items fail or a file cannot be written, and puts no page in place', async () => {
    const batch = syntheticBatch(join(root, 'broken'));
    async function* items(): AsyncGenerator<ReportItem> {
      yield syntheticItem(batch, 0, undrawnProduct());
      throw new Error('store went away');
    }
    const counts = countsOf([]);
    await expect(buildReport({ files, batch, counts, items: items(), now: NOW })).rejects.toThrow('store went away');
    const full = new Error('disk full');
    const write: Files['write'] = (uri, content, type) =>
      uri.endsWith('results.md') ? Promise.reject(full) : files.write(uri, content, type);
    const many = [...syntheticItems(batch, 400, [undrawnProduct()])];
    await expect(build(batch, many, { write })).rejects.toThrow('disk full');
    expect(await readdir(batch.outputDir, { recursive: true })).not.toContain('report.html');
  });
});

describe('a report of 10,000 items', () => {
  it('takes no more memory than one of 1,000', async () => {
    const batch = syntheticBatch(join(root, 'large'));
    const counts = countsOf(syntheticItems(batch, 10_000, [undrawnProduct()]));
    const measured = async (count: number) => {
      async function* items() {
        yield* syntheticItems(batch, count, [undrawnProduct()]);
      }
      let peak = 0;
      const watch = setInterval(() => {
        peak = Math.max(peak, process.memoryUsage().rss);
      }, 20);
      await buildReport({ files, batch, counts, items: items(), now: NOW });
      clearInterval(watch);
      return peak / 2 ** 20;
    };
    await measured(1_000);
    const small = await measured(1_000);
    const large = await measured(10_000);
    expect(large - small).toBeLessThan(150);
  });
});
