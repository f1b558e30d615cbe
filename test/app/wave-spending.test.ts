import { expect, it } from 'vitest';
import { resumeBatch } from '../../functions/app/control-batch.ts';
import { batchAccount } from '../../functions/domain/budget.ts';
import { photoNames } from '../support/cli.ts';
import { callsFor } from '../support/fidelity-responder.ts';
import { waveWorld } from '../support/wave-world.ts';

it('holds the money of a wave before its job is made, sends less of it where that is short, and goes on with more', async () => {
  const names = photoNames(4);
  const calls = names.reduce((sum, name) => sum + callsFor(name), 0);
  const world = await waveWorld({ photos: names, maxSpendNano: 300_000_000 });
  const { id } = await world.start(world.app);
  const { budgets, batches } = world.platform;
  let most = 0;
  for (let raised = 0; ; raised += 1) {
    for (let n = 0; n < 400 && (await batches.get(id))?.state === 'running'; n += 1) {
      await world.round(world.app, id);
      const { spent, held } = await budgets.standing(batchAccount(id));
      most = spent + held;
      expect(most).toBeLessThanOrEqual((await batches.get(id))?.run.maxSpendNano ?? 0);
    }
    const batch = await batches.get(id);
    if (batch?.state !== 'paused') break;
    expect(batch.pause).toMatchObject({ code: 'budget' });
    expect(raised).toBeLessThan(20);
    const spend = { maxSpendNano: (batch.run.maxSpendNano ?? 0) + 200_000_000 };
    await resumeBatch(world.app, id, { failed: false, errors: false, spend });
  }
  expect(await batches.get(id)).toMatchObject({ state: 'finished' });
  const counts = await batches.counts(id);
  expect(counts).toMatchObject({ error: 0, calls });
  // Everything that was paid is accounted for, at the price of the batch lane.
  expect(await budgets.standing(batchAccount(id))).toEqual({ spent: counts.costNano, held: 0 });
  expect(world.api.jobs.flatMap((job) => job.paid)).toHaveLength(calls);
  expect(world.server.counts.calls).toBe(0);
});
