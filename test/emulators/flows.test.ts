import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { SIMULATED_SETTINGS } from '../../functions/platform/local/model-router.ts';
import { cliWorld, photoNames } from '../support/cli.ts';
import { describeEmulated } from '../support/describe-emulated.ts';
import { callsFor, endOf, itemOf, respondToFidelity, stepOf } from '../support/fidelity-responder.ts';
import { jsonReply, type Reply } from '../support/gemini-replies.ts';
import type { Call } from '../support/gemini-server.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { BUCKETS } from '../support/stack.ts';
import { type StackWorld, stackWorld } from '../support/stack-world.ts';

const PRODUCTS = fileURLToPath(new URL('../../../shared/data/products', import.meta.url));

const BETTER = 'in plain daylight';

/** Proposes a wording with which every picture passes. */
function respond(call: Call): Reply {
  if (call.system.includes('improve the prompt')) {
    return jsonReply({ diagnosis: 'It asks for too much.', direction: 'simpler', prompt: BETTER });
  }
  const isMended = stepOf(call) === 'generate' && call.prompt.includes(BETTER);
  return respondToFidelity(
    isMended ? { ...call, kind: 'image', prompt: call.prompt.replaceAll('never', 'first') } : call,
  );
}

const WAIT = { timeout: 100_000, interval: 20 };

