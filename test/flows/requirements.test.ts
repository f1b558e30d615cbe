import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunDocument } from '../../functions/report/report-format.ts';
import { type CliEnd, type CliWorld, cliWorld, writePhotos } from '../support/cli.ts';
import { respondToFidelity, stepOf } from '../support/fidelity-responder.ts';
import { blockedReply, jsonReply, textReply } from '../support/gemini-replies.ts';
import type { Call } from '../support/gemini-server.ts';
import { textOfPng } from '../support/png.ts';
import { expectSettledOnce, recordedCalls } from '../support/store.ts';
import { namesInZip } from '../support/zip.ts';

const PROMPT = 'dramatic anime style';
const BETTER = 'simple anime illustration, clean lines';

/** What a call is about: the name in a photo, or the beginning of a text. */
function fileOf({ images, prompt }: Pick<Call, 'images' | 'prompt'>): string {
  const photo = decodeURIComponent(/item<(.*)>/.exec(textOfPng(images[0]?.data ?? Buffer.alloc(0)) ?? '')?.[1] ?? '');
  return photo === '' ? (/Notes on (\w+)/.exec(prompt)?.[1] ?? '') : photo;
}

const isProposing = ({ system }: Pick<Call, 'system'>) => system.includes('improve the prompt');

/** The word "dramatic" has it refuse every third file; one file it refuses whatever is said. */
function respond(call: Call) {
  if (isProposing(call))
    return jsonReply({ diagnosis: 'One word is taken amiss.', direction: 'simpler', prompt: BETTER });
  const file = fileOf(call);
  const isRefused = file === 'hopeless.png' || (file.startsWith('odd') && call.prompt.includes('dramatic'));
  return isRefused ? blockedReply('PROHIBITED_CONTENT') : textReply(`=Result, "quoted", of ${file}`);
}

const ODD = Array.from({ length: 6 }, (_, n) => `odd-${n}.png`);
const EVEN = Array.from({ length: 11 }, (_, n) => `even-${n}.png`);

let world: CliWorld;
beforeAll(async () => {
  const ends: (() => Promise<void> | void)[] = [];
  world = await cliWorld([...ODD, ...EVEN, 'hopeless.png'], { respond }, { atEnd: (stop) => ends.push(stop) });
  return async () => {
    for (const stop of ends.reverse()) await stop();
  };
});

const read = (run: RunDocument, ...path: string[]) => readFileSync(join(run.output_dir, ...path), 'utf8');

describe('the gemini batch processor', () => {
  let end: CliEnd;
  let run: RunDocument;
  beforeAll(async () => {
    // Real variables stand above these.
    writeFileSync(join(world.root, '.env'), 'GEMINI_API_KEY=other\nMAX_CONCURRENT_REQUESTS=3\nOUTPUT_DIR=./from-env\n');
    const flags = [
      '--max-concurrent',
      '10',
      '--max-retries',
      '8',
      '--enable-prompt-optimization',
      '--archive-format',
      'zip',
    ];
    const paths = ['--input-dir', 'photos', '--output-dir', './results'];
    end = await world.cli('run', ...paths, '--prompt', PROMPT, ...flags, '--json');
    run = JSON.parse(end.stdout);
  });

  it('works with its flags and its variables', async () => {
    expect(end.code, end.stderr).toBe(3);
    expect(run).toMatchObject({ recipe: 'prompt', counts: { total: 18, passed: 17, error: 1 } });
    expect(run.output_dir).toBe(join(world.root, 'results', run.batch_id));
    const parameters = JSON.parse(read(run, 'metadata', 'parameters.json'));
    expect(parameters).toMatchObject({ run: { maxConcurrent: 10, maxRetries: 8 }, optimize: { calls: 60 } });
    const plan = await world.cli('run', '--input-dir', 'photos', '--prompt', 'another', '--dry-run');
    expect(plan).toMatchObject({ code: 0, stdout: expect.stringContaining('Would work on 18 items') });
    expect(world.server.calls.every(({ key }) => key === 'test')).toBe(true);
  });

  it('writes its folders', () => {
    const names = (folder: string) => readdirSync(join(run.output_dir, folder)).sort();
    expect(names('successful')).toEqual([...ODD, ...EVEN].map((name) => `${name}_result.txt`).sort());
    expect(names('failed')).toEqual(['hopeless.png_error.log']);
    const metadata = ['processing_stats.json', 'prompt_evolution.json', 'error_analysis.json'];
    expect(names('metadata')).toEqual(expect.arrayContaining(metadata));
    const archived = namesInZip(readFileSync(join(run.output_dir, 'archive.zip')));
    expect(archived).toEqual(expect.arrayContaining(['report.html', 'failed/hopeless.png_error.log']));
    expect(archived).toEqual([...archived].sort());
    expect(archived).not.toContain('archive.zip');
  });

  it('finds the better prompt, pays for each answer once and says what it did', () => {
    const { optimization } = JSON.parse(read(run, 'metadata', 'prompt_evolution.json'));
    expect(optimization).toMatchObject({
      prompt: PROMPT,
      failures: [{ group: 'refused', items: 7 }],
      versions: [{ prompt: BETTER, decision: 'adopted', direction: 'simpler', recovered: 6, applied_to: 7 }],
    });
    expect(world.server.calls.filter(isProposing)).toHaveLength(1);
    expect(run.calls).toBe(world.server.counts.paid);
    expect(recordedCalls(world.home) + optimization.budget.used).toBe(world.server.counts.paid);
    expect(read(run, 'report.html')).toContain('Prompt improvement');
    expectSettledOnce(world.home);
  });
});

