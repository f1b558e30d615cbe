import { describe, expect, it } from 'vitest';
import { photoNames } from '../support/cli.ts';
import { callsFor } from '../support/fidelity-responder.ts';
import { waveWorld } from '../support/wave-world.ts';

describe('the batch lane', () => {
  it('works the whole recipe off in shared waves', async () => {
    const names = photoNames(6);
    const world = await waveWorld({ photos: names });
    const batch = await world.start(world.app);
    const { state } = await world.workOff(world.app, batch.id);
    expect(state).toBe('finished');
    const calls = names.reduce((sum, name) => sum + callsFor(name), 0);
    expect(await world.platform.batches.counts(batch.id)).toMatchObject({
      total: 6,
      passed: 4,
      failed: 2,
      error: 0,
      calls,
    });
    expect(world.api.jobs.flatMap((job) => job.paid)).toHaveLength(calls);
    expect(world.api.jobs.length).toBeLessThanOrEqual(9);
    expect(world.server.counts.calls).toBe(0);
  });
});
