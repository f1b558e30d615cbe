import { describe, expect, it } from 'vitest';
import { cancelBatch, resumeBatch, resumeDuePause } from '../../functions/app/control-batch.ts';
import { dispatch } from '../../functions/app/dispatch.ts';
import { isTerminal, settledOf } from '../../functions/domain/batch.ts';
import { ProofsheetError } from '../../functions/domain/errors.ts';
import type { Message } from '../../functions/domain/message.ts';
import { type AppWorldOptions, appWorld } from '../support/app-world.ts';
import { crashingPlatform, type Death } from '../support/crashing-platform.ts';
import { answer } from '../support/engine-fakes.ts';
import { seededRandom } from '../support/seeded-random.ts';

type World = Awaited<ReturnType<typeof appWorld>>;

const WINDOW = { window: 6, pageSize: 3 };
const HOUR_MS = 3_600_000;

function worldOf(texts: number, of: Partial<AppWorldOptions> = {}): Promise<World> {
  const names = Array.from({ length: texts }, (_, n) => [`${1000 + n}.txt`, `Text number ${n}.`]);
  return appWorld({ texts: Object.fromEntries(names), limits: WINDOW, ...of });
}

const isProcess = (message: Message) => message.kind === 'process';

/** Announced and unsettled, by the items themselves and the messages that were published. */
function watched(world: World) {
  const announced: string[] = [];
  const { publish } = world.messages.queue;
  world.messages.queue.publish = async (messages, options) => {
    for (const message of messages) if (message.kind === 'process') announced.push(message.itemId);
    await publish(messages, options);
  };
  return {
    announced,
    async inWork(batchId: string): Promise<number> {
      const items = await world.platform.batches.items(batchId, { limit: 1000 });
      return items.filter((item) => !isTerminal(item.state) && announced.includes(item.id)).length;
    },
  };
}

/** Hands out one message after the other, moving the clock on where none is due. */
async function oneByOne(world: World, each: (message: Message) => Promise<void>): Promise<void> {
  for (let n = 0; world.messages.waiting.length > 0; n += 1) {
    if (n > 5000) throw new Error('The batch does not come to an end.');
    const message = world.messages.take();
    if (message === undefined) {
      world.clock.advance(world.messages.nextInMs() ?? 0);
      continue;
    }
    const disposal = await dispatch(world.app, message).catch(() => ({ kind: 'retry' }) as const);
    if (disposal.kind === 'retry') await world.messages.queue.publish([message], { delayMs: 10_000 });
    await each(message);
  }
}

describe('the window of a batch', () => {
  it('never has more items announced and unsettled than it takes, and announces each once', async () => {
    const world = await worldOf(40);
    const watch = watched(world);
    const { id } = await world.start();
    let most = 0;
    await oneByOne(world, async () => {
      most = Math.max(most, await watch.inWork(id));
    });
    expect(most).toBe(WINDOW.window);
    expect(watch.announced).toHaveLength(40);
    expect(await world.platform.batches.counts(id)).toMatchObject({ total: 40, passed: 40 });
    expect((await world.platform.batches.get(id))?.state).toBe('finished');
  });

  it('lets a small batch through that was started behind a large one', async () => {
    const world = await worldOf(60);
    const large = await world.start();
    await world.deliverDue();
    world.clock.advance(1000);
    const small = await world.start({ inputs: ['/texts/1000.txt', '/texts/1001.txt'], force: true, name: 'small' });
    let settledBefore = 0;
    await oneByOne(world, async () => {
      const isDone = (await world.platform.batches.get(small.id))?.state === 'finished';
      if (!isDone) settledBefore = settledOf(await world.platform.batches.counts(large.id));
    });
    expect(settledBefore).toBeLessThanOrEqual(4 * WINDOW.window);
    expect(await world.platform.batches.counts(large.id)).toMatchObject({ total: 60, passed: 60 });
  });

  it('has a cancel end at once, and a resume go on with what was never listed', async () => {
    const world = await worldOf(40);
    const { id } = await world.start();
    await dispatch(world.app, { kind: 'expand', batchId: id });
    const paid = world.requests.length;
    await cancelBatch(world.app, id);
    await world.deliverAll();
    expect(await world.platform.batches.get(id)).toMatchObject({ state: 'cancelled' });
    expect(await world.platform.batches.counts(id)).toMatchObject({ total: 6, cancelled: 6 });
    expect(world.requests).toHaveLength(paid);
    await resumeBatch(world.app, id, { failed: false, errors: false });
    await world.deliverAll();
    expect(await world.platform.batches.get(id)).toMatchObject({ state: 'finished' });
    expect(await world.platform.batches.counts(id)).toMatchObject({ total: 40, passed: 40, cancelled: 0 });
  });

  it('holds for items that are taken again', async () => {
    let isDown = true;
    const world = await worldOf(30, {
      reply: () => {
        if (isDown) throw new ProofsheetError('safety', 'No.', { disposition: 'permanent' });
        return answer();
      },
    });
    const { id } = await world.start();
    await world.deliverAll();
    expect(await world.platform.batches.counts(id)).toMatchObject({ total: 30, error: 30 });
    isDown = false;
    const watch = watched(world);
    expect((await resumeBatch(world.app, id, { failed: false, errors: true })).reopened).toBe(30);
    let most = 0;
    await oneByOne(world, async () => {
      most = Math.max(most, await watch.inWork(id));
    });
    expect(most).toBe(WINDOW.window);
    expect(watch.announced).toHaveLength(30);
    expect(await world.platform.batches.counts(id)).toMatchObject({ total: 30, passed: 30 });
  });

  it('is none where the limit is none: all is announced in one delivery', async () => {
    const world = await worldOf(40, { limits: { pageSize: 3 } });
    const { id } = await world.start();
    await dispatch(world.app, { kind: 'expand', batchId: id });
    expect(world.messages.waiting.filter(({ message }) => isProcess(message))).toHaveLength(40);
    expect(await world.platform.batches.get(id)).toMatchObject({ sealed: true });
  });
});