describeEmulated('the functions', () => {
  let world: StackWorld;
  let latencyMs = 0;
  beforeAll(async () => {
    world = await stackWorld({ gemini: { latencyMs: () => latencyMs, respond } });
  });
  afterAll(() => world?.close());

  it('work a batch off that was started over HTTP, to its report', async () => {
    const names = photoNames(6);
    await world.photos('plain', names);
    const paid = world.gemini.counts.paid;
    const id = await world.start('plain/', { name: 'Plain' });
    const batch = await world.batchWhen(id, ({ state }) => state === 'finished');
    const calls = names.reduce((sum, name) => sum + callsFor(name), 0);
    expect(batch).toMatchObject({ name: 'Plain', counts: { total: 6, passed: 4, failed: 2 }, calls });
    expect(world.gemini.counts.paid - paid).toBe(calls);
    expect(batch).toMatchObject({ output_dir: `gs://output/${id}`, report: `gs://output/${id}/report.html` });
    expect((await world.rows(id)).map(({ name, status }) => ({ name, status }))).toEqual(
      names.map((name) => ({ name, status: endOf(name).status })),
    );
    const page = await world.ask(`/api/batch/report?batch_id=${id}`);
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(await page.text()).toContain('Plain');
  });

  it('find a better prompt for what failed before they close the batch, and pay for each answer once', async () => {
    await world.photos('better', ['a-first.png', 'b-never.png', 'c-never.png']);
    const paid = world.gemini.counts.paid;
    const settings = { prompt: 'in dramatic light', maxAttempts: 1 };
    const id = await world.start('better/', { settings, optimization_calls: 40 });
    const batch = await world.batchWhen(id, ({ state }) => state === 'finished');
    // Three items, a proposal, trials of three with one picture each, the old prompt once more on two; nothing for the two that were opened again.
    expect(batch).toMatchObject({ counts: { total: 3, passed: 3 }, calls: 3 * 5 + 1 + 3 * 2 + 2 * 2 });
    expect(world.gemini.counts.paid - paid).toBe(batch.calls);
    const evolution = await (await world.ask(`/api/batches/${id}/files/metadata/prompt_evolution.json`)).json();
    expect(evolution).toMatchObject({
      optimization: { versions: [{ prompt: BETTER, decision: 'adopted', recovered: 2 }] },
    });
  });

  it('work a folder off that was dropped into the bucket, once it is complete', async () => {
    const names = photoNames(6);
    await world.photos('autumn', names.slice(0, 3), 'inbox');
    const { batch_id: id } = await world.batchNamed('autumn');
    await world.batchWhen(id, ({ counts }) => counts.total > 0);
    await world.photos('autumn', names.slice(3), 'inbox');
    await world.put('inbox', 'autumn/_READY', Buffer.alloc(0));
    const batch = await world.batchWhen(id, ({ state }) => state === 'finished');
    expect(batch.counts).toMatchObject({ total: 6, passed: 4, failed: 2 });
    expect((await world.rows(id)).map(({ name }) => name)).toEqual(names);
  });

  it('give a folder of real photos the same results as one machine does', async () => {
    const local = await cliWorld([], {}, { env: { GEMINI_API_KEY: '' } });
    const photos = readdirSync(PRODUCTS);
    // A drop is told of settings that its recipe does not have.
    const { textModel, imageModel, judgeModel, judge } = SIMULATED_SETTINGS;
    const settings = { settings: { textModel, imageModel, judgeModel, judge }, expect: photos.length };
    await world.put('inbox', 'shop/batch.json', Buffer.from(JSON.stringify(settings)));
    for (const name of photos) await world.put('inbox', `shop/${name}`, readFileSync(join(PRODUCTS, name)));
    const here = await local.json('run', PRODUCTS, '--simulate', '--output-dir', local.output, '--quiet');
    const { batch_id: id } = await world.batchNamed('shop');
    const there = await world.batchWhen(id, ({ state }) => state === 'finished');
    expect(there.counts).toEqual(here.counts);
    expect(there.counts.total).toBe(9);
    const report = readFileSync(join(here.output_dir, 'results.json'), 'utf8');
    const { results } = JSON.parse(report) as { results: Awaited<ReturnType<typeof world.rows>> };
    const same = ({
      name,
      status,
      score,
      attempts,
      code,
      message,
      result,
      verdicts,
      calls,
    }: (typeof results)[number]) => ({
      ...{ name, status, score, attempts, code, message, result, verdicts, calls },
    });
    const rows = await world.rows(id);
    expect(rows.map(same)).toEqual(results.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(same));
    for (const { name, result } of rows) {
      const mine = world.stack.storage.objects.bytes(BUCKETS.output, `${id}/${result}`);
      expect(mine.equals(readFileSync(join(here.output_dir, String(result)))), name).toBe(true);
    }
  }, 240_000);

  it('end a batch that is cancelled, and go on with it when it is resumed', async () => {
    const names = photoNames(12);
    await world.photos('cancelled', names);
    latencyMs = 200;
    const id = await world.start('cancelled/');
    await world.batchWhen(id, ({ counts }) => counts.passed > 0);
    await world.json('/api/batch/cancel', { batch_id: id });
    const cancelled = await world.batchWhen(id, ({ state }) => state === 'cancelled');
    expect(cancelled.counts.cancelled).toBeGreaterThan(0);
    expect(cancelled.report).not.toBeNull();
    latencyMs = 0;
    await world.json('/api/batch/resume', { batch_id: id });
    const { counts } = await world.batchWhen(id, ({ state }) => state === 'finished');
    expect(counts).toMatchObject({ total: 12, passed: 8, failed: 4, cancelled: 0, error: 0 });
    expect(await world.recordedCalls(id)).toBeGreaterThanOrEqual(names.reduce((sum, name) => sum + callsFor(name), 0));
  });

  it('bring a batch to its end although their processes are killed at random', async () => {
    const names = photoNames(24);
    await world.photos('killed', names);
    latencyMs = 100;
    const random = seededRandom(11);
    const { paid } = world.gemini.counts;
    const least = names.reduce((sum, name) => sum + callsFor(name), 0);
    const id = await world.start('killed/');
    const victims = ['process', 'process', 'process', 'control', 'finalize', 'api'] as const;
    for (let kill = 0; kill < 8; kill++) {
      const goal = paid + ((least - 10) * (kill + random())) / 8;
      await vi.waitFor(() => expect(world.gemini.counts.paid).toBeGreaterThanOrEqual(goal), WAIT);
      const victim = victims[Math.floor(random() * victims.length)] ?? 'process';
      world.stack.functions[victim].kill(kill % 2 === 0 ? 'SIGKILL' : 'SIGTERM');
    }
    latencyMs = 0;
    await world.stack.ready();
    const batch = await world.batchWhen(id, ({ state }) => state === 'finished');
    expect(batch).toMatchObject({ counts: { total: 24, passed: 16, failed: 8, error: 0 }, calls: least });
    for (const { name, status, calls } of await world.rows(id)) {
      expect({ name, status, calls }).toEqual({ name, status: endOf(name).status, calls: callsFor(name) });
    }
    expect(await world.recordedCalls(id)).toBe(least);
    const lost = world.gemini.counts.paid - paid - least;
    // Calls under way when a process died: no more than an instance had in work.
    expect(lost).toBeLessThanOrEqual(8 * 8);
    expect(world.stack.functions.process.starts).toBeGreaterThan(1);
  }, 240_000);

  it('settle every item once, although each message comes twice and a worker sleeps through its leases', async () => {
    const names = photoNames(12);
    await world.photos('frozen', names);
    await world.stack.double('process');
    const { paid, calls } = world.gemini.counts;
    latencyMs = 150;
    const id = await world.start('frozen/');
    await vi.waitFor(() => expect(world.gemini.counts.paid - paid).toBeGreaterThan(8), WAIT);
    const thaw = world.stack.functions.process.freeze();
    latencyMs = 0;
    const least = names.reduce((sum, name) => sum + callsFor(name), 0);
    const before = await world.batchWhen(id, ({ state }) => state === 'finished');
    expect(before).toMatchObject({ counts: { total: 12, passed: 8, failed: 4, error: 0 }, calls: least });
    const recorded = await world.recordedCalls(id);
    expect(recorded).toBe(least);
    const items = await world.itemStates(id);
    // What was under way when it fell asleep.
    expect(world.gemini.counts.paid - paid).toBeGreaterThan(least);

    thaw();
    // It wakes with its calls answered; the answer to a request shows that it is at work again.
    await vi.waitFor(async () => expect((await world.awake('process')).status).toBeGreaterThan(0), WAIT);
    const underWay = () => world.gemini.counts.calls - calls - (world.gemini.counts.paid - paid);
    await vi.waitFor(() => expect(underWay()).toBe(0), WAIT);
    const after = await world.batch(id);
    expect(after).toEqual({ ...before, seconds: after.seconds });
    expect(await world.itemStates(id)).toEqual(items);
    expect(await world.recordedCalls(id)).toBe(recorded);
    // One call of each item that it had in work, none of whose answers was recorded.
    expect(world.gemini.counts.paid - paid - least).toBeLessThanOrEqual(8);
  }, 240_000);

  it('put aside what is no message', async () => {
    await world.stack.publish('control', Buffer.from('nonsense'), { kind: 'expand' });
    const aside = () => world.stack.storage.objects.list(BUCKETS.work, { prefix: 'quarantine/' }).items;
    await vi.waitFor(() => expect(aside()).toHaveLength(1), WAIT);
  });
});

