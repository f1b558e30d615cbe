import { describe, expect, it } from 'vitest';
import { createApp } from '../../functions/app/app.ts';
import { resumeBatch } from '../../functions/app/control-batch.ts';
import { heldForCalls, holdForCalls } from '../../functions/app/spending.ts';
import { startBatch } from '../../functions/app/start-batch.ts';
import { batchAccount, dayAccount } from '../../functions/domain/budget.ts';
import type { ModelRequest } from '../../functions/domain/model-call.ts';
import type { RunSettings } from '../../functions/domain/run-settings.ts';
import type { Platform } from '../../functions/platform/ports.ts';
import { appWorld, REQUEST } from '../support/app-world.ts';
import { intercepted } from '../support/crashing-platform.ts';
import { answer, PRICES } from '../support/engine-fakes.ts';

/** The most that one call of the tests may cost is a bit more than $0.16; each really costs $0.04. */
const MOST = 165_000_000;
const EACH = 40_100_000;
const reply = () => answer({ usage: { ...answer().usage, input: 100, output: 4000 } });
const TEXTS = Object.fromEntries(Array.from({ length: 6 }, (_, n) => [`${n}.txt`, `Text ${n}.`]));
const AGAIN = { failed: false, errors: false };

const limited = (spend: Partial<RunSettings>) => ({ run: { ...REQUEST.run, ...spend } });

describe('a batch with a spend ceiling', () => {
  it('is paused before the call that would cross it, keeps what was paid, and goes on with a higher one', async () => {
    const world = await appWorld({ texts: TEXTS, reply });
    const batch = await world.start(limited({ maxSpendNano: 5 * EACH + MOST }));
    await world.deliverAll();

    const paused = await world.platform.batches.get(batch.id);
    expect(paused).toMatchObject({ state: 'paused', pause: { code: 'budget' } });
    expect(paused?.pause?.message).toMatch(/\d of 6 items are done, the others are not evaluated; .*--max-spend/);
    const paid = world.requests.length;
    const standing = await world.platform.budgets.standing(batchAccount(batch.id));
    expect(standing).toEqual({ spent: paid * EACH, held: 0 });
    expect(standing.spent).toBeLessThanOrEqual(5 * EACH + MOST);
    expect(standing.spent).toBeGreaterThan(5 * EACH);
    const counts = await world.platform.batches.counts(batch.id);
    // What was not evaluated has no end and no score.
    expect(counts).toMatchObject({ failed: 0, error: 0, scored: counts.passed });

    await resumeBatch(world.app, batch.id, { ...AGAIN, spend: { maxSpendNano: 12 * EACH + MOST } });
    await world.deliverAll();
    expect(await world.platform.batches.get(batch.id)).toMatchObject({ state: 'finished' });
    expect(await world.platform.batches.counts(batch.id)).toMatchObject({ passed: 6, calls: 12 });
    expect(world.requests).toHaveLength(12);
    expect(await world.platform.budgets.standing(batchAccount(batch.id))).toEqual({ spent: 12 * EACH, held: 0 });
  });

  it('is gone on with by the same command with another ceiling', async () => {
    const world = await appWorld({ texts: TEXTS, reply });
    const { id } = await world.start(limited({ maxSpendNano: MOST }));
    await world.deliverAll();
    const again = await world.start(limited({ maxSpendNano: 20 * MOST }));
    expect(again).toMatchObject({ id, run: { maxSpendNano: 20 * MOST } });
    await world.deliverAll();
    expect(await world.platform.batches.get(id)).toMatchObject({ state: 'finished' });
  });

  it('spends nothing where no call fits, and says so', async () => {
    const world = await appWorld({ texts: TEXTS, reply });
    const batch = await world.start(limited({ maxSpendNano: MOST / 2 }));
    await world.deliverAll();
    expect(world.requests).toEqual([]);
    expect(await world.platform.batches.get(batch.id)).toMatchObject({ state: 'paused', pause: { code: 'budget' } });
  });

  it('is refused for a model of unknown price, unless a price is assumed', async () => {
    const world = await appWorld({ texts: TEXTS, reply });
    const { app } = world;
    app.prices = { ...PRICES, models: {} };
    await expect(startBatch(app, { ...REQUEST, ...limited({ maxSpendNano: MOST }) })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('The price of m is unknown'),
    });
    const batch = await world.start(limited({ maxSpendNano: 70, assumedCallNano: 10 }));
    await world.deliverAll();
    expect(await world.platform.batches.get(batch.id)).toMatchObject({ state: 'paused', pause: { code: 'budget' } });
    expect(world.requests).toHaveLength(7);
    expect(await world.platform.budgets.standing(batchAccount(batch.id))).toEqual({ spent: 70, held: 0 });
    // An assumed price is no cost.
    expect(await world.platform.batches.counts(batch.id)).toMatchObject({ costNano: 0 });
  });

  it('counts a call whose worker died as spent', async () => {
    let dies = true;
    const world = await appWorld({
      texts: { 'a.txt': 'A.' },
      reply,
      through: (platform: Platform) => ({
        ...platform,
        journal: intercepted(platform.journal, async (member, proceed) => {
          if (member !== 'append' || !dies) return await proceed();
          dies = false;
          // Nothing of what this worker does comes to be known from here on.
          return await new Promise(() => undefined);
        }),
      }),
    });
    const batch = await world.start(limited({ maxSpendNano: 20 * MOST }));
    void world.deliverDue();
    await expect.poll(() => dies).toBe(false);
    const before = await world.platform.budgets.standing(batchAccount(batch.id));
    expect(before).toMatchObject({ spent: 0, held: expect.closeTo(MOST, -7) });
    world.clock.advance(700_000);
    const [item] = await world.platform.batches.items(batch.id, { limit: 1 });
    await world.messages.queue.publish([{ kind: 'process', batchId: batch.id, itemId: item?.id ?? '' }]);
    await world.deliverAll();
    expect(await world.platform.batches.get(batch.id)).toMatchObject({ state: 'finished' });
    const after = await world.platform.budgets.standing(batchAccount(batch.id));
    expect(after).toEqual({ spent: 2 * EACH + before.held, held: 0 });
  });
});

