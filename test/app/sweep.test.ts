import { describe, expect, it } from 'vitest';
import { cancelBatch, resumeBatch } from '../../functions/app/control-batch.ts';
import { dispatch } from '../../functions/app/dispatch.ts';
import type { Item } from '../../functions/domain/batch.ts';
import { ACK, type Message } from '../../functions/domain/message.ts';
import { type AppWorldOptions, appWorld } from '../support/app-world.ts';
import { crashingPlatform } from '../support/crashing-platform.ts';
import { dropWorld } from '../support/drop-world.ts';

const TICK: Message = { kind: 'tick' };
const MINUTE_MS = 60_000;

let world: Awaited<ReturnType<typeof appWorld>>;

/** A world of so many texts. */
const worldOf = (texts: number, limits?: AppWorldOptions['limits']) =>
  appWorld({
    texts: Object.fromEntries(Array.from({ length: texts }, (_, n) => [`${1000 + n}.txt`, `Text number ${n}.`])),
    ...(limits && { limits }),
  });

/** Takes all messages that wait: nobody else will get them. */
const lost = (): Message[] => world.messages.waiting.splice(0).map(({ message }) => message);

/** Ticks every minute for so long; gives what was published. */
async function sweepFor(minutes: number): Promise<Message[]> {
  for (let minute = 0; minute < minutes; minute += 1) {
    world.clock.advance(MINUTE_MS);
    expect(await dispatch(world.app, TICK)).toEqual(ACK);
  }
  return lost();
}

/** Hands out the messages and what comes of them. */
async function work(messages: readonly Message[]): Promise<void> {
  await world.messages.queue.publish(messages);
  await world.deliverDue();
}

/** A batch whose items were announced to nobody. */
async function unannounced(texts: number) {
  world = await worldOf(texts);
  const batch = await world.start();
  const [expand] = lost();
  if (expand !== undefined) await dispatch(world.app, expand);
  lost();
  const state = async () => (await world.platform.batches.get(batch.id))?.state;
  const items = () => world.platform.batches.items(batch.id, { limit: 2000 });
  return { batch, state, items };
}

const idsOf = (of: readonly (Message | Item)[]) =>
  of.map((one) => ('itemId' in one ? one.itemId : 'id' in one ? one.id : '')).sort();