describe('a planner', () => {
  it('ends its delivery in time and goes on in another where inputs are slow', async () => {
    const world = await worldOf(40, { limits: { pageSize: 3 } });
    const { read } = world.files;
    world.files.read = async (uri, limit) => {
      world.clock.advance(2_000);
      return await read(uri, limit);
    };
    const { id } = await world.start();
    const took: number[] = [];
    await oneByOne(world, async (message) => {
      if (message.kind === 'expand') took.push(world.clock.now());
    });
    expect(took.length).toBeGreaterThanOrEqual(3);
    expect(await world.platform.batches.counts(id)).toMatchObject({ total: 40, passed: 40 });
  });

  it('leaves no second chain of messages behind, however often its messages come', async () => {
    const world = await worldOf(20);
    const { id } = await world.start();
    const expands = () => world.messages.waiting.filter(({ message }) => message.kind === 'expand');
    for (let round = 0; round < 20; round += 1) {
      for (const { message } of expands()) {
        const times = 'turn' in message ? 3 : 1;
        for (let n = 0; n < times; n += 1) expect(await dispatch(world.app, message)).toEqual({ kind: 'ack' });
        world.messages.waiting.splice(
          world.messages.waiting.findIndex((waiting) => waiting.message === message),
          1,
        );
      }
      // What the sweep or a resume calls for takes the chain over.
      if (round % 5 === 4) expect(await dispatch(world.app, { kind: 'expand', batchId: id })).toEqual({ kind: 'ack' });
      world.clock.advance(world.messages.nextInMs() ?? 0);
      expect(expands().length).toBeLessThanOrEqual(2);
    }
    expect(await world.platform.batches.counts(id)).toMatchObject({ total: 6 });
    await world.deliverAll();
    expect(await world.platform.batches.counts(id)).toMatchObject({ total: 20, passed: 20 });
  });

  it('is not two at once, whenever its messages come twice', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = seededRandom(seed);
      const world = await worldOf(20);
      const watch = watched(world);
      const { id } = await world.start();
      for (let round = 0; world.messages.waiting.length > 0; round += 1) {
        if (round > 2000) throw new Error(`Seed ${seed} does not come to an end.`);
        const due = [world.messages.take(), world.messages.take()].filter((message) => message !== undefined);
        if (due.length === 0) world.clock.advance(world.messages.nextInMs() ?? 0);
        const twice = due.flatMap((message) => (random() < 0.5 ? [message, message] : [message]));
        const late = due.filter(() => random() < 0.3);
        await world.messages.queue.publish(late, { delayMs: Math.round(200_000 * random()) });
        const ends = await Promise.all(twice.map((message) => dispatch(world.app, message)));
        const again = twice.filter((_, n) => ends[n]?.kind === 'retry');
        await world.messages.queue.publish(again, { delayMs: 10_000 });
      }
      expect(await world.platform.batches.counts(id)).toMatchObject({ total: 20, passed: 20, skipped: 0 });
      expect((await world.platform.batches.get(id))?.state).toBe('finished');
      expect(new Set(watch.announced).size).toBe(20);
    }
  });

  it('that was replaced while it stood still changes nothing any more', async () => {
    const world = await worldOf(20, { limits: { pageSize: 3 } });
    const watch = watched(world);
    const { id } = await world.start();
    const wakened = Promise.withResolvers<void>();
    const { addItems } = world.platform.batches;
    const stuck = world.newApp((platform) => ({
      ...platform,
      batches: {
        ...platform.batches,
        async addItems(...page) {
          await wakened.promise;
          return await addItems(...page);
        },
      },
    }));
    const expand: Message = { kind: 'expand', batchId: id };
    const late = dispatch(stuck, expand);
    while ((await world.platform.batches.get(id))?.planner?.leaseUntil === undefined) await world.clock.turn();
    expect(await dispatch(world.app, expand)).toMatchObject({ kind: 'retry' });
    world.clock.advance(120_000);
    // A new file in the meantime: who lists from the beginning finds it.
    expect(await dispatch(world.app, expand)).toEqual({ kind: 'ack' });
    await resumeBatch(world.app, id, { failed: false, errors: false, relist: true });
    const restarted = (await world.platform.batches.get(id))?.planner;
    wakened.resolve();
    // Sealed or not, the page of the late one is refused or known; its message comes again and finds nothing to do.
    expect((await late).kind).toBe('retry');
    expect((await world.platform.batches.get(id))?.planner).toEqual(restarted);
    expect(watch.announced.length).toBeLessThanOrEqual(20 + 3);
    await world.deliverAll();
    expect(await world.platform.batches.counts(id)).toMatchObject({ total: 20, passed: 20 });
  });

  it.each([
    { window: 4, pageSize: 2 },
    { window: 2, pageSize: 2 },
  ])('may die at any write: nothing announced is lost, and at most a page is announced twice %o', async (limits) => {
    const straight = await dyingRun(limits, () => undefined);
    expect(straight).toMatchObject({ announced: 8, state: 'finished', counts: { total: 8, passed: 8 } });
    expect(straight.writes.length).toBeGreaterThan(15);
    for (const point of straight.writes.keys()) {
      for (const when of ['before', 'after'] as const) {
        const end = await dyingRun(limits, (n) => (n === point ? when : undefined));
        const name = `${when} ${straight.writes[point]} ${point}`;
        expect({ name, state: end.state, counts: end.counts }).toEqual({
          ...{ name, state: straight.state, counts: straight.counts },
        });
        expect(end.announced, name).toBeLessThanOrEqual(8 + 2);
        expect(end.paid, name).toBe(straight.paid);
      }
    }
  });

  /** Only deliveries of `expand` die; what dies comes again after a while. */
  async function dyingRun(limits: { window: number; pageSize: number }, death: (n: number) => Death) {
    const world = await worldOf(8, { limits });
    const watch = watched(world);
    const { id } = await world.start();
    const writes: string[] = [];
    const newPlanner = () => {
      const process = crashingPlatform(world.platform, (write) => {
        writes.push(write);
        return death(writes.length - 1);
      });
      return { process, app: world.newApp(() => process) };
    };
    let planner = newPlanner();
    for (let n = 0; world.messages.waiting.length > 0; n += 1) {
      if (n > 500) throw new Error('The batch does not come to an end.');
      const message = world.messages.take();
      if (message === undefined) {
        world.clock.advance(world.messages.nextInMs() ?? 0);
        continue;
      }
      const app = message.kind === 'expand' ? planner.app : world.app;
      const disposal = await dispatch(app, message).catch(() => ({ kind: 'retry' }) as const);
      if (planner.process.isDead()) planner = newPlanner();
      if (disposal.kind === 'retry') await world.messages.queue.publish([message], { delayMs: 10_000 });
    }
    const batch = await world.platform.batches.get(id);
    const counts = await world.platform.batches.counts(id);
    return { state: batch?.state, counts, announced: watch.announced.length, paid: world.requests.length, writes };
  }

  it('that meets a store without an answer goes on where it stood as soon as there is one', async () => {
    const world = await worldOf(8);
    const { id } = await world.start();
    let fails = 0;
    const { addItems } = world.platform.batches;
    const app = world.newApp((platform) => ({
      ...platform,
      batches: {
        ...platform.batches,
        async addItems(...page) {
          const added = await addItems(...page);
          fails += 1;
          if (fails === 1) throw new ProofsheetError('storage_unavailable', 'Who knows.', { disposition: 'transient' });
          return added;
        },
      },
    }));
    const expand: Message = { kind: 'expand', batchId: id };
    await expect(dispatch(app, expand)).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(world.messages.waiting.filter(({ message }) => isProcess(message))).toHaveLength(0);
    expect(await dispatch(app, expand)).toEqual({ kind: 'ack' });
    expect(world.messages.waiting.filter(({ message }) => isProcess(message))).toHaveLength(6);
    await world.deliverAll();
    expect(await world.platform.batches.counts(id)).toMatchObject({ total: 8, passed: 8 });
  });

  it('of a batch that is gone or paused has nothing to do', async () => {
    const world = await worldOf(8);
    expect(await dispatch(world.app, { kind: 'expand', batchId: 'nowhere' })).toEqual({ kind: 'ack' });
    const { id } = await world.start();
    await world.platform.batches.change(id, () => ({ state: 'paused' }));
    expect(await dispatch(world.app, { kind: 'expand', batchId: id })).toEqual({ kind: 'ack' });
    expect(await world.platform.batches.counts(id)).toMatchObject({ total: 0 });
  });
});

