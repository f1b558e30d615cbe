import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunDocument } from '../../functions/report/report-format.ts';
import { type CliEnd, type CliWorld, cliWorld, photoNames } from '../support/cli.ts';
import { itemOf, respondToFidelity, stepOf } from '../support/fidelity-responder.ts';
import { blockedReply, googleError } from '../support/gemini-replies.ts';

const ends: (() => Promise<void> | void)[] = [];
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

/** One batch of three items that most tests only look at. */
let world: CliWorld;
let first: CliEnd;
let run: RunDocument;
beforeAll(async () => {
  world = await cliWorld(photoNames(3), {}, { atEnd: (end) => ends.push(end) });
  first = await world.cli(...world.run('--json', '--name', 'Mugs'));
  run = JSON.parse(first.stdout);
});

describe('run', () => {
  it('prints one JSON document and says everything else on standard error', () => {
    expect(first.code).toBe(0);
    expect(Object.keys(run)).toEqual([
      ...['batch_id', 'name', 'state', 'recipe', 'lane', 'simulated', 'counts', 'calls', 'cost_usd', 'seconds'],
      ...['output_dir', 'report', 'ignored', 'refused'],
    ]);
    expect(run).toMatchObject({
      ...{ name: 'Mugs', state: 'finished', recipe: 'fidelity', lane: 'standard', simulated: false, calls: 21 },
      counts: { total: 3, passed: 2, failed: 1, error: 0, cancelled: 0, skipped: 0 },
      output_dir: join(world.output, run.batch_id),
      report: join(world.output, run.batch_id, 'report.html'),
    });
    expect(run.cost_usd).toBeGreaterThan(0);
    expect(first.stderr).toContain('3 items: 2 passed, 1 failed · pass rate 67 % · average score 0.89');
  });

  it('shows a plain line per settled item where there is no terminal', () => {
    const lines = first.stderr.split('\n').filter((line) => /^[✔✘] /.test(line));
    expect(lines.map((line) => line.slice(0, 16).trim()).sort()).toEqual([
      '✔ 000-first.png',
      '✔ 001-second.png',
      '✘ 002-never.png',
    ]);
    for (const line of lines) expect(line).toMatch(/\(\d\/3\)$/);
    expect(first.stderr).not.toContain('\u001b');
  });

  it('prints its summary on standard output without --json, and no progress with --quiet', async () => {
    const end = await world.cli(...world.run('--quiet'));
    expect(end).toMatchObject({ code: 0, stderr: '' });
    expect(end.stdout).toMatch(
      /^3 items: 3 skipped\n0 calls · \$0\.00 · \d+s\nResults {2}\/.*\nReport {3}\/.*report\.html\n$/,
    );
  });

  it('says loudly that it simulates', async () => {
    const end = await world.cli(...world.run('--simulate', '--json', '--quiet'));
    expect(end.stderr).toContain('SIMULATED: the built-in simulated model answers.');
    expect(JSON.parse(end.stdout)).toMatchObject({ simulated: true, cost_usd: 0 });
  });
});

