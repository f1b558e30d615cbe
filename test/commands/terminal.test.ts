import { stripVTControlCharacters } from 'node:util';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import type { BatchView } from '../../functions/app/read-batch.ts';
import {
  columnsOf,
  costText,
  duration,
  pauseReason,
  plural,
  progressFrame,
  settledLine,
  summaryLines,
} from '../../functions/commands/terminal.ts';
import { type Item, type ItemState, NO_COUNTS } from '../../functions/domain/batch.ts';
import { sampleBatch, sampleSummary } from '../contract/samples.ts';

const NOW = 1_700_000_100_000;

function item(name: string, state: ItemState, change: Partial<Item> = {}): Item {
  return {
    ...{ batchId: 'b', id: name, name, source: `/${name}`, metadata: {}, contentHash: '', workKey: '', shard: 0 },
    ...{ fence: 1, claims: 0, epoch: 0, state, firstClaimedAt: NOW - 5_000 },
    ...change,
  };
}

const WIDE = [
  '🫖🫖🫖🫖🫖🫖🫖🫖🫖🫖🫖🫖🫖🫖🫖🫖🫖🫖🫖🫖.png',
  '急須と湯呑みのセット・大きいサイズ・限定版・送料無料・第二弾.jpg',
  'é'.repeat(200),
  '👩‍👩‍👧 family.png',
];

function view(change: Partial<BatchView> = {}): BatchView {
  const running = WIDE.map((name) =>
    item(name, 'running', { progress: { attempt: 2, step: 'judge', since: NOW - 61_000 } }),
  );
  const recent = WIDE.map((name) =>
    item(name, 'failed', {
      summary: sampleSummary({ message: '🙈 wrong '.repeat(30), code: 'judge_undecided' }),
      settledAt: NOW,
    }),
  );
  const counts = {
    ...NO_COUNTS,
    total: 40,
    passed: 8,
    failed: 2,
    calls: 70,
    costNano: 1_234_500_000,
    unpricedCalls: 3,
  };
  return {
    batch: sampleBatch({ sealed: true, name: '急須'.repeat(60), createdAt: NOW - 75_000 }),
    counts,
    running,
    recent,
    queued: 26,
    next: [item('waiting-1.png', 'queued'), item('waiting-2.png', 'queued')],
    ...change,
  };
}

function frame(of: BatchView, columns = 80): string[] {
  const since = { at: NOW - 60_000, settled: 4 };
  return stripVTControlCharacters(progressFrame({ view: of, columns, now: NOW, since })).split('\n');
}

describe('the progress display', () => {
  it.each([40, 80, 120, 300])('is never wider than a terminal of %i columns', (columns) => {
    for (const line of frame(view(), columns)) expect(stringWidth(line), line).toBeLessThanOrEqual(columns - 1);
  });

  it('keeps one line per item, whatever a message holds', () => {
    const plain = frame(view()).length;
    const summary = sampleSummary({ message: 'two\nlines\r\u001b[2J and \u0007 more\u2028' });
    const recent = view().recent.map((one) => ({ ...one, summary }));
    const lines = frame(view({ recent }));
    expect(lines).toHaveLength(plain);
    for (const bad of ['\r', '\u0007', '\u2028', '\u001b[2J']) expect(lines.join('\n')).not.toContain(bad);
  });

  it('shows how far it is, what it works on and since when, what ended, and what is left', () => {
    const shown = frame(view()).join('\n');
    expect(shown).toContain('SIMULATED');
    expect(shown).toMatch(/ 25 % {2}10\/40 items/);
    expect(shown).toContain('✔ 8 passed  ✘ 2 failed  ▶ 4 running  … 26 queued');
    expect(shown).toMatch(/▶ 👩‍👩‍👧 family\.png +attempt 2, after judge +\(61s\)/);
    expect(shown).toMatch(/\n\nQueued\n {2}… waiting-1\.png, waiting-2\.png, 24 more\n/);
    // Six items in the minute since this process looked: 30 more take five minutes.
    expect(shown).toContain('Elapsed 1m 00s · ETA 5m 00s · 6.0 items/min · at least $1.23 (PRICE UNKNOWN f');
  });

  it('promises no end while inputs are still listed', () => {
    const shown = frame(view({ batch: sampleBatch({ sealed: false }) })).join('\n');
    expect(shown).toContain('10/40+ items');
    expect(shown).not.toContain('ETA');
  });

  it('draws an empty batch', () => {
    const empty = view({ batch: sampleBatch(), counts: NO_COUNTS, running: [], recent: [], queued: 0, next: [] });
    expect(frame(empty).join('\n')).toContain('0 %  0/0+ items');
  });
});

