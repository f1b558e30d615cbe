import { describe, expect, it } from 'vitest';
import { cancelBatch, resumeBatch } from '../../functions/app/control-batch.ts';
import { settledOf } from '../../functions/domain/batch.ts';
import type { JobScript } from '../support/batch-api.ts';
import { photoNames } from '../support/cli.ts';
import { callsFor, endOf } from '../support/fidelity-responder.ts';
import { googleError, jsonReply, rateLimited } from '../support/gemini-replies.ts';
import { type WaveWorldOptions, waveWorld } from '../support/wave-world.ts';

const PHOTOS = ['a.png', 'b.png', 'c.png', 'd.png'];

/** A batch of one call for each of four photos, worked off to its end. */
async function worked(of: Partial<WaveWorldOptions> & { script?: (n: number) => JobScript } = {}) {
  const { script, ...options } = of;
  const api = { ...(script && { script: ({ n }: { n: number }) => script(n) }), ...options.api };
  const world = await waveWorld({ photos: PHOTOS, oneCall: true, ...options, api });
  const batch = await world.start(world.app);
  const { state } = await world.workOff(world.app, batch.id);
  const paid = world.api.jobs.flatMap((job) => job.paid);
  return { world, batch, state, paid, counts: await world.platform.batches.counts(batch.id) };
}