it('writes nothing about money where there is no ceiling', async () => {
  const touched: string[] = [];
  const world = await appWorld({
    texts: TEXTS,
    reply,
    through: (platform) => ({
      ...platform,
      budgets: intercepted(platform.budgets, (member, proceed) => {
        touched.push(member);
        return proceed();
      }),
    }),
  });
  await world.start();
  await world.deliverAll();
  expect(touched).toEqual([]);
});

it('keeps a daily limit over all batches, and goes on the next day', async () => {
  const world = await appWorld({ texts: TEXTS, reply });
  const app = createApp(world.platform, {
    ...{ prices: PRICES, stop: new AbortController().signal, recipes: world.app.recipes },
    dailySpendNano: 8 * EACH + MOST,
  });
  Object.assign(world.app, { dailySpendNano: app.dailySpendNano });
  const first = await world.start({ name: 'first', recipeSettings: { questions: 1 } });
  await world.deliverAll();
  expect(await world.platform.batches.get(first.id)).toMatchObject({ state: 'finished' });
  world.clock.advance(1000);
  const second = await world.start({ name: 'second', recipeSettings: { questions: 3 } });
  await world.deliverAll();
  const now = world.clock.now();
  const paused = await world.platform.batches.get(second.id);
  expect(paused).toMatchObject({ state: 'paused', pause: { code: 'budget', until: expect.any(Number) } });
  expect(new Date(paused?.pause?.until ?? 0).toISOString()).toMatch(/T00:00:00/);
  const { spent, held } = await world.platform.budgets.standing(dayAccount(now));
  expect(held).toBe(0);
  expect(spent).toBe(world.requests.length * EACH);
  expect(spent).toBeLessThanOrEqual(app.dailySpendNano ?? 0);
});

describe('calls that go out together', () => {
  const requests: ModelRequest[] = [1, 2, 3].map((n) => ({ kind: 'text', model: 'm', parts: [{ text: `${n}` }] }));

  it('are held for together at the price of their lane, and ended by whoever comes', async () => {
    const world = await appWorld({ texts: TEXTS, reply });
    const batch = await world.start(limited({ lane: 'batch', maxSpendNano: 2 * MOST }));
    expect(await holdForCalls(world.app, batch, 'wave 1', requests)).toBeDefined();
    expect(await holdForCalls(world.app, batch, 'wave 2', requests)).toBeUndefined();
    const held = await heldForCalls(world.app, batch, 'wave 1');
    await held?.spent(EACH);
    expect(await heldForCalls(world.app, batch, 'wave 1')).toBeUndefined();
    expect(await world.platform.budgets.standing(batchAccount(batch.id))).toEqual({ spent: EACH, held: 0 });
    await expect(holdForCalls(world.app, batch, 'wave 3', [...requests, ...requests])).rejects.toMatchObject({
      code: 'budget',
    });
  });
});
