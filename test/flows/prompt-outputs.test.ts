import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cliWorld, writePhotos } from '../support/cli.ts';
import { imageReply, jsonReply, SMALL_PNG, textReply } from '../support/gemini-replies.ts';
import type { Call } from '../support/gemini-server.ts';
import { textOfPng } from '../support/png.ts';
import { expectSettledOnce } from '../support/store.ts';

/** Name under which the photo of a call was written. */
function photoOf({ images }: Call): string {
  const text = textOfPng(images[0]?.data ?? Buffer.alloc(0)) ?? '';
  return decodeURIComponent(/item<(.*)>/.exec(text)?.[1] ?? '');
}

describe('analyze', () => {
  const SCHEMA = {
    type: 'object',
    properties: { kind: { enum: ['mug', 'cup'] }, colours: { type: 'array', items: { type: 'string', minLength: 2 } } },
    required: ['kind', 'colours'],
    additionalProperties: false,
  };
  const ANSWERS: Record<string, unknown> = {
    'p1/a.png': { kind: 'mug', colours: ['red'] },
    'p1/b.png': { kind: 'cup', colours: ['red', 'white'] },
    'p2/c.png': { kind: 'mug', colours: ['blue'] },
    'p2/never.png': { kind: 'glass', colours: [] },
  };

  it('gives valid JSON by schema or an error, and the pictures of a post as one result', async () => {
    const world = await cliWorld([], {
      respond(call) {
        const isRepair = call.prompt.includes('could not be used');
        const good = ANSWERS[photoOf(call)] as object;
        return jsonReply(photoOf(call) === 'p2/c.png' && !isRepair ? { ...good, size: 3 } : good);
      },
    });
    writePhotos(world.photos, Object.keys(ANSWERS));
    writeFileSync(join(world.root, 'schema.json'), `\ufeff${JSON.stringify(SCHEMA)}`);
    const rows = Object.keys(ANSWERS).map((path) => `photos/${path},${path.slice(0, 2)}`);
    writeFileSync(join(world.root, 'posts.csv'), ['image,post_id', ...rows].join('\n'));
    const flags = ['--recipe', 'analyze', '--schema', 'schema.json', '--group-by', 'post_id', '--json'];
    const end = await world.cli('run', 'posts.csv', '--output-dir', world.output, ...flags);
    expect(end.code, end.stderr).toBe(3);
    const run = JSON.parse(end.stdout);
    expect(run).toMatchObject({ recipe: 'analyze', calls: 2 + 2 + 2, counts: { total: 4, passed: 3, error: 1 } });

    const repair = world.server.calls.find(({ prompt }) => prompt.includes('could not be used'));
    expect(repair?.prompt).toMatch(/must not have the property "size"|must be one of \["mug","cup"\]/);
    const told = world.server.calls[0]?.body.generationConfig?.responseJsonSchema;
    expect(told).toMatchObject({
      properties: { colours: { items: { type: 'string', description: 'Must also satisfy {"minLength":2}' } } },
    });

    const read = (...path: string[]) => readFileSync(join(run.output_dir, ...path), 'utf8');
    expect(JSON.parse(read('successful', 'c.png_result.json'))).toEqual(ANSWERS['p2/c.png']);
    expect(read('failed', 'never.png_error.log')).toMatch(/at kind\nCode +malformed_answer/);
    const report = JSON.parse(read('results.json'));
    expect(report.groups).toMatchObject([
      {
        group: 'p1',
        items: ['a.png', 'b.png'],
        result: { kind: 'mug', colours: ['red', 'white'] },
      },
      { group: 'p2', states: { passed: 1, error: 1 }, result: ANSWERS['p2/c.png'] },
    ]);
    expect(read('results.csv').trimEnd().split('\r\n')).toHaveLength(1 + 4 + 2);
    const again = await world.cli('export', run.batch_id, '--format', 'json');
    expect(JSON.parse(again.stdout).groups).toEqual(report.groups);
    expectSettledOnce(world.home);
  });
});

describe('prompt', () => {
  it('makes pictures of pictures and leaves documents aside', async () => {
    const world = await cliWorld(['mug.png'], { respond: () => imageReply() });
    writeFileSync(join(world.photos, 'notes.txt'), 'notes');
    const run = await world.json(...world.run('--prompt', 'anime style', '--output-type', 'image', '--quiet'));
    expect(run).toMatchObject({ recipe: 'prompt', calls: 1, counts: { total: 1, passed: 1 } });
    expect(world.server.calls).toMatchObject([{ kind: 'image', prompt: 'anime style' }]);
    expect(readdirSync(join(run.output_dir, 'successful'))).toEqual(['mug.png_result.png']);
    expect(readFileSync(join(run.output_dir, 'successful', 'mug.png_result.png'))).toEqual(SMALL_PNG);
  });

  it('asks about a name only where the prompt does, and once about equal files', async () => {
    const world = await cliWorld(['a.png'], { respond: () => textReply('Fine.') });
    mkdirSync(join(world.photos, 'copy'));
    copyFileSync(join(world.photos, 'a.png'), join(world.photos, 'copy', 'b.png'));
    expect((await world.json(...world.run('--prompt', 'What is it?', '--quiet'))).calls).toBe(1);
    expect(world.server.calls.map(({ prompt }) => prompt).join()).not.toMatch(/[ab]\.png/);
    expect((await world.json(...world.run('--prompt', 'What is {{name}}?', '--quiet'))).calls).toBe(2);
    const asked = world.server.calls.slice(1).map(({ prompt }) => /What is (.*)\?/.exec(prompt)?.[1]);
    expect(asked.sort()).toEqual(['a.png', 'b.png']);
  });

  it('fills in the columns of a manifest; an item without one of them is an error without a call', async () => {
    const world = await cliWorld(['a.png', 'b.png'], { respond: () => textReply('Fine.') });
    const rows = [
      { path: 'photos/a.png', title: 'Mug, blue' },
      { path: 'photos/b.png', price: 5 },
    ];
    writeFileSync(join(world.root, 'shop.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
    const run = await world.json('run', 'shop.jsonl', '--output-dir', world.output, '--prompt', 'Is it a {{title}}?');
    expect(run).toMatchObject({ calls: 1, counts: { passed: 1, error: 1 } });
    expect(world.server.calls.map(({ prompt }) => prompt)).toEqual([expect.stringContaining('Is it a Mug, blue?')]);
    const log = readFileSync(join(run.output_dir, 'failed', 'b.png_error.log'), 'utf8');
    expect(log).toMatch(/asks for \{\{title\}\}, which this item does not have \(its columns: price\)/);
  });

  it('says before anything is spent what cannot be done', async () => {
    const world = await cliWorld(['a.png']);
    const end = await world.cli(...world.run('--prompt', 'Is it a {{title}}?'));
    expect(end.code).toBe(2);
    expect(end.stderr).toMatch(/^proofsheet: The prompt asks for \{\{title\}\}, but .* change the prompt\.\n$/);
    expect(world.server.counts.calls).toBe(0);
  });
});