describe('a daily quota', () => {
  it('pauses the batch until its reset, and then one of many goes on with it', async () => {
    const world = await worldOf(20);
    const resetAt = world.clock.now() + 5 * HOUR_MS;
    const { call } = world.platform.models;
    world.platform.models.call = async (request, options) => {
      const retryAfterMs = resetAt - world.clock.now();
      if (world.requests.length >= 10 && retryAfterMs > 0) {
        throw new ProofsheetError('daily_quota', 'Used up.', {
          disposition: 'transient',
          scope: 'batch',
          retryAfterMs,
        });
      }
      return await call(request, options);
    };
    const { id } = await world.start();
    await world.deliverAll();
    expect(await world.platform.batches.get(id)).toMatchObject({
      ...{ state: 'paused', pause: { code: 'daily_quota', until: resetAt } },
    });
    expect(await world.platform.batches.counts(id)).toMatchObject({ passed: 5, error: 0 });
    world.clock.advance(resetAt - world.clock.now() - 1);
    expect(await resumeDuePause(world.app, id)).toBe(false);
    world.clock.advance(1);
    const resumed = await Promise.all(Array.from({ length: 8 }, () => resumeDuePause(world.newApp(), id)));
    expect(resumed.filter(Boolean)).toHaveLength(1);
    await world.deliverAll();
    expect(await world.platform.batches.get(id)).toMatchObject({ state: 'finished' });
    expect(await world.platform.batches.counts(id)).toMatchObject({ total: 20, passed: 20, calls: 40 });
    expect(world.requests).toHaveLength(40);
  });

  it('does not go on with a batch that a person paused, cancelled or ended meanwhile', async () => {
    const world = await worldOf(8);
    const { id } = await world.start();
    const until = world.clock.now();
    const pause = { code: 'daily_quota', message: 'Used up.' } as const;
    for (const change of [
      { state: 'paused', pause },
      { state: 'running', cancelRequested: true },
      { state: 'finished', pause: { ...pause, until } },
    ] as const) {
      await world.platform.batches.change(id, () => change);
      expect(await resumeDuePause(world.app, id)).toBe(false);
    }
  });
});