describe('exit codes', () => {
  it.each([
    ['an unknown command', ['fly'], /unknown command/],
    ['an unknown flag', ['run', 'photos', '--fast'], /unknown option/],
    ['no input', ['run'], /name a file or folder/],
    ['a threshold above 1', ['run', 'photos', '--threshold', '1.5'], /from 0 to 1/],
    ['no whole number', ['run', 'photos', '--max-attempts', '2.5'], /whole number/],
    ['a lane that there is not', ['run', 'photos', '--lane', 'fast'], /Allowed choices/],
    ['a recipe that there is not', ['run', 'photos', '--recipe', 'paint'], /no recipe "paint"; use one of: fidelity/],
    ['settings that do not fit', ['run', 'photos', '--aspect-ratio', 'wide'], /aspectRatio: must look like 1:1/],
    ['too many rounds', ['run', 'photos', '--max-attempts', '50'], /maxAttempts/],
    ['a state that there is not', ['show', '--state', 'happy'], /Allowed choices/],
    ['an export format that there is not', ['export', '--format', 'pdf'], /Allowed choices/],
    ['a prompt file that there is not', ['run', 'photos', '--prompt-file', 'none.txt'], /none\.txt cannot be read/],
    ['a settings file that there is not', ['list', '--config', 'none.yaml'], /none\.yaml cannot be read/],
    ['cancel without a batch', ['cancel'], /missing required argument/],
  ])('2 for %s', async (_, args, message) => {
    const { calls } = world.server.counts;
    const end = await world.cli(...args, '--json');
    expect(end).toMatchObject({ code: 2, stdout: '' });
    expect(end.stderr).toMatch(message);
    expect(end.stderr).not.toMatch(/\n\s+at /);
    expect(world.server.counts.calls).toBe(calls);
  });

  it.each([
    ['a folder that is not there', ['run', 'nowhere'], /nowhere/],
    ['a batch that there is not', ['show', '20200101-000000-none'], /no batch 20200101-000000-none/],
    ['an item that there is not', ['show', '--item', 'none.png'], /no item none\.png/],
    ['a file that cannot be written', ['export', '--output', 'no/such/folder/x.json'], /cannot be written/],
    ['a finished batch that is cancelled', ['cancel', 'BATCH'], /nothing to cancel/],
  ])('1 for %s, with one sentence', async (_, args, message) => {
    const end = await world.cli(...args.map((arg) => (arg === 'BATCH' ? run.batch_id : arg)), '--json');
    expect(end).toMatchObject({ code: 1, stdout: '' });
    expect(end.stderr).toMatch(message);
    expect(end.stderr.trim().split('\n')).toHaveLength(1);
  });

  it('3 when an item ended as error, and says what to do', async () => {
    const other = await cliWorld(['bad-first.png', 'good-first.png'], {
      respond: (call) =>
        stepOf(call) === 'describe' && itemOf(call).includes('bad') ? blockedReply('OTHER') : respondToFidelity(call),
    });
    const end = await other.cli(...other.run('--json'));
    expect(end.code).toBe(3);
    expect(end.stderr).toMatch(/! bad-first\.png .*prompt_blocked/);
    expect(end.stderr).toContain('--errors` takes the 1 that ended as error again');
    expect(JSON.parse(end.stdout)).toMatchObject({ state: 'finished', counts: { passed: 1, error: 1 } });
  });

  it('3 below --min-pass-rate, 0 at it', async () => {
    const resume = (rate: string) => world.cli('resume', run.batch_id, '--quiet', '--min-pass-rate', rate);
    expect((await resume('0.67')).code).toBe(3);
    expect((await resume('0.66')).code).toBe(0);
  });

  it('0 for help', async () => {
    const end = await world.cli('run', '--help');
    expect(end).toMatchObject({ code: 0, stderr: '' });
    expect(end.stdout).toContain('--max-attempts');
  });
});

