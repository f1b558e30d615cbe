import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Batch } from '../../functions/domain/batch.ts';
import { diskFiles } from '../../functions/platform/local/disk-files.ts';
import type { Files } from '../../functions/platform/ports.ts';
import type { ReportItem } from '../../functions/report/item-row.ts';
import { writeItemOutputs } from '../../functions/report/outputs.ts';
import {
  drawProducts,
  type End,
  type Product,
  syntheticBatch,
  syntheticItem,
  textItem,
} from '../support/report-fixtures.ts';

const PASSED: End = { state: 'passed', scores: [0.5, 0.9], message: 'Attempt 2 scored 0.90.' };
const FAILED: End = {
  state: 'failed',
  scores: [0.3, 0.6, 0.5],
  code: 'below_threshold',
  message: 'Best of 3 attempts scored 0.60, below 0.7.',
};
const BLOCKED: End = {
  state: 'error',
  scores: [],
  code: 'image_safety',
  message: 'The picture was withheld.\u001b[31m',
};

let root: string;
let files: Files;
let products: Product[];
let batch: Batch;
let run = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'proofsheet-outputs-'));
  files = diskFiles({ home: join(root, 'home') });
  products = await drawProducts(files, 1);
});
beforeEach(() => {
  run += 1;
  batch = syntheticBatch(join(root, `out-${run}`));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function write(entry: ReportItem, changes: Partial<ReportItem['item']> = {}): Promise<void> {
  const { item, detail } = entry;
  if (item.summary === undefined) throw new Error('the item has an end');
  const state = item.state as 'passed';
  const end = { state, summary: item.summary, detail: detail ?? { steps: [], candidateThumbnails: {} } };
  await writeItemOutputs(files, batch, { ...item, ...changes }, end);
}

function made(end: End): ReportItem {
  return syntheticItem(batch, 0, products[0] as Product, end);
}

/** All files of the output folder but the report's pictures. */
async function written(): Promise<string[]> {
  const all = await readdir(batch.outputDir, { recursive: true, withFileTypes: true });
  const paths = all.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return paths.map((path) => path.slice(batch.outputDir.length + 1)).sort();
}

async function withoutReport(): Promise<string[]> {
  return (await written()).filter((path) => !path.startsWith('report/'));
}

const NAME = 'terracotta-stoneware-mug-001.jpg';

describe('the output folder of an item', () => {
  it('has the shipped picture, every candidate and the pictures of the report', async () => {
    await write(made(PASSED));
    expect(await withoutReport()).toEqual([
      `attempts/${NAME}/attempt_1.jpg`,
      `attempts/${NAME}/attempt_2.jpg`,
      `successful/${NAME}_result.jpg`,
    ]);
    const shipped = await readFile(join(batch.outputDir, 'successful', `${NAME}_result.jpg`));
    expect(shipped).toEqual(await readFile(join(batch.outputDir, 'attempts', NAME, 'attempt_2.jpg')));
    const reference = products[0]?.reference.sha256 ?? '';
    const report = (await written()).filter((path) => path.startsWith('report/'));
    expect(report).toContain(`report/references/${reference.slice(0, 2)}/${reference}.jpg`);
    expect(report.filter((path) => path.startsWith('report/thumbs/'))).toHaveLength(3);
  });

  it('has a log and the best picture of an item that failed', async () => {
    await write(made(FAILED));
    expect(await withoutReport()).toContain(`failed/${NAME}_best.jpg`);
    const log = await readFile(join(batch.outputDir, 'failed', `${NAME}_error.log`), 'utf8');
    expect(log).toContain('Best of 3 attempts scored 0.60, below 0.7.');
    expect(log).toMatch(/^Code +below_threshold\nWhat to do +The best picture scored below the threshold;/m);
    expect(log).toContain('Attempt 2: score 0.60, judged by rubric gemini-3-pro-002 (best)');
    expect(log).toMatch(/ {2}failed: Is the product terracotta in colour\? Expected yes, got no\./);
  });

  it('has the code and the remedy in the log of an error, without terminal codes', async () => {
    await write(made(BLOCKED));
    const log = await readFile(join(batch.outputDir, 'failed', `${NAME}_error.log`), 'utf8');
    expect(log).toContain('Code           image_safety');
    expect(log).toContain('What to do     The generated picture was withheld for safety');
    expect(log).not.toContain('\u001b');
  });

  it('has a text result as it is', async () => {
    await write(textItem(batch, products[0]));
    const text = await readFile(join(batch.outputDir, 'successful', 'note.png_result.txt'), 'utf8');
    expect(text).toBe('Two\nlines, "quoted"');
  });

  it('has nothing of an item that was done before, and a log of one that was refused', async () => {
    await write(textItem(batch, products[0]));
    const skipped = (code: 'already_done' | 'empty_file', name: string) => {
      const entry = made({ state: 'skipped', scores: [], code, message: 'left aside' });
      return write({ item: { ...entry.item, name }, detail: undefined });
    };
    await skipped('already_done', 'a.jpg');
    await skipped('empty_file', 'b.jpg');
    expect(await withoutReport()).toEqual(['failed/b.jpg_error.log', 'successful/note.png_result.txt']);
  });

  it('is the same when written twice', async () => {
    await write(made(FAILED));
    const before = await written();
    await write(made(FAILED), { fence: 2 });
    expect(await written()).toEqual(before);
  });

  it('loses what no longer holds when an item is taken again', async () => {
    await write(made(FAILED));
    await write(made(PASSED), { fence: 2, epoch: 1 });
    expect(await withoutReport()).toEqual([
      `attempts/${NAME}/attempt_1.jpg`,
      `attempts/${NAME}/attempt_2.jpg`,
      `successful/${NAME}_result.jpg`,
    ]);
    await write(made(BLOCKED), { fence: 3, epoch: 2 });
    expect(await withoutReport()).toEqual([`failed/${NAME}_error.log`]);
  });
});