describe('lines about items and batches', () => {
  it('say why a batch is paused, and until when', () => {
    const pause = { code: 'daily_quota', message: 'The quota is used up.' } as const;
    expect(pauseReason({ pause })).toBe('The quota is used up.');
    expect(pauseReason({ pause: { ...pause, until: Date.UTC(2026, 10, 22, 8) } })).toBe(
      'The quota is used up. The quota resets at 2026-11-22T08:00:00.000Z.',
    );
  });

  it('shows the beginning of an answer where nothing was judged', () => {
    const summary = sampleSummary({ score: null, attempts: 0, result: 'A red mug.\nIt is big.' });
    expect(stripVTControlCharacters(settledLine(item('mug.jpg', 'passed', { summary })))).toMatch(
      / A red mug\. It is big\.$/,
    );
  });

  it.each([
    ['passed', '✔ mug.jpg                       0.80  2 attempts  1.5s    $0.0700  Good enough.'],
    ['failed', '✘ mug.jpg                       0.80  2 attempts  1.5s    $0.0700  Good enough.'],
    ['skipped', '↷ mug.jpg                       0.80  2 attempts  1.5s    $0.0700  Good enough.'],
    ['cancelled', '⊘ mug.jpg                       0.80  2 attempts  1.5s    $0.0700  Good enough.'],
  ] as const)('marks %s', (state, line) => {
    const summary = sampleSummary({ costNano: 70_000_000 });
    expect(stripVTControlCharacters(settledLine(item('mug.jpg', state, { summary })))).toBe(line);
  });

  it('names the code of an error and leaves out what there is not', () => {
    const summary = sampleSummary({
      score: null,
      attempts: 0,
      calls: 0,
      seconds: 0,
      code: 'empty_file',
      message: 'No bytes.',
    });
    const line = stripVTControlCharacters(settledLine(item('mug.jpg', 'error', { summary })));
    expect(line).toMatch(/^! mug\.jpg +empty_file: No bytes\.$/);
  });

  it('sums up a batch', () => {
    const counts = { ...NO_COUNTS, total: 5, passed: 3, failed: 1, skipped: 1, scored: 4, scoreSum: 3.2, calls: 1 };
    const batch = sampleBatch({ createdAt: NOW - 3_723_000, simulated: false, ignored: { 'not a picture': 2 } });
    expect(summaryLines({ ...view(), batch, counts }, NOW)).toEqual([
      '5 items: 3 passed, 1 failed, 1 skipped · pass rate 75 % · average score 0.80',
      '1 call · $0.00 · 1h 02m',
      'left aside: 2 not a picture',
    ]);
  });

  it('writes durations, counts and costs for people', () => {
    expect([0, 59_499, 60_000, 3_599_000, 3_600_000, -5].map(duration)).toEqual([
      '0s',
      '59s',
      '1m 00s',
      '59m 59s',
      '1h 00m',
      '0s',
    ]);
    expect([plural(1, 'item'), plural(0, 'item'), plural(2, 'item')]).toEqual(['1 item', '0 items', '2 items']);
    expect(costText({ costNano: 1_500_000_000, unpricedCalls: 0 })).toBe('$1.50');
    expect(costText({ costNano: 0, unpricedCalls: 1 })).toContain('at least $0.00 (PRICE UNKNOWN for 1 call;');
  });

  it('lines columns up by what is seen', () => {
    expect(stringWidth(columnsOf(['🫖', 4], ['x', 3]))).toBe(4 + 2 + 3 + 2);
    expect(columnsOf(['abcdef', 4])).toBe('abc…  ');
  });
});
