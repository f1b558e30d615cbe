import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { apiClient } from '../support/api-client.ts';
import { type CliWorld, cliWorld, photoNames, writePhotos } from '../support/cli.ts';
import { freePort } from '../support/emulators.ts';
import { callsFor } from '../support/fidelity-responder.ts';
import { recordedCalls } from '../support/store.ts';
import { waitUntil } from '../support/wait-until.ts';

const TOKEN = 'a-token-of-some-length';

async function serve(world: CliWorld, ...more: string[]) {
  const running = world.start('serve', '--port', '0', '--root', world.photos, '--output-dir', world.output, ...more);
  const [, url = ''] = await running.noted(/Serving (\S+);/);
  return { ...running, url };
}

it('listens to other machines only with a token that nobody guesses', async () => {
  const world = await cliWorld();
  for (const host of ['0.0.0.0', 'example.com']) {
    expect(await world.cli('serve', '--port', '0', '--host', host)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/set API_TOKEN/),
    });
  }
  const guessable = await cliWorld([], {}, { env: { API_TOKEN: 'secret' } });
  expect(await guessable.cli('serve', '--port', '0', '--host', '0.0.0.0')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/16 characters or more/),
  });
  const open = await cliWorld([], {}, { env: { API_TOKEN: TOKEN } });
  const { url } = await serve(open, '--host', '0.0.0.0');
  const here = url.replace('0.0.0.0', '127.0.0.1');
  expect((await fetch(`${here}/api/batches`)).status).toBe(401);
  expect((await fetch(`${here}/api/batches`, { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(200);
  const { port } = new URL(url);
  expect(await open.cli('serve', '--port', port)).toMatchObject({ code: 2, stderr: expect.stringMatching(/is taken/) });
});

it('makes a proof sheet of a folder that is dropped into the inbox', async () => {
  const world = await cliWorld();
  const inbox = join(world.root, 'inbox');
  const { url } = await serve(world, '--inbox', inbox);
  const api = await apiClient(url, '');
  const names = ['a-first.png', 'sub/b-second.png', 'c-never.png'];
  writePhotos(join(inbox, 'Spring'), names);
  writeFileSync(join(inbox, 'Spring', 'batch.json'), JSON.stringify({ name: 'Spring 2027', expect: names.length }));
  const dropped = async () => {
    const { batches } = (await api.get('/api/batches')).body;
    expect(batches).toHaveLength(1);
    return batches[0].batch_id;
  };
  const id = await vi.waitFor(dropped, { timeout: 30_000, interval: 50 });
  expect((await api.watch(id, { after: '0' })).at(-1)).toMatchObject({
    data: { name: 'Spring 2027', state: 'finished', counts: { total: 3, passed: 2, failed: 1 } },
  });
  expect(existsSync(join(world.output, id, 'report.html'))).toBe(true);
  const { results } = JSON.parse(readFileSync(join(world.output, id, 'results.json'), 'utf8'));
  expect(results).toHaveLength(3);
});

it('refuses an inbox in which its own results would land', async () => {
  const world = await cliWorld();
  const inbox = join(world.root, 'inbox');
  const inside = ['serve', '--port', '0', '--inbox', inbox, '--output-dir', join(inbox, 'results')];
  expect(await world.cli(...inside)).toMatchObject({ code: 2, stderr: expect.stringMatching(/would lie inside/) });
});

it('goes on after Ctrl-C and after a kill where it stood, and so do those who watch', async () => {
  const names = photoNames(12);
  const world = await cliWorld(names, { latencyMs: 30 });
  const port = await freePort();
  const begin = () => serve({ ...world, start: (...args) => world.start(...args, '--port', String(port)) });
  const ends = new Map<string, string>();
  let last: string | undefined = '0';
  const first = await begin();
  const api = await apiClient(first.url, '');
  const { batch_id: id } = (await api.post('/api/batch/start', { prefix: world.photos })).body;
  const watch = async () =>
    await api.watch(id, {
      ...(last !== undefined && { after: last }),
      cut({ id: position, event, data }) {
        last = position;
        if (event === 'item' && data.status !== 'running') ends.set(position ?? '', data.sku);
        return false;
      },
    });
  /** Nobody may be told of the end before it has come. */
  const watchInVain = () =>
    watch().then(
      () => 'complete',
      () => 'broken',
    );

  const interrupted = watchInVain();
  await waitUntil(() => ends.size >= 2);
  first.process.kill('SIGINT');
  expect((await first.ended).code).toBe(0);
  expect(world.server.counts.paid).toBe(world.server.counts.calls);
  expect(recordedCalls(world.home)).toBe(world.server.counts.paid);
  expect(await interrupted).toBe('broken');

  const second = await begin();
  const cutOff = watchInVain();
  await waitUntil(() => ends.size >= 6);
  second.process.kill('SIGKILL');
  await second.ended;
  expect(await cutOff).toBe('broken');

  const third = await begin();
  const calls = names.reduce((sum, name) => sum + callsFor(name), 0);
  expect((await watch()).at(-1)).toMatchObject({ data: { calls, counts: { total: 12, passed: 8, failed: 4 } } });
  expect([...ends.values()].sort()).toEqual(names);
  expect(recordedCalls(world.home)).toBe(calls);
  third.process.kill('SIGTERM');
  expect((await third.ended).code).toBe(0);
});
