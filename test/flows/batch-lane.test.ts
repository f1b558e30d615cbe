import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { batchApi } from '../support/batch-api.ts';
import { cliWorld } from '../support/cli.ts';
import { callsFor, respondToFidelity } from '../support/fidelity-responder.ts';
import { expectSettledOnce } from '../support/store.ts';

const NAMES = ['a-first.png', 'b-second.png'];
const CALLS = NAMES.reduce((sum, name) => sum + callsFor(name), 0);
const env = { BATCH_POLL_SECONDS: '0.1' };

it('runs in the batch lane, survives being killed while a job is under way, and is gone on with by watch', async () => {
  const api = batchApi({ respond: respondToFidelity, script: ({ n }) => (n === 2 ? { looks: 8 } : {}) });
  const world = await cliWorld(NAMES, { also: api.handle }, { env });
  const run = world.start(...world.run('--lane', 'batch'));
  await run.noted(/Wave 0002, \S+, (running|queued)\. Completed: 0\/2/);
  run.process.kill('SIGKILL');
  await run.ended;
  expect(api.jobs).toHaveLength(2);
  const watch = await world.cli('watch');
  expect(watch).toMatchObject({ code: 0 });
  const [batch] = await world.json<{ state: string; counts: object; calls: number }[]>('list');
  expect(batch).toMatchObject({ state: 'finished', counts: { passed: 2 }, calls: CALLS });
  expect(api.jobs.flatMap(({ paid }) => paid)).toHaveLength(CALLS);
  expect(world.server.counts.calls).toBe(0);
  expectSettledOnce(world.home);
});

it('has a simulated twin', async () => {
  const world = await cliWorld(NAMES, {}, { env: { ...env, GEMINI_API_KEY: '' } });
  const document = await world.json(...world.run('--lane', 'batch', '--simulate', '--recipe', 'analyze'));
  expect(document).toMatchObject({ state: 'finished', simulated: true, counts: { total: 2, passed: 2 } });
  const jobs = join(document.output_dir, 'batch_jobs');
  expect(existsSync(jobs) && readdirSync(jobs)).toEqual(['wave_0001_results.jsonl']);
});

it('refuses a deadline that makes no sense', async () => {
  const world = await cliWorld(NAMES, {}, { env });
  expect(await world.cli(...world.run('--deadline', '09:00'))).toMatchObject({ code: 2 });
  expect(await world.cli(...world.run('--lane', 'batch', '--deadline', 'soon'))).toMatchObject({ code: 2 });
});