describe('the sweep', () => {
  it('announces items again whose announcements were lost, once their batch has stood still', async () => {
    const { state, items } = await unannounced(3);
    expect(await sweepFor(9)).toEqual([]);
    const published = await sweepFor(1);
    expect(idsOf(published)).toEqual(idsOf(await items()));
    await work(published);
    expect(await state()).toBe('finished');
    expect(world.requests).toHaveLength(3 * 2);
  });

  it('does so some at a time, and after each round waits longer', async () => {
    const { items } = await unannounced(700);
    await sweepFor(9);
    const rounds = [await sweepFor(1), await sweepFor(1), await sweepFor(1)];
    expect(rounds.map((round) => round.length)).toEqual([300, 300, 100]);
    expect(idsOf(rounds.flat())).toEqual(idsOf(await items()));
    expect(await sweepFor(19)).toEqual([]);
    expect(await sweepFor(3)).toHaveLength(700);
    expect(await sweepFor(39)).toEqual([]);
    expect(await sweepFor(3)).toHaveLength(700);
    // Never longer than an hour.
    expect(await sweepFor(62)).toHaveLength(700);
    expect(await sweepFor(62)).toHaveLength(700);
  });

  it('goes through a round that has begun though items settle meanwhile, and begins with the first wait after that', async () => {
    await unannounced(700);
    await sweepFor(9);
    const [first, ...others] = await sweepFor(1);
    if (first !== undefined) await work([first]);
    expect(others).toHaveLength(299);
    expect(await sweepFor(2)).toHaveLength(400);
    expect(await sweepFor(7)).toEqual([]);
    await work(others.slice(0, 1));
    expect(await sweepFor(9)).toEqual([]);
    expect(await sweepFor(1)).toHaveLength(300);
  });

  it('leaves a long queue alone as long as items settle', async () => {
    const { items } = await unannounced(20);
    for (const item of await items()) {
      await work([{ kind: 'process', batchId: item.batchId, itemId: item.id }]);
      expect((await sweepFor(9)).filter((message) => message.kind === 'process')).toEqual([]);
    }
  });

  it('announces an item once whose worker died, as soon as its lease has ended', async () => {
    const { batch, items } = await unannounced(20);
    const [held, ...others] = await items();
    await world.platform.journal.claim(batch.id, held?.id ?? '', 15 * MINUTE_MS);
    const published: Message[][] = [];
    for (const item of others) {
      await work([{ kind: 'process', batchId: batch.id, itemId: item.id }]);
      published.push(await sweepFor(4));
    }
    expect(published.slice(0, 3).flat()).toEqual([]);
    expect(published.flat().filter((message) => message.kind === 'process')).toEqual([
      { kind: 'process', batchId: batch.id, itemId: held?.id },
    ]);
    await work(published.flat());
    expect((await items()).map((item) => item.state)).toEqual(Array(20).fill('passed'));
  });

  it('announces all items whose leases end at once, some at a time', async () => {
    const { batch, items } = await unannounced(400);
    for (const { id } of await items()) {
      await world.platform.journal.claim(batch.id, id, 2 * MINUTE_MS);
      world.clock.advance(1);
    }
    expect(await sweepFor(2)).toEqual([]);
    expect(await sweepFor(2)).toHaveLength(400);
    expect(await sweepFor(3)).toEqual([]);
  });

  it('does not announce an item in work', async () => {
    const { batch, items } = await unannounced(2);
    const [held, other] = await items();
    await world.platform.journal.claim(batch.id, held?.id ?? '', 60 * MINUTE_MS);
    expect(idsOf(await sweepFor(15))).toEqual([other?.id]);
  });

  it('has the inputs listed when the first message was lost', async () => {
    world = await worldOf(3);
    const batch = await world.start();
    lost();
    expect(await sweepFor(4)).toEqual([]);
    const published = await sweepFor(5);
    expect(published).toEqual([{ kind: 'expand', batchId: batch.id }]);
    await work(published);
    expect(await world.platform.batches.get(batch.id)).toMatchObject({ state: 'finished', sealed: true });
  });

  it('has the listing gone on with from the last page, when the planner dies after any write', async () => {
    for (let point = 0; point < 12; point += 1) {
      world = await worldOf(5, { pageSize: 2 });
      const batch = await world.start();
      const [expand] = lost();
      let writes = 0;
      const dying = crashingPlatform(world.platform, () => (writes++ === point ? 'after' : undefined));
      if (expand !== undefined)
        await dispatch(
          world.newApp(() => dying),
          expand,
        ).catch(() => undefined);
      const listed: (string | undefined)[] = [];
      const { files } = world.platform;
      world.platform.files = {
        ...files,
        list(root, page) {
          if (page.limit > 1) listed.push(page.after);
          return files.list(root, page);
        },
      };
      const begun = (await world.platform.batches.get(batch.id))?.planner?.cursor.after ?? '';
      const published = await sweepFor(20);
      const app = world.newApp();
      for (const message of published) await dispatch(app, message);
      for (const message of lost()) await dispatch(app, message);
      if (listed.length > 0) expect(listed[0] ?? '').toBe(begun);
      await work(await sweepFor(20));
      expect(await world.platform.batches.counts(batch.id)).toMatchObject({ total: 5, passed: 5 });
      await work(await sweepFor(5));
      expect(await world.platform.batches.get(batch.id)).toMatchObject({ state: 'finished' });
    }
  });

  it('has the report written when the last message was lost, and when the finaliser died', async () => {
    const { batch, state, items } = await unannounced(2);
    for (const { id } of await items()) await dispatch(world.app, { kind: 'process', batchId: batch.id, itemId: id });
    lost();
    expect(await sweepFor(1)).toEqual([]);
    const [finalize, ...others] = await sweepFor(2);
    expect(finalize).toEqual({ kind: 'finalize', batchId: batch.id });
    expect(others).toEqual([]);
    let writes = 0;
    const dying = crashingPlatform(world.platform, () => (writes++ === 0 ? 'after' : undefined));
    if (finalize !== undefined)
      await expect(
        dispatch(
          world.newApp(() => dying),
          finalize,
        ),
      ).rejects.toThrow();
    await work(await sweepFor(5));
    expect(await state()).toBe('finished');
    expect(await sweepFor(60)).toEqual([]);
  });

  it('does not disturb a finaliser at work', async () => {
    const { batch, items } = await unannounced(1);
    for (const { id } of await items()) await dispatch(world.app, { kind: 'process', batchId: batch.id, itemId: id });
    lost();
    const leaseUntil = world.clock.now() + 30 * MINUTE_MS;
    await world.platform.batches.change(batch.id, () => ({ finalizer: { fence: 1, leaseUntil } }));
    expect(await sweepFor(29)).toEqual([]);
    expect(await sweepFor(2)).toHaveLength(1);
  });

  it('cancels a batch that is too old, saying why, and leaves it its time again when it is resumed', async () => {
    const { batch, items, state } = await unannounced(2);
    await world.platform.batches.change(batch.id, () => ({
      state: 'paused',
      pause: { code: 'daily_quota', message: 'Wait.' },
    }));
    world.clock.advance(6.9 * 24 * 60 * MINUTE_MS);
    expect(await sweepFor(1)).toEqual([]);
    world.clock.advance(0.2 * 24 * 60 * MINUTE_MS);
    await work(await sweepFor(1));
    expect(await world.platform.batches.get(batch.id)).toMatchObject({
      state: 'cancelled',
      cancelReason: expect.stringContaining('7 days'),
    });
    for (const item of await items()) {
      expect(item).toMatchObject({ state: 'cancelled', summary: { message: expect.stringContaining('7 days') } });
    }
    await resumeBatch(world.app, batch.id, { failed: false, errors: false });
    expect(await world.platform.batches.get(batch.id)).not.toHaveProperty('cancelReason');
    await sweepFor(1);
    expect(await state()).toBe('running');
  });

  it('ends a cancelled batch whose messages were lost', async () => {
    const { batch, state } = await unannounced(3);
    await cancelBatch(world.app, batch.id);
    lost();
    await work(await sweepFor(5));
    expect(await state()).toBe('cancelled');
    expect(world.requests).toEqual([]);
  });

  it('goes on with a paused batch when its time has come, and leaves it alone until then', async () => {
    const { batch, state } = await unannounced(2);
    const until = world.clock.now() + 30 * MINUTE_MS;
    const pause = { code: 'daily_quota', message: 'Wait.', until } as const;
    const paused = await world.platform.batches.change(batch.id, () => ({ state: 'paused', pause }));
    expect(await sweepFor(29)).toEqual([]);
    expect(await world.platform.batches.get(batch.id)).toEqual(paused);
    await work(await sweepFor(1));
    expect(await state()).toBe('finished');
  });

  it('does not overtake a planner that still announces what is open, within its window', async () => {
    const { batch, items } = await unannounced(10);
    const all = idsOf(await items());
    await world.platform.batches.change(batch.id, ({ planner }) => ({
      planner: planner && { ...planner, announcing: { after: all[3] ?? '', published: 4, of: 10 } },
    }));
    const published = await sweepFor(10);
    expect(published.filter((message) => message.kind === 'expand')).toHaveLength(2);
    expect(idsOf(published.filter((message) => message.kind === 'process'))).toEqual(all.slice(0, 4));
  });

  it('has a drop looked at and closed, whatever becomes of the messages about it', async () => {
    const drops = await dropWorld();
    await drops.ingest(await drops.upload('shoes/left.png'));
    await drops.ingest(await drops.upload('shoes/right.png'));
    for (let minute = 0; minute < 30; minute += 1) {
      if (minute % 2 === 0) drops.messages.waiting.splice(0);
      await drops.deliverDue();
      drops.wait(MINUTE_MS);
      expect(await dispatch(drops.app, TICK)).toEqual(ACK);
    }
    const [batch, ...others] = await drops.batches();
    expect(others).toEqual([]);
    expect(batch).toMatchObject({ name: 'shoes', state: 'finished' });
    expect(await drops.items(batch?.id ?? '')).toEqual(['shoes/left.png passed', 'shoes/right.png passed']);
  });

  it('is done by one at a time', async () => {
    await unannounced(3);
    world.clock.advance(20 * MINUTE_MS);
    await Promise.all([dispatch(world.app, TICK), dispatch(world.app, TICK), dispatch(world.app, TICK)]);
    expect(lost()).toHaveLength(3);
  });

  it('may die at any write: the next one repeats what is missing', async () => {
    for (let point = 0; point < 3; point += 1) {
      for (const when of ['before', 'after'] as const) {
        const { state } = await unannounced(3);
        world.clock.advance(20 * MINUTE_MS);
        let writes = 0;
        const dying = crashingPlatform(world.platform, () => (writes++ === point ? when : undefined));
        await dispatch(
          world.newApp(() => dying),
          TICK,
        ).catch(() => undefined);
        expect(dying.isDead()).toBe(true);
        await work([...lost(), ...(await sweepFor(1))]);
        await work(await sweepFor(20));
        expect(await state()).toBe('finished');
        expect(world.requests).toHaveLength(3 * 2);
      }
    }
  });

  it('stops when a tick takes too long, and goes on with the others in the next', async () => {
    world = await worldOf(1);
    const ids: string[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      ids.push((await world.start({ name, outputRoot: `/output/${name}` })).id);
      world.clock.advance(1000);
    }
    lost();
    const { journal } = world.platform;
    const looked: string[] = [];
    const slow = world.newApp(() => ({
      ...world.platform,
      journal: {
        ...journal,
        expired(batchId, lease) {
          looked.push(batchId);
          world.clock.advance(15_000);
          if (looked.length === 1) throw new Error('this one cannot be looked at');
          return journal.expired(batchId, lease);
        },
      },
    }));
    world.clock.advance(MINUTE_MS);
    await dispatch(slow, TICK);
    expect(looked).toHaveLength(3);
    world.clock.advance(MINUTE_MS);
    await dispatch(slow, TICK);
    expect(looked.slice(0, 5).toSorted()).toEqual(ids.toSorted());
  });
});
