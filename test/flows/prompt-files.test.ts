import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunDocument } from '../../functions/report/report-format.ts';
import { type CliEnd, type CliWorld, cliWorld } from '../support/cli.ts';
import { onePagePdf } from '../support/documents.ts';
import {
  blockedReply,
  type Fault,
  googleError,
  type Reply,
  rateLimited,
  textReply,
} from '../support/gemini-replies.ts';
import type { Call, CallRecord } from '../support/gemini-server.ts';
import { expectSettledOnce, recordedCalls } from '../support/store.ts';

const BAD_REQUEST = googleError(400, 'INVALID_ARGUMENT', 'Unable to process input image.');
const BROKEN = googleError(500, 'INTERNAL', 'An internal error has occurred.');
const MAX_RETRIES = 3;

/** What happens to a call about an item, one after the other, before it is answered. */
const TROUBLES: Record<string, { faults: Fault[]; reply?: Reply }> = {
  'limited.png': { faults: [rateLimited(), rateLimited()] },
  'limited.txt': { faults: [rateLimited()] },
  'reset.png': { faults: [{ kind: 'reset' }, { kind: 'reset' }] },
  'slow.png': { faults: [{ kind: 'hang' }, { kind: 'hang' }] },
  'refused.png': { faults: Array<Fault>(9).fill(BAD_REQUEST) },
  'refused.pdf': { faults: Array<Fault>(9).fill(BAD_REQUEST) },
  'down.txt': { faults: Array<Fault>(9).fill(BROKEN) },
  'blocked.png': { faults: [], reply: blockedReply('PROHIBITED_CONTENT') },
};
const ERRORS = {
  'refused.png': 'invalid_request',
  'refused.pdf': 'invalid_request',
  'down.txt': 'server_error',
  'blocked.png': 'prompt_blocked',
};
const REFUSED = { 'binary.txt': 'unsupported_format', 'blank.txt': 'empty_file', 'long.txt': 'file_too_large' };

const numbered = (count: number, ending: string) => Array.from({ length: count }, (_, n) => `${n}.${ending}`);
const IMAGES = [...numbered(95, 'png'), 'limited.png', 'reset.png', 'slow.png', 'refused.png', 'blocked.png'];
const TEXTS = [
  ...numbered(12, 'txt'),
  'a.md',
  'b.csv',
  'c.json',
  'wide.txt',
  'old.txt',
  'mark.txt',
  'limited.txt',
  'down.txt',
];
const PDFS = [...numbered(2, 'pdf'), 'refused.pdf'];

function nameOf({ prompt }: Pick<Call, 'prompt'>): string {
  return /<([^>]*)>/.exec(prompt)?.[1] ?? '';
}

/** Texts in the encodings that people save them in. */
function writeDocuments(folder: string): void {
  for (const name of TEXTS) {
    const text = `Größe von ${name}: fünf.`;
    const bytes =
      name === 'wide.txt'
        ? Buffer.from(`\ufeff${text}`, 'utf16le')
        : Buffer.from(text, name === 'old.txt' ? 'latin1' : 'utf8');
    writeFileSync(join(folder, name), name === 'mark.txt' ? `\ufeff${text}` : bytes);
  }
  for (const name of PDFS) writeFileSync(join(folder, name), onePagePdf(`Page of ${name}`));
  writeFileSync(join(folder, 'binary.txt'), Buffer.from([1, 2, 3, 0, 255]));
  writeFileSync(join(folder, 'blank.txt'), ' \n');
  writeFileSync(join(folder, 'long.txt'), 'a'.repeat(2_000_001));
}