describe('run --dry-run', () => {
  it('makes no call and no batch, and names what would be refused', async () => {
    const other = await cliWorld(['a-first.png', 'b-first.png']);
    writeFileSync(join(other.photos, 'empty.jpg'), '');
    writeFileSync(join(other.photos, 'broken.png'), readFileSync(join(other.photos, 'a-first.png')).subarray(0, 70));
    writeFileSync(join(other.photos, 'notes.txt'), 'hello');
    const plan = await other.json<Record<string, unknown>>(...other.run('--dry-run'));
    expect(plan).toEqual({
      ...{ dry_run: true, recipe: 'fidelity', simulated: false, items: 2 },
      refused: [
        { source: join(other.photos, 'broken.png'), code: 'corrupt_image', message: expect.any(String) },
        { source: join(other.photos, 'empty.jpg'), code: 'empty_file', message: expect.any(String) },
      ],
      ...{ ignored: { 'not a picture': 1 }, models: expect.any(Array), unpriced: [], calls: { least: 10, most: 18 } },
      ...{ copies: 0, based_on: 0, choice: { lane: 'standard', reason: expect.any(String) } },
      lanes: ['standard', 'flex', 'batch'].map((lane) => expect.objectContaining({ lane })),
    });
    const text = await other.cli(...other.run('--dry-run'));
    expect(text.stdout).toContain('Would work on 2 items with ');
    expect(text.stdout).toContain('10 to 18 calls');
    expect(text.stdout).toMatch(/^batch +\d+ +\d+ +\d\.\d{4} \(/m);
    expect((await other.cli('estimate', other.photos)).stdout).toBe(text.stdout);
    expect(text.stdout).toMatch(/refused {2}\S+empty\.jpg {2}empty_file: /);
    expect(await other.json('list')).toEqual([]);
    expect(other.server.counts.calls).toBe(0);
    expect(existsSync(other.output)).toBe(false);
  });
});

describe('commands that look at a batch', () => {
  it('list shows every batch, newest first', async () => {
    const list = await world.json<RunDocument[]>('list');
    expect(list.length).toBeGreaterThan(2);
    expect(list.at(-1)).toEqual(await world.json('show', run.batch_id));
    const seconds = list.map((batch) => batch.batch_id.slice(0, 15));
    expect(seconds).toEqual([...seconds].sort().reverse());
    expect(await world.json('list', '--limit', '1')).toEqual(list.slice(0, 1));
    const { stdout } = await world.cli('list');
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(
      /^\d{8}-\d{6}-\w{4} +finished +fidelity +2 of 3 passed +Mugs +\$0\.2/,
    );
  });

  it('show lists items, and the journal of one', async () => {
    const { stdout } = await world.cli('show', run.batch_id);
    expect(stdout).toContain(`${run.batch_id}  Mugs  fidelity  finished`);
    for (const name of photoNames(3)) expect(stdout).toContain(name);
    const failed = await world.cli('show', run.batch_id, '--state', 'failed');
    expect(failed.stdout).toContain('002-never.png');
    expect(failed.stdout).not.toContain('000-first.png');

    const journal = await world.json<Journal>('show', run.batch_id, '--item', '001-second.png');
    expect(journal.item).toMatchObject({ name: '001-second.png', state: 'passed' });
    const keys = ['describe', 'questions', 'entailment', 'generate', 'judge', 'generate:1', 'judge:1'];
    expect(journal.steps.map((step) => step.key)).toEqual(keys);
    const text = await world.cli('show', run.batch_id, '--item', '001-second.png');
    expect(text.stdout).toMatch(/generate:1 .*\$0\.03/);
    expect(text.stdout).toContain('→ A product, item<001-second.png>.');
  });

  it.each([
    ['json', (text: string) => expect(JSON.parse(text).results).toHaveLength(3)],
    [
      'jsonl',
      (text: string) =>
        expect(
          text
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line).status)
            .sort(),
        ).toEqual(['failed', 'passed', 'passed']),
    ],
    ['csv', (text: string) => expect(text.trimEnd().split('\n')).toHaveLength(4)],
    ['markdown', (text: string) => expect(text).toMatch(/002.never/)],
    ['junit', (text: string) => expect(text).toMatch(/<testsuites?[\s\S]*tests="3"/)],
  ])('export --format %s prints the results, or writes them', async (format, check) => {
    const printed = await world.cli('export', run.batch_id, '--format', format);
    expect(printed).toMatchObject({ code: 0, stderr: '' });
    check(printed.stdout);
    const written = await world.cli('export', run.batch_id, '--format', format, '--output', `out.${format}`);
    expect(written).toMatchObject({ code: 0, stdout: '', stderr: `Wrote ${join(world.root, `out.${format}`)}\n` });
    expect(readFileSync(join(world.root, `out.${format}`), 'utf8')).toBe(printed.stdout);
  });

  it('report prints the path of the page, or why there is none yet', async () => {
    expect(await world.cli('report', run.batch_id)).toMatchObject({ code: 0, stdout: `${run.report}\n` });
    expect(await world.json('report', run.batch_id)).toEqual({ batch_id: run.batch_id, report: run.report });
    const refused = await cliWorld(photoNames(1), { faults: () => googleError(403, 'PERMISSION_DENIED', 'No.') });
    await refused.cli(...refused.run('--quiet'));
    const none = await refused.cli('report');
    expect(none).toMatchObject({ code: 1, stdout: '' });
    expect(none.stderr).toMatch(/is paused and has no report yet; `proofsheet resume \S+` finishes it/);
  });

  it('watch and resume of a finished batch give its document', async () => {
    const document = { batch_id: run.batch_id, state: 'finished', calls: 21, counts: run.counts };
    expect(await world.json('watch', run.batch_id)).toMatchObject(document);
    expect(await world.json('resume', run.batch_id)).toMatchObject(document);
  });
});

describe('doctor', () => {
  it('says what works', async () => {
    const checks = await world.json<{ what: string; ok: boolean }[]>('doctor');
    expect(checks.every((check) => check.ok)).toBe(true);
    expect(checks.map((check) => check.what)).toEqual(
      expect.arrayContaining(['Node.js', 'state folder', 'API key', 'prices']),
    );
    const text = await world.cli('doctor');
    expect(
      text.stdout
        .trimEnd()
        .split('\n')
        .every((line) => line.startsWith('✔ ')),
    ).toBe(true);
  });

  it('says what does not, and ends with 1', async () => {
    const refused = await cliWorld([], { keys: ['another'] });
    const end = await refused.cli('doctor');
    expect(end.code).toBe(1);
    expect(end.stdout).toMatch(/✘ API key: .*fix them/);
    expect(end.stdout).not.toContain('test ');
  });
});

interface Journal {
  item: { name: string };
  steps: { key: string }[];
}
