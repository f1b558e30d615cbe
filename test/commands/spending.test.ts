import { expect, it } from 'vitest';
import type { RunDocument } from '../../functions/report/report-format.ts';
import { cliWorld, photoNames } from '../support/cli.ts';
import { googleError } from '../support/gemini-replies.ts';

it('stops a run at its ceiling, says how far it came, and goes on with a higher one', async () => {
  const world = await cliWorld(photoNames(6));
  const stopped = await world.cli(...world.run('--json', '--max-spend', '0.4', '--max-concurrent', '3'));
  expect(stopped.code).toBe(1);
  expect(stopped.stderr).toMatch(
    /Stopped: The spend ceiling of the batch, \$0\.4000, .* of 6 items are done, the others/,
  );
  const batch: RunDocument = JSON.parse(stopped.stdout);
  expect(batch.state).toBe('paused');
  expect(batch.cost_usd ?? 1).toBeLessThanOrEqual(0.4);
  const paid = world.server.counts.calls;
  expect(paid).toBeGreaterThan(0);

  const resumed = await world.cli('resume', '--max-spend', '$20', '--json');
  expect(resumed.stderr).toMatch(/Estimate \$0\.\d+ from typical calls; actual [+-]\d/);
  const done: RunDocument = JSON.parse(resumed.stdout);
  expect(done).toMatchObject({
    batch_id: batch.batch_id,
    state: 'finished',
    counts: { total: 6, passed: 4, failed: 2 },
  });
  expect(world.server.counts.calls).toBe(done.calls);
});

it('refuses a ceiling that is no amount, and one for a model of unknown price', async () => {
  const world = await cliWorld(photoNames(1), {}, { env: { TEXT_MODEL: 'gemini-of-tomorrow' } });
  expect((await world.cli(...world.run('--max-spend', 'much'))).code).toBe(2);
  const unknown = await world.cli(...world.run('--max-spend', '5'));
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain('The price of gemini-of-tomorrow is unknown');
  expect(world.server.counts.calls).toBe(0);
  expect((await world.cli(...world.run('--max-spend', '5', '--assume-price', '0.01'))).code).toBe(0);
});

it('asks the flex lane for every call and takes those that it turns away to the standard lane', async () => {
  const tiers: (string | undefined)[] = [];
  const world = await cliWorld(photoNames(1), {
    faults({ kind, body }) {
      tiers.push(body.serviceTier);
      const isShed = body.serviceTier === 'flex' && kind === 'image';
      return isShed ? googleError(503, 'UNAVAILABLE', 'Shed.') : undefined;
    },
  });
  const run = await world.json(...world.run('--lane', 'flex'));
  expect(run).toMatchObject({ state: 'finished', lane: 'flex', counts: { error: 0 } });
  const standard = tiers.filter((tier) => tier !== 'flex').length;
  expect(standard).toBeGreaterThan(0);
  expect(tiers.length - standard).toBeGreaterThan(3 * standard);
});