describe('a prompt for every file of a folder, over a service with troubles', () => {
  let world: CliWorld;
  let end: CliEnd;
  let run: RunDocument;
  const ends: (() => Promise<void> | void)[] = [];
  beforeAll(async () => {
    const met = new Map<string, number>();
    world = await cliWorld(
      IMAGES,
      {
        faults(call) {
          const name = nameOf(call);
          const times = met.get(name) ?? 0;
          met.set(name, times + 1);
          return TROUBLES[name]?.faults[times];
        },
        respond: (call) => TROUBLES[nameOf(call)]?.reply ?? textReply(`It is ${nameOf(call)}.`),
      },
      { atEnd: (stop) => ends.push(stop) },
    );
    writeDocuments(world.photos);
    const flags = [
      '--json',
      '--quiet',
      '--timeout',
      '1',
      '--max-retries',
      String(MAX_RETRIES),
      '--max-concurrent',
      '20',
    ];
    end = await world.cli(...world.run('--prompt', 'What is <{{name}}>?', ...flags));
    run = JSON.parse(end.stdout);
    return async () => {
      for (const stop of ends.reverse()) await stop();
    };
  });

  const callsAbout = (name: string): CallRecord[] => world.server.calls.filter((call) => nameOf(call) === name);
  const statuses = (name: string) => callsAbout(name).map(({ status }) => status);
  /** Milliseconds between the end of each call about an item and the next one. */
  const pauses = (name: string) => {
    const calls = callsAbout(name);
    return calls.slice(1).map((call, n) => call.startedAt - (calls[n]?.closedAt ?? Number.NaN));
  };
  const folder = (...path: string[]) => readdirSync(join(run.output_dir, ...path)).sort();
  const metadata = (name: string) => JSON.parse(readFileSync(join(run.output_dir, 'metadata', name), 'utf8'));

  it('answers every file that can be answered', () => {
    expect(end.code, end.stderr).toBe(3);
    const errors = Object.keys(ERRORS).length;
    const refused = Object.keys(REFUSED).length;
    const total = IMAGES.length + TEXTS.length + PDFS.length + refused;
    expect([IMAGES.length, TEXTS.length, PDFS.length]).toEqual([100, 20, 3]);
    expect(run.counts).toEqual({
      total,
      passed: 123 - errors,
      failed: 0,
      error: errors,
      cancelled: 0,
      skipped: refused,
    });
    const answered = [...IMAGES, ...TEXTS, ...PDFS].filter((name) => !(name in ERRORS));
    expect(folder('successful')).toEqual(answered.map((name) => `${name}_result.txt`).sort());
    expect(readFileSync(join(run.output_dir, 'successful', '7.png_result.txt'), 'utf8')).toBe('It is 7.png.');
    expect(folder('failed')).toEqual(
      Object.keys({ ...ERRORS, ...REFUSED })
        .map((name) => `${name}_error.log`)
        .sort(),
    );
    expect(folder('metadata')).toEqual([
      ...['error_analysis.json', 'items.jsonl', 'parameters.json', 'processing_stats.json', 'prompt_evolution.json'],
    ]);
  });

  it('sends pictures and PDF as files and texts as text, whatever their encoding', () => {
    expect(callsAbout('3.png')[0]?.images).toMatchObject([{ mimeType: 'image/png' }]);
    expect(callsAbout('1.pdf')[0]?.images).toMatchObject([{ mimeType: 'application/pdf' }]);
    for (const name of TEXTS.filter((one) => !(one in TROUBLES))) {
      const [call] = callsAbout(name);
      expect(call?.images).toEqual([]);
      expect(call?.body.contents?.[0]?.parts?.[0]?.text, name).toBe(`Größe von ${name}: fünf.`);
    }
  });

  it('waits longer after a rate limit than after a broken connection, and longer each time', () => {
    expect(statuses('limited.png')).toEqual([429, 429, 200]);
    const [first = 0, second = 0] = pauses('limited.png');
    expect(first).toBeGreaterThanOrEqual(1000);
    expect(second).toBeGreaterThanOrEqual(2000);
    expect(statuses('limited.txt')).toEqual([429, 200]);
    expect(statuses('reset.png')).toEqual(['reset', 'reset', 200]);
    const [third = 0, fourth = 0] = pauses('reset.png');
    expect(third).toBeGreaterThanOrEqual(250);
    expect(fourth).toBeGreaterThanOrEqual(500);
  });

  it('gives a call that timed out more time each time', () => {
    expect(statuses('slow.png')).toEqual(['hang', 'hang', 200]);
    const waited = callsAbout('slow.png').map(({ startedAt, closedAt = Number.NaN }) => closedAt - startedAt);
    expect(waited[0]).toBeGreaterThan(900);
    expect(waited[1]).toBeGreaterThan(1400);
  });

  it('never asks again what is refused or blocked, and gives up what stays broken', () => {
    expect(statuses('refused.png')).toEqual([400]);
    expect(statuses('refused.pdf')).toEqual([400]);
    expect(statuses('blocked.png')).toEqual([200]);
    expect(statuses('down.txt')).toEqual(Array(MAX_RETRIES).fill(500));
    for (const name of Object.keys(REFUSED)) expect(statuses(name)).toEqual([]);
  });

  it('pays for one answer each', () => {
    expect(world.server.counts.paid).toBe(123 - 3);
    expect(recordedCalls(world.home)).toBe(world.server.counts.paid);
    expect(run.calls).toBe(world.server.counts.paid);
    expectSettledOnce(world.home);
  });

  it('analyses what went wrong by code, kind of file and step, with advice', () => {
    const { by_code, by_file_kind, by_step } = metadata('error_analysis.json');
    const codes = by_code.map(({ code, count }: { code: string; count: number }) => [code, count]);
    expect(Object.fromEntries(codes)).toEqual({
      ...{ invalid_request: 2, server_error: 1, prompt_blocked: 1 },
      ...{ unsupported_format: 1, empty_file: 1, file_too_large: 1 },
    });
    for (const reason of by_code) expect(reason.remedy, reason.code).toMatch(/^[A-Z].*\.$/);
    expect(by_file_kind).toMatchObject({
      image: { items: 100, by_code: { invalid_request: { examples: [{ name: 'refused.png' }] } } },
      text: { items: 23, by_code: { server_error: { count: 1 }, file_too_large: { count: 1 } } },
      pdf: { items: 3, by_code: { invalid_request: { examples: [{ name: 'refused.pdf' }] } } },
    });
    expect(by_step).toMatchObject({ answer: { invalid_request: { count: 2 }, server_error: {}, prompt_blocked: {} } });
    const log = readFileSync(join(run.output_dir, 'failed', 'refused.png_error.log'), 'utf8');
    expect(log).toMatch(/Code +invalid_request\nWhat to do +The service refused/);
  });
});
