import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type BatchApiOptions, batchApi } from '../support/batch-api.ts';
import { describeEmulated } from '../support/describe-emulated.ts';
import { callsFor, endOf, respondToFidelity } from '../support/fidelity-responder.ts';
import { type StackWorld, stackWorld } from '../support/stack-world.ts';

const WAIT = { timeout: 100_000, interval: 20 };

describeEmulated('the functions in the batch lane', () => {
  const script: BatchApiOptions['script'] = () => ({ looks: 1, shuffled: true });
  const api = batchApi({ respond: respondToFidelity, script });
  let world: StackWorld;
  beforeAll(async () => {
    world = await stackWorld({
      gemini: { also: api.handle },
      stack: { tickMs: 500 },
      env: { BATCH_POLL_SECONDS: '0.2' },
    });
  });
  afterAll(() => world?.close());

  it('work a whole drop off without a person, through restarts of every one of them', async () => {
    const names = ['a-first.png', 'b-first.png', 'c-second.png'];
    const calls = names.reduce((sum, name) => sum + callsFor(name), 0);
    await world.put('inbox', 'night/batch.json', Buffer.from(JSON.stringify({ lane: 'batch', expect: names.length })));
    await world.photos('night', names, 'inbox');
    const { batch_id: id } = await world.batchNamed('night');
    for (const [n, victim] of (['control', 'process', 'bucket', 'finalize', 'control', 'api'] as const).entries()) {
      await vi.waitFor(() => expect(api.jobs.length).toBeGreaterThan(n), WAIT);
      world.stack.functions[victim].kill('SIGKILL');
    }
    await world.stack.ready();
    const batch = await world.batchWhen(id, ({ state }) => state === 'finished');
    expect(batch).toMatchObject({ counts: { total: 3, passed: 3, failed: 0, error: 0 }, calls });
    for (const { name, status } of await world.rows(id))
      expect({ name, status }).toEqual({ name, status: endOf(name).status });
    const paid = api.jobs.flatMap((job) => job.paid);
    expect({ paid: paid.length, different: new Set(paid).size, single: world.gemini.counts.calls }).toEqual({
      paid: calls,
      different: calls,
      single: 0,
    });
    expect(new Set(api.jobs.map(({ displayName }) => displayName)).size).toBe(api.jobs.length);
  }, 240_000);
});