describe('the batch lane', () => {
  it('gives items what the standard lane gives them, in few jobs and at half the price', async () => {
    const names = photoNames(24);
    const waves = { canary: { calls: 4, above: 12 } };
    const ends = async (lane: 'standard' | 'batch') => {
      const world = await waveWorld({ photos: names, lane, waves, workers: 16 });
      const batch = await world.start(world.app);
      expect((await world.workOff(world.app, batch.id)).state).toBe('finished');
      const counts = await world.platform.batches.counts(batch.id);
      return { world, counts, items: await world.ends(batch.id), waves: await world.platform.waves.list(batch.id) };
    };
    const standard = await ends('standard');
    const batch = await ends('batch');
    const calls = names.reduce((sum, name) => sum + callsFor(name), 0);
    const withoutLane = ({ items }: typeof batch) =>
      items.map((item) => ({ ...item, steps: item.steps.map(({ key, outcome }) => ({ key, outcome })) }));
    expect(withoutLane(batch)).toEqual(withoutLane(standard));
    expect(batch.items.flatMap(({ steps }) => steps.map(({ lane }) => lane))).toEqual(Array(calls).fill('batch'));
    expect(batch.counts).toEqual({ ...standard.counts, costNano: standard.counts.costNano / 2 });
    expect(batch.counts.costNano).toBeGreaterThan(0);
    expect(batch.world.api.jobs.flatMap((job) => job.paid)).toHaveLength(calls);
    expect(batch.world.server.counts.calls).toBe(0);
    // Three attempts: describe, questions, filter, then generate and judge in each. What went ahead is sent beside these.
    const canaries = batch.waves.filter((wave) => wave.canary);
    expect(batch.waves.length - canaries.length).toBeLessThanOrEqual(3 * 3);
    expect(canaries.map(({ model, kinds, calls: size }) => ({ model, kinds, size }))).toEqual([
      { model: 'text', kinds: ['text'], size: 4 },
      { model: 'text', kinds: ['json'], size: 4 },
      { model: 'image', kinds: ['image'], size: 4 },
      { model: 'judge', kinds: ['json'], size: 4 },
    ]);
  }, 60_000);

  it('keeps a copy of what came back', async () => {
    const { world, batch } = await worked({ script: () => ({ looks: 5 }) });
    const [wave] = await world.platform.waves.list(batch.id);
    expect(wave).toMatchObject({ state: 'done', completed: 4, came: { answered: 4, useful: 4, again: 0, direct: 0 } });
    const uri = world.platform.files.join(batch.outputDir, 'batch_jobs', 'wave_0001_results.jsonl');
    const copy = new TextDecoder().decode(await world.platform.files.read(uri, { maxBytes: 1e6 }));
    expect(copy.trim().split('\n')).toHaveLength(4);
    expect(await world.platform.waves.calls(batch.id, { state: 'answered', limit: 9 })).toEqual([]);
  });

  it.each<[string, JobScript]>([
    ['in another order', { shuffled: true }],
    ['some of them twice', { line: (n) => (n % 2 ? 'twice' : 'answered') }],
    ['inside the job', { inline: true }],
    ['of a job that succeeded in part', { end: 'PARTIALLY_SUCCEEDED' }],
  ])('takes answers %s', async (_, script) => {
    const { paid, counts, state } = await worked({ script: () => script });
    expect({ state, paid: paid.length, ...counts }).toMatchObject({ state: 'finished', paid: 4, passed: 4, calls: 4 });
  });

  it.each<[string, JobScript]>([
    ['missing', { line: (n) => (n < 2 ? 'missing' : 'answered') }],
    ['refused for now', { line: (n) => (n < 2 ? { code: 14, message: 'overloaded' } : 'answered') }],
    ['lost when the job expired', { end: 'EXPIRED', line: (n) => (n < 2 ? 'missing' : 'answered') }],
  ])('sends again what was %s, and nothing else', async (_, script) => {
    const { world, paid, counts } = await worked({ script: (n) => (n === 1 ? script : {}) });
    expect(counts).toMatchObject({ passed: 4, calls: 4 });
    expect(world.api.jobs.map(({ keys }) => keys.length)).toEqual([4, 2]);
    expect(new Set(paid).size).toBe(paid.length);
    expect(world.server.counts.calls).toBe(0);
  });

  it('makes a call alone that jobs refuse, which says what is wrong with it', async () => {
    const refused = { code: 3, message: 'Unable to process input image' };
    const { world, counts } = await worked({ script: () => ({ line: (n) => (n === 1 ? refused : 'answered') }) });
    expect(counts).toMatchObject({ passed: 4, calls: 4 });
    expect(world.api.jobs).toHaveLength(1);
    expect(world.server.counts.paid).toBe(1);
  });

  it.each([['FAILED'], ['EXPIRED'], ['CANCELLED']])(
    'gives a job that ended as %s two more chances, then calls alone',
    async (end) => {
      const script = { end, line: () => 'missing' as const, error: 'out of capacity' };
      const { world, counts } = await worked({ script: () => script });
      expect(world.api.jobs).toHaveLength(3);
      expect(counts).toMatchObject({ passed: 4, calls: 4 });
      expect(world.server.counts.paid).toBe(4);
    },
  );

  it('stops for a person instead of paying many calls at twice the price', async () => {
    const script = () => ({ end: 'FAILED', error: 'out of capacity' });
    const waves = { canary: { calls: 1, above: 3 } };
    const world = await waveWorld({ photos: PHOTOS, oneCall: true, api: { script }, waves });
    const batch = await world.start(world.app);
    expect(await world.workOff(world.app, batch.id)).toMatchObject({
      state: 'paused',
      pause: { code: 'malformed_answer' },
    });
    expect(world.server.counts.calls).toBe(0);
  });

  it('never believes a listing that a job is gone, and the service when it says so', async () => {
    const hidden = await worked({ api: { listed: () => false }, script: () => ({ looks: 3 }) });
    expect(hidden.world.api.jobs).toHaveLength(1);
    expect(hidden.counts).toMatchObject({ passed: 4, calls: 4 });

    const world = await waveWorld({ photos: PHOTOS, oneCall: true, api: { script: () => ({ looks: 2 }) } });
    const batch = await world.start(world.app);
    while (world.api.jobs.length === 0) await world.round(world.app, batch.id);
    world.api.forget(world.api.jobs[0]?.name ?? '');
    await world.workOff(world.app, batch.id);
    expect(world.api.counts.created).toBe(2);
    expect(await world.platform.batches.counts(batch.id)).toMatchObject({ passed: 4, calls: 4 });
  });

  it('finds a job again whose making was not answered', async () => {
    const { world, counts, paid } = await worked({ api: { creating: (n) => (n === 1 ? 'lost' : 'made') } });
    expect(world.api.jobs).toHaveLength(1);
    expect({ ...counts, paid: paid.length }).toMatchObject({ passed: 4, calls: 4, paid: 4 });
  });

  it('waits where the project has too much at the service, then sends half', async () => {
    const creating = (n: number) => (n <= 5 ? rateLimited() : 'made');
    const { world, counts, paid } = await worked({ api: { creating } });
    expect(world.api.jobs.map(({ keys }) => keys.length)).toEqual([2, 2]);
    expect({ ...counts, paid: paid.length }).toMatchObject({ passed: 4, calls: 4, paid: 4 });
  });

  it('pauses the batch with the reason when the service takes no such job', async () => {
    const creating = () => googleError(400, 'INVALID_ARGUMENT', 'This model does not take batches.');
    const world = await waveWorld({ photos: PHOTOS, oneCall: true, api: { creating } });
    const batch = await world.start(world.app);
    const { state, pause } = await world.workOff(world.app, batch.id);
    expect({ state, ...pause }).toMatchObject({
      state: 'paused',
      message: expect.stringContaining('does not take batches'),
    });
  });

  it.each(['cut', 'shortened'] as const)('fetches results again that came %s', async (how) => {
    const { world, counts, paid } = await worked({ api: { downloading: (n) => (n <= 2 ? how : 'whole') } });
    expect(world.api.counts.downloads).toBe(3);
    expect({ ...counts, paid: paid.length }).toMatchObject({ passed: 4, calls: 4, paid: 4 });
  });

  it('goes on with an upload that broke off', async () => {
    const { world, counts } = await worked({ api: { uploading: (part) => (part === 1 ? 'broken' : 'kept') } });
    expect(world.api.counts.parts).toBe(2);
    expect(counts).toMatchObject({ passed: 4, calls: 4 });
  });

  it('sends a few calls ahead, and nothing more where these are of no use', async () => {
    const waves = { canary: { calls: 2, above: 3 } };
    const respond = () => jsonReply({ nonsense: true }, { finishReason: 'MAX_TOKENS' });
    const world = await waveWorld({ photos: PHOTOS, oneCall: true, api: { respond }, waves });
    const batch = await world.start(world.app);
    expect(await world.workOff(world.app, batch.id)).toMatchObject({ state: 'paused' });
    expect(world.api.jobs.map(({ keys }) => keys.length)).toEqual([2]);
  });

  it('cancels its jobs, and pays nothing twice when it is resumed', async () => {
    const script = ({ n }: { n: number }): JobScript => (n === 1 ? { looks: 1000 } : {});
    const world = await waveWorld({ photos: PHOTOS, oneCall: true, api: { script } });
    const batch = await world.start(world.app);
    while (world.api.jobs.length === 0) await world.round(world.app, batch.id);
    await cancelBatch(world.app, batch.id);
    expect(world.api.jobs[0]?.cancelled).toBe(true);
    expect((await world.workOff(world.app, batch.id)).state).toBe('cancelled');
    await resumeBatch(world.app, batch.id, { failed: false, errors: false });
    expect((await world.workOff(world.app, batch.id)).state).toBe('finished');
    const paid = world.api.jobs.flatMap((job) => job.paid);
    const counts = await world.platform.batches.counts(batch.id);
    expect({ ...counts, paid: paid.length }).toMatchObject({ passed: 4, calls: 4, paid: 4 });
  });

  it('makes what is late for its deadline call by call', async () => {
    const world = await waveWorld({
      photos: PHOTOS,
      oneCall: true,
      deadlineAfterMs: 3_600_000,
      api: { script: () => ({ looks: 100_000 }) },
    });
    const batch = await world.start(world.app);
    const begun = world.clock.now();
    expect((await world.workOff(world.app, batch.id)).state).toBe('finished');
    expect(world.clock.now() - begun).toBeLessThanOrEqual(3_600_000);
    expect(world.api.jobs).toMatchObject([{ cancelled: true, paid: [] }]);
    const counts = await world.platform.batches.counts(batch.id);
    expect(counts).toMatchObject({ passed: 4, calls: 4 });
    expect(settledOf(counts)).toBe(4);
    expect(world.server.counts.paid).toBe(4);
  });

  it('works an item off whose pictures fail, like any other lane', async () => {
    const names = ['a-first.png', 'b-never.png'];
    const world = await waveWorld({ photos: names });
    const batch = await world.start(world.app);
    await world.workOff(world.app, batch.id);
    const ends = await world.ends(batch.id);
    expect(ends.map(({ name, state, score }) => ({ name, status: state, score }))).toEqual(
      names.map((name) => ({ name, ...endOf(name) })),
    );
  });
});
