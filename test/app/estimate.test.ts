import { expect, it } from 'vitest';
import { planBatch } from '../../functions/app/plan-batch.ts';
import { startBatch } from '../../functions/app/start-batch.ts';
import { compareWithEstimate } from '../../functions/report/measured-work.ts';
import { photoNames } from '../support/cli.ts';
import { waveWorld } from '../support/wave-world.ts';

it('estimates a batch from an earlier one within a tenth, and the report holds it against what was paid', async () => {
  const world = await waveWorld({ photos: photoNames(36), lane: 'standard' });
  const { app, platform } = world;
  const request = world.request();
  const first = await startBatch(app, { ...request, selection: { ...request.selection, limit: 12 } });
  // Nothing like it was worked off before, so that this is a guess.
  expect(first.batch.expected).toMatchObject({ basedOn: 0 });
  const measured = await world.workOff(app, first.batch.id);
  expect(measured.measured).toMatchObject({ items: 12, rounds: expect.any(Number) });

  const plan = await planBatch(app, request);
  expect(plan.basedOn).toBe(12);
  const { batch } = await startBatch(app, request);
  const ended = await world.workOff(app, batch.id);
  const counts = await platform.batches.counts(batch.id);
  expect(counts).toMatchObject({ total: 36, skipped: 12 });
  const compared = compareWithEstimate(ended, counts, ended.measured?.items ?? 0);
  expect(compared).toMatchObject({ basedOn: 12, actual: counts.costNano });
  expect(Math.abs(compared?.error ?? 1)).toBeLessThan(0.1);
  // The plan took all 36 for new.
  const standard = plan.lanes?.find(({ lane }) => lane === 'standard');
  expect((standard?.usd?.likely ?? 0) * 1e9).toBeCloseTo((compared?.estimated.likely ?? 0) * 1.5, -5);
  const page = new TextDecoder().decode(await app.files.read(ended.report ?? '', { maxBytes: 10_000_000 }));
  expect(page).toContain('Estimate');
  expect(page).toMatch(/actual [+−]\d+\.\d %/);
});