describeEmulated('a picture that ends every process which takes it', () => {
  let world: StackWorld;
  let id: string;
  beforeAll(async () => {
    world = await stackWorld({
      stack: { deliveries: 5 },
      gemini: {
        async respond(call) {
          if (!itemOf(call).startsWith('poison')) return respondToFidelity(call);
          // Not before the others are done: what is in work beside it would be cut off as well.
          await world.batchWhen(id, ({ counts }) => counts.passed === 2);
          world.stack.functions.process.kill('SIGKILL');
          return respondToFidelity(call);
        },
      },
    });
  });
  afterAll(() => world?.close());

  it('is settled as error by its dead letter, and its batch ends', async () => {
    await world.photos('poisoned', ['a-first.png', 'b-first.png', 'poison.png']);
    id = await world.start('poisoned/');
    const batch = await world.batchWhen(id, ({ state }) => state === 'finished');
    expect(batch.counts).toMatchObject({ total: 3, passed: 2, error: 1 });
    const poison = (await world.rows(id)).find(({ name }) => name === 'poison.png');
    expect(poison).toMatchObject({ status: 'error', code: 'dead_lettered' });
    expect(world.stack.functions.process.starts).toBeGreaterThan(1);
    const log = world.stack.storage.objects.bytes(BUCKETS.output, `${id}/failed/poison.png_error.log`).toString();
    expect(log).toContain('dead_lettered');
  });
});
