import { describe, expect, it } from 'vitest';
import { claimed, sampleBatch, sampleInput } from '../contract/samples.ts';
import { tempHome } from '../support/temp-home.ts';
import { openLocal } from './local-platform.ts';
import { startTogether, startWorker } from './local-processes.ts';

async function homeWithBatch(items: number) {
  const home = await tempHome();
  const local = openLocal(home);
  const batch = sampleBatch();
  await local.platform.batches.create(batch);
  const inputs = Array.from({ length: items }, (_, index) => sampleInput(`${batch.id} ${index}`));
  await local.platform.batches.addItems(batch.id, inputs);
  return { home, local, batchId: batch.id, itemIds: inputs.map((input) => input.id) };
}

describe('several processes with one home', () => {
  it('settle each item once', async () => {
    const { home, local, batchId, itemIds } = await homeWithBatch(150);
    const job = { home, batchId, itemIds };
    const printed = await startTogether('work', [job, job, { ...job, itemIds: [...itemIds].reverse() }]);
    expect(printed.flat().sort()).toEqual(itemIds.map((id) => `settled ${id}`).sort());
    expect(await local.platform.batches.counts(batchId)).toMatchObject({ total: 150, passed: 150, calls: 450 });
    for (const item of await local.platform.batches.items(batchId, { limit: 200 })) {
      expect(item).toMatchObject({ state: 'passed', fence: 1, claims: 0 });
      expect(await local.platform.journal.steps(item)).toHaveLength(1);
    }
    await local.close();
  });

  it('add the same inputs to one batch once', async () => {
    const { home, local, batchId } = await homeWithBatch(0);
    const inputs = Array.from({ length: 60 }, (_, index) => sampleInput(`${batchId} new ${index}`));
    await startTogether('add', [
      { home, batchId, inputs },
      { home, batchId, inputs: [...inputs].reverse() },
    ]);
    expect(await local.platform.batches.counts(batchId)).toMatchObject({ total: 60, skipped: 0 });
    expect(await local.platform.batches.items(batchId, { limit: 100 })).toHaveLength(60);
    await local.close();
  });

  it('give the same work to one of two batches', async () => {
    const { home, local } = await homeWithBatch(0);
    const pair = [sampleBatch(), sampleBatch()];
    for (const batch of pair) await local.platform.batches.create(batch);
    const workKeys = Array.from({ length: 60 }, (_, index) => `shared work ${index}`);
    const printed = await startTogether(
      'add',
      pair.map(({ id }) => ({
        home,
        batchId: id,
        inputs: workKeys.map((workKey) => sampleInput(`${id} ${workKey}`, { workKey })),
      })),
    );
    const taken = printed.flat().filter((line) => line.startsWith('queued '));
    expect(taken.sort()).toEqual(workKeys.map((workKey) => `queued ${workKey}`).sort());
    await local.close();
  });

  it('take over at once what a killed process had claimed, and only that', async () => {
    const { home, local, batchId, itemIds } = await homeWithBatch(2);
    const { journal } = local.platform;
    const [dying, living] = itemIds as [string, string];
    const killed = startWorker('hold', { home, batchId, itemIds: [dying] });
    const alive = startWorker('hold', { home, batchId, itemIds: [living] });
    expect(await killed.next()).toBe('claimed');
    expect(await alive.next()).toBe('claimed');
    expect(await journal.claim(batchId, living, 1000)).toEqual({ kind: 'busy' });
    await killed.kill();
    expect(await claimed(journal, batchId, dying)).toMatchObject({ fence: 2, item: { claims: 2 } });
    expect(await journal.claim(batchId, living, 1000)).toEqual({ kind: 'busy' });
    await local.close();
  });

  it('keep what they claimed within their own process', async () => {
    const { local, batchId, itemIds } = await homeWithBatch(1);
    await claimed(local.platform.journal, batchId, itemIds[0] ?? '');
    expect(await local.platform.journal.claim(batchId, itemIds[0] ?? '', 1000)).toEqual({ kind: 'busy' });
    await local.close();
  });
});