describe('the shards of a batch', () => {
  const limits = { maxShards: 256, pageSize: 500 };
  const shardsAfter = async (world: World, inputs?: string[]) => {
    const { id } = await world.start(inputs ? { inputs } : {});
    await dispatch(world.app, { kind: 'expand', batchId: id });
    const batch = await world.platform.batches.get(id);
    const items = await world.platform.batches.items(id, { limit: 2000 });
    return { shards: batch?.shardCount, used: new Set(items.map((item) => item.shard)).size, items: items.length };
  };

  it.each([
    [3, 1, 1],
    [500, 1, 1],
    [501, 2, 2],
    [999, 2, 2],
    // No longer seen at a look, though it is not much more.
    [1000, 64, 64],
  ])('of %i inputs are %i, chosen before the first item', async (texts, shards, used) => {
    const world = await worldOf(texts, { limits });
    expect(await shardsAfter(world)).toEqual({ shards, used, items: texts });
  });

  it('are chosen by all inputs together', async () => {
    const world = await worldOf(600, { limits });
    const inputs = Array.from({ length: 600 }, (_, n) => `/texts/${1000 + n}.txt`);
    expect(await shardsAfter(world, inputs)).toMatchObject({ shards: 2, items: 600 });
  });

  it('stay as they are when the inputs are listed again', async () => {
    const world = await worldOf(501, { limits });
    const { shards } = await shardsAfter(world);
    const [batch] = await world.platform.batches.list({ limit: 1 });
    await resumeBatch(world.app, batch?.id ?? '', { failed: false, errors: false, relist: true });
    await dispatch(world.app, { kind: 'expand', batchId: batch?.id ?? '' });
    expect((await world.platform.batches.get(batch?.id ?? ''))?.shardCount).toBe(shards);
  });

  it('are one where the platform has one writer', async () => {
    const world = await worldOf(1000, { limits: { pageSize: 500 } });
    expect(await shardsAfter(world)).toEqual({ shards: 1, used: 1, items: 1000 });
  });
});
