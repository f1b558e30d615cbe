import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { expect, it, onTestFinished } from 'vitest';
import { SMALL_PNG } from '../support/gemini-replies.ts';
import { failureOf, geminiSetup, requestOf, STANDARD } from '../support/gemini-setup.ts';

it('draws pictures that are valid', async () => {
  const { info, data } = await sharp(SMALL_PNG).raw().toBuffer({ resolveWithObject: true });
  expect(info).toMatchObject({ width: 32, height: 32, channels: 3 });
  expect([...data.subarray(0, 3)]).toEqual([200, 60, 40]);
});

it('takes so many calls at once and no more', async () => {
  const { server, models } = await geminiSetup({ maxConcurrent: 3, latencyMs: 500 });
  const calls = Array.from({ length: 8 }, () => models.call(requestOf('text'), STANDARD));
  const outcomes = await Promise.allSettled(calls);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  expect(server.counts).toEqual({ calls: 8, paid: 3, rejected: 5, peak: 3 });
  expect((await failureOf(calls[7] ?? Promise.resolve())).code).toBe('rate_limited');
  // Places are free again once the answers are read.
  await models.call(requestOf('text'), STANDARD);
  expect(server.counts.paid).toBe(4);
});

it('keeps counters alone where asked, and gives each kind of call its kind of answer', async () => {
  const { server, models } = await geminiSetup({ record: false });
  expect((await models.call(requestOf('text'), STANDARD)).text).toContain('red square');
  expect((await models.call(requestOf('json'), STANDARD)).text).toBe('{"answer":"red"}');
  expect((await models.call(requestOf('image'), STANDARD)).image?.mimeType).toBe('image/png');
  expect(server.calls).toEqual([]);
  expect(server.counts).toMatchObject({ calls: 3, paid: 3 });
});

it('is a program of its own, which tells its address and its counters', async () => {
  const script = fileURLToPath(new URL('../support/gemini-server.ts', import.meta.url));
  const child = spawn(process.execPath, [script, '--latency', '1', '--max-concurrent', '10'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill());
  const [line] = await once(child.stdout, 'data');
  const baseUrl = String(line).trim();
  const { models } = await geminiSetup({}, { baseUrl });
  await models.call(requestOf('text'), STANDARD);
  const counts = await fetch(`${baseUrl}/counts`);
  expect(await counts.json()).toEqual({ calls: 1, paid: 1, rejected: 0, peak: 1 });
});