describe('the batch command line', () => {
  let run: RunDocument;
  beforeAll(async () => {
    const docs = join(world.root, 'docs');
    mkdirSync(join(docs, 'deeper'), { recursive: true });
    for (const name of ['paper1', 'paper2', 'draft']) writeFileSync(join(docs, `${name}.txt`), `Notes on ${name}.`);
    writeFileSync(join(docs, 'deeper', 'paper3.txt'), 'Notes on paper3.');
    writeFileSync(join(docs, 'long.txt'), 'x'.repeat(3000));
    writePhotos(docs, ['odd-one.png', 'paper.png']);
    writeFileSync(
      join(world.root, 'proofsheet.yaml'),
      'maxFileSize: 2KB\nmaxConcurrent: 2\ntimeout: 30\narchiveFormat: tar\n',
    );
    const chosen = ['--pattern', '*.txt', '!draft*', '*.png', '--no-recursive', '--modified-after', '1d'];
    const { stdout, stderr } = await world.cli(
      'run',
      'docs',
      '--prompt',
      'dramatic summary',
      ...chosen,
      '--output-dir',
      'results',
      '--json',
    );
    if (stdout === '') throw new Error(stderr);
    run = JSON.parse(stdout);
  });

  it('takes the files that were chosen and leaves the others aside', async () => {
    expect(run.counts).toMatchObject({ total: 5, passed: 3, error: 1, skipped: 1 });
    expect(read(run, 'failed', 'long.txt_error.log')).toMatch(/file_too_large/);
    expect(readdirSync(run.output_dir)).toContain('archive.tar');
    const files = ['--files', 'docs/paper1.txt', 'docs/deeper/paper3.txt', 'docs/none.txt'];
    const three = await world.cli('run', ...files, '--prompt', 'Analyze', '--json', '--output-dir', 'results');
    expect(`${three.stdout}${three.stderr}`).toMatch(/none\.txt/);
  });

  it('exports JSON, CSV and Markdown with the fields that were asked for', async () => {
    const [json, csv, markdown] = await Promise.all(
      ['json', 'csv', 'markdown'].map(
        async (format) => (await world.cli('export', run.batch_id, '--format', format)).stdout,
      ),
    );
    const document = JSON.parse(json ?? '');
    expect(document).toMatchObject({
      batch_id: run.batch_id,
      parameters: { prompt: 'dramatic summary', model: 'gemini-3.1-flash-lite', directory: join(world.root, 'docs') },
      summary: { total: 5, successful: 3, failed: 1, processing_time: expect.any(Number) },
    });
    const results = Object.fromEntries(document.results.map((one: { file: string }) => [one.file, one]));
    const done = { status: 'passed', result: '=Result, "quoted", of paper1', processing_time: expect.any(Number) };
    expect(results['paper1.txt']).toMatchObject(done);
    expect(results['odd-one.png']).toMatchObject({ status: 'error', error: expect.stringMatching(/refused|block/i) });
    const rows = (csv ?? '').split('\r\n');
    expect(rows[0]).toMatch(/^file,status,result,processing_time,error,/);
    // A leading `=` would be a formula.
    expect(csv).toMatch(/^paper1\.txt,passed,"'=Result, ""quoted"", of paper1",[\d.]+,/m);
    expect(csv).toMatch(/^long\.txt,skipped,,0,/m);
    expect(markdown).toMatch(
      /^# Batch Processing Results\n\*\*Batch ID\*\*: .*\n\*\*Name\*\*.*\n\*\*Date\*\*: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d/,
    );
    expect(markdown).toMatch(/\*\*Total Files\*\*: 5 \(3 successful, 1 failed, 1 skipped\)/);
    expect(markdown).toMatch(/\n## Results\n\n### ✅ |\n### ✅ paper1\.txt\n/);
    expect(markdown).toMatch(/\n### ❌ odd-one\.png\nError: /);
  });

  it('lists, shows and resumes', async () => {
    const [listed] = (await world.json<RunDocument[]>('list')).filter(({ batch_id }) => batch_id === run.batch_id);
    expect(listed).toMatchObject({ counts: run.counts });
    const shown = await world.cli('show', run.batch_id);
    expect(shown.stdout).toMatch(/✔ paper2\.txt +[\d.]+s +.*=Result/);
    const before = world.server.counts.calls;
    const again = await world.json('resume', run.batch_id, '--errors', '--quiet');
    expect(again).toMatchObject({ batch_id: run.batch_id, counts: { passed: 3, error: 1 } });
    expect(world.server.counts.calls).toBe(before + 1);
  });

  it('generates a workflow and runs its tasks, each over what passed before', async () => {
    const made = await world.cli(
      'generate',
      'docs',
      '--pattern',
      'paper*.txt',
      '--prompt',
      'Say more',
      '--output',
      'flow.yaml',
    );
    expect(made.code, made.stderr).toBe(0);
    expect(await world.cli('generate', 'docs', '--output', 'flow.yaml')).toMatchObject({ code: 2 });
    const file = join(world.root, 'flow.yaml');
    const text = readFileSync(file, 'utf8');
    expect(text.split('\n').filter((line) => /^\s*#/.test(line)).length).toBeGreaterThan(20);
    writeFileSync(
      file,
      `${text}\n  - name: next\n    inputsFrom: { task: first, take: results }\n    prompt: Shorter\n    archiveFormat: none\n`,
    );
    const flags = ['--workflow', 'flow.yaml', '--output-dir', 'results', '--quiet'];
    const first = await world.json<{ tasks: RunDocument[] }>('run', ...flags);
    expect(first).toMatchObject({
      workflow: 'My workflow',
      tasks: [{ counts: { passed: 3 } }, { counts: { passed: 3 } }],
    });
    const second = first.tasks[1];
    expect(second && readdirSync(join(second.output_dir, 'successful'))).toContain('paper1.txt_result.txt_result.txt');
    const before = world.server.counts.calls;
    // Given again, everything is done, in the second task too.
    const again = await world.json<{ tasks: RunDocument[] }>('run', ...flags);
    expect(again.tasks).toMatchObject([{ counts: { skipped: 3 } }, { counts: { skipped: 3 } }]);
    expect(world.server.counts.calls).toBe(before);
  });

  it('points to the line and column of what is wrong in its files', async () => {
    const task =
      'name: x\ntasks:\n  - name: a\n    inputs: docs\n    promt: Hello\n    maxAttempts: many\n  - name: b\n    inputsFrom: c\n';
    writeFileSync(join(world.root, 'wrong.yaml'), task);
    const wrong = await world.cli('run', '--workflow', 'wrong.yaml');
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('line 5, column 5: tasks.0 has no member "promt"');
    expect(wrong.stderr).toContain('line 6, column 18: tasks.0.maxAttempts: It must be a number above 0.');
    writeFileSync(join(world.root, 'task.yaml'), 'tasks:\n  - name: b\n    inputsFrom: c\n');
    expect((await world.cli('run', '--workflow', 'task.yaml')).stderr).toContain(
      'line 3, column 17: tasks.0.inputsFrom: there is no task "c"',
    );
    writeFileSync(join(world.root, 'broken.yaml'), 'tasks: [\n  - }\n');
    expect((await world.cli('run', '--workflow', 'broken.yaml')).stderr).toMatch(
      /broken\.yaml, line 2, column \d+: .*no valid YAML/,
    );
    writeFileSync(join(world.root, 'settings.yaml'), 'maxConcurrent: 3\nthreshold: 7\n');
    const settings = await world.cli('list', '--config', 'settings.yaml');
    expect(settings.stderr).toContain('line 2, column 12: threshold');
  });
});

describe('pictures that are judged', () => {
  it('are judged by the prompt as it was given, whatever wording they are made with', async () => {
    const photos = ['a-first.png', 'b-first.png', 'c-never.png', 'd-never.png'];
    const steps: string[] = [];
    const pictures = await cliWorld(photos, {
      respond(call) {
        if (isProposing(call)) return respond(call);
        steps.push(stepOf(call));
        const isMended = stepOf(call) === 'generate' && call.prompt.includes(BETTER);
        return respondToFidelity(
          isMended ? { ...call, kind: 'image', prompt: call.prompt.replaceAll('never', 'first') } : call,
        );
      },
    });
    const flags = ['--recipe', 'fidelity', '--max-attempts', '2', '--enable-prompt-optimization', '--quiet'];
    const run = await pictures.json(...pictures.run('--prompt', PROMPT, ...flags));
    expect(run).toMatchObject({ counts: { total: 4, passed: 4 } });
    const { optimization } = JSON.parse(read(run, 'metadata', 'prompt_evolution.json'));
    expect(optimization.versions).toMatchObject([
      { group: 'below_threshold', decision: 'adopted', passed_after: 2, score_after: 1, held_out: { score_after: 1 } },
    ]);
    const proposal = pictures.server.calls.find(isProposing);
    expect(proposal?.prompt).toMatch(/What about part 1\? should be/);
    const count = (step: string) => steps.filter((one) => one === step).length;
    // Description and rubric once for each item; four pictures more than the first and the trials took would be paid twice.
    expect([count('describe'), count('questions'), count('entailment')]).toEqual([4, 4, 4]);
    expect(count('generate')).toBe(2 + 2 * 2 + (2 + 2 + 2 * 2));
    expect(run.calls).toBe(pictures.server.counts.paid);
    expectSettledOnce(pictures.home);
  });
});
