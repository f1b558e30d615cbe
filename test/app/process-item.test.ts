import { describe, expect, it } from 'vitest';
import { dispatch } from '../../functions/app/dispatch.ts';
import { type ErrorCode, ProofsheetError } from '../../functions/domain/errors.ts';
import type { Message } from '../../functions/domain/message.ts';
import type { Platform } from '../../functions/platform/ports.ts';
import { appWorld, REQUEST } from '../support/app-world.ts';
import { intercepted } from '../support/crashing-platform.ts';
import { answer } from '../support/engine-fakes.ts';

const transient = (code: ErrorCode, retryAfterMs?: number) =>
  new ProofsheetError(code, code, { disposition: 'transient', ...(retryAfterMs !== undefined && { retryAfterMs }) });
const fullDisk = () => new ProofsheetError('storage', 'The disk is full.', { scope: 'batch' });

/** A batch of one item with its message in hand, over a platform whose `port.method` fails as `failing` says. */
async function oneItem(failing: { port: 'journal' | 'files'; method: string; with?: () => Error }) {
  const trouble = { with: failing.with };
  const fail = <Port extends object>(port: Port, name: string): Port =>
    intercepted(port, (method, proceed) => {
      const fails = name === failing.port && method === failing.method && trouble.with;
      return fails ? Promise.reject(fails()) : proceed();
    });
  const through = (platform: Platform): Platform => {
    const { files, journal } = platform;
    return { ...platform, journal: fail(journal, 'journal'), files: { ...fail(files, 'files'), join: files.join } };
  };
  const world = await appWorld({ texts: { 'a.txt': 'A text.' }, through });
  const planned = trouble.with;
  trouble.with = undefined;
  const { id } = await world.start();
  await dispatch(world.app, taken(world.messages.take()));
  trouble.with = planned;
  const message = taken(world.messages.take());
  const state = async () => ({
    batch: (await world.platform.batches.get(id))?.state,
    item: (await world.platform.batches.items(id, { limit: 1 }))[0],
  });
  return { ...world, id, message, trouble, state };
}

function taken(message: Message | undefined): Message {
  if (message === undefined) throw new Error('No message waits.');
  return message;
}

describe('a store that does not answer for a while', () => {
  it.each([
    { port: 'journal', method: 'claim', paid: 0 },
    { port: 'files', method: 'open', paid: 0 },
    { port: 'journal', method: 'settle', paid: 2 },
    { port: 'files', method: 'write', paid: 2 },
  ] as const)(
    'gives the message of an item back when $port cannot $method, however often, and pauses nothing',
    async (at) => {
      const { app, message, requests, trouble, state, id, platform } = await oneItem({
        ...at,
        with: () => transient('storage_unavailable'),
      });
      for (let n = 0; n < 40; n += 1) {
        await expect(dispatch(app, message)).rejects.toMatchObject({ code: 'storage_unavailable' });
      }
      expect(await state()).toMatchObject({ batch: 'running', item: { state: 'queued' } });
      expect(requests).toHaveLength(at.paid);
      trouble.with = undefined;
      expect(await dispatch(app, message)).toEqual({ kind: 'ack' });
      expect((await state()).item).toMatchObject({ state: 'passed', summary: { calls: 2 } });
      expect(requests).toHaveLength(2);
      expect(await platform.batches.counts(id)).toMatchObject({ passed: 1, total: 1 });
    },
  );

  it('counts passes whose paid answer could not be recorded, so that they do not go on for ever', async () => {
    const { app, message, requests, state } = await oneItem({
      port: 'journal',
      method: 'append',
      with: () => transient('storage_unavailable'),
    });
    const { maxClaims } = app.limits;
    for (let n = 0; n < maxClaims; n += 1) expect(await dispatch(app, message)).toEqual({ kind: 'retry' });
    expect(await state()).toMatchObject({ batch: 'running', item: { state: 'queued', claims: maxClaims } });
    expect(await dispatch(app, message)).toEqual({ kind: 'ack' });
    expect((await state()).item).toMatchObject({ state: 'error', summary: { code: 'attempts_exhausted' } });
    expect(requests).toHaveLength(maxClaims);
  });
});

describe('a store that somebody has to see to', () => {
  it.each([
    { port: 'journal', method: 'append' },
    { port: 'journal', method: 'settle' },
    { port: 'files', method: 'write' },
  ] as const)('pauses the batch when $port cannot $method and leaves the item as it is', async (at) => {
    const { app, message, state, id, platform } = await oneItem({ ...at, with: fullDisk });
    expect(await dispatch(app, message)).toEqual({ kind: 'ack' });
    expect(await state()).toMatchObject({ batch: 'paused', item: { state: 'queued', claims: 0 } });
    expect((await platform.batches.get(id))?.pause).toEqual({ code: 'storage', message: 'The disk is full.' });
  });
});

describe('the time of a delivery', () => {
  /** Calls that take so long. The clock moves on only while one is under way, as fast as it may. */
  async function slowWorld(of: { callMs: number; timeoutMs: number; answers: boolean }) {
    const calls: { at: number; limit: number }[] = [];
    let underWay = 0;
    const world = await appWorld({ texts: { 'a.txt': 'A text.' } });
    const call = world.platform.models.call;
    world.platform.models.call = async (request, options) => {
      const at = world.clock.now();
      const takesMs = Math.min(of.callMs, options.timeoutMs);
      calls.push({ at, limit: at + options.timeoutMs });
      underWay += 1;
      await world.clock.sleep(takesMs);
      underWay -= 1;
      if (!of.answers || takesMs < of.callMs) throw transient('timeout');
      return await call(request, options);
    };
    const run = { ...REQUEST.run, timeoutMs: of.timeoutMs };
    const { id } = await world.start({ recipeSettings: { questions: 10 }, run });
    /** Delivers all messages one by one; says when each delivery began and ended, and by which calls. */
    const deliveries: { begun: number; ended: number; calls: typeof calls }[] = [];
    for (let message = world.messages.take(); message !== undefined; message = world.messages.take()) {
      if (deliveries.length > 100) throw new Error('The batch does not come to an end.');
      const begun = world.clock.now();
      let isDone = false;
      const first = calls.length;
      const work = dispatch(world.app, message).finally(() => {
        isDone = true;
      });
      while (!isDone) {
        await world.clock.turn();
        if (underWay > 0 || !of.answers) world.clock.advance(500);
      }
      expect(await work).toEqual({ kind: 'ack' });
      if (message.kind === 'process') deliveries.push({ begun, ended: world.clock.now(), calls: calls.slice(first) });
    }
    const [item] = await world.platform.batches.items(id, { limit: 1 });
    return { deliveries, calls, item };
  }

  it.each([
    { callMs: 60_000, timeoutMs: 120_000 },
    { callMs: 119_000, timeoutMs: 120_000 },
    { callMs: 299_000, timeoutMs: 300_000 },
    { callMs: 400_000, timeoutMs: 600_000 },
  ])('ends before the message would come again, with calls of $callMs ms of at most $timeoutMs ms', async (of) => {
    const { deliveries, calls, item } = await slowWorld({ ...of, answers: true });
    expect(item).toMatchObject({ state: 'passed', summary: { calls: 10 } });
    expect(calls).toHaveLength(10);
    expect(deliveries.length).toBeGreaterThan(1);
    for (const { begun, ended, calls } of deliveries) {
      expect(ended - begun).toBeLessThan(600_000);
      // Not even a call that uses its whole time limit would outlive the delivery.
      for (const { limit } of calls) expect(limit - begun).toBeLessThanOrEqual(540_000);
    }
  });

  it('does not try a call for ever that always times out at the end of a pass', async () => {
    const { calls, item } = await slowWorld({ callMs: 500_000, timeoutMs: 200_000, answers: false });
    expect(item).toMatchObject({ state: 'error', summary: { code: 'timeout' } });
    expect(calls.length).toBeGreaterThanOrEqual(REQUEST.run.maxRetries);
    expect(calls.length).toBeLessThanOrEqual(2 * REQUEST.run.maxRetries);
  });
});

describe('a service that takes no more', () => {
  it('gets the item back later, without a claim or an error, until the item is too old', async () => {
    const limited = () => transient('rate_limited', 90_000);
    const world = await appWorld({
      texts: { 'a.txt': 'A text.' },
      limits: { limitWaitMs: 60_000 },
      reply: () => Promise.reject(limited()),
    });
    const { id } = await world.start();
    const item = async () => (await world.platform.batches.items(id, { limit: 1 }))[0];
    await world.deliverDue();
    for (let n = 0; n < 100; n += 1) {
      expect(await item()).toMatchObject({ state: 'queued', claims: 0 });
      expect(world.messages.nextInMs()).toBeGreaterThanOrEqual(90_000);
      world.clock.advance(world.messages.nextInMs() ?? 0);
      await world.deliverDue();
    }
    expect(world.requests.length).toBeLessThanOrEqual(101);
    expect((await world.platform.batches.get(id))?.state).toBe('running');
    world.clock.advance(world.app.limits.itemAgeMs);
    await world.deliverAll();
    expect(await item()).toMatchObject({ state: 'error', summary: { code: 'time_limit' } });
  });

  it('holds the items of other processes back too', async () => {
    const world = await appWorld({
      texts: { 'a.txt': 'A text.', 'b.txt': 'Another.' },
      limits: { limitWaitMs: 60_000 },
      reply: (_, n) => (n === 1 ? Promise.reject(transient('rate_limited', 90_000)) : answer()),
    });
    const { id } = await world.start();
    await dispatch(world.app, taken(world.messages.take()));
    await dispatch(world.app, taken(world.messages.take()));
    const other = world.newApp();
    expect(await dispatch(other, taken(world.messages.take()))).toEqual({ kind: 'ack' });
    expect(world.requests).toHaveLength(1);
    expect(world.messages.nextInMs()).toBeGreaterThanOrEqual(90_000);
    await world.deliverAll();
    expect(await world.platform.batches.counts(id)).toMatchObject({ passed: 2, error: 0 });
  });
});

describe('an item in work', () => {
  it.each([
    ['cancelled', { cancelRequested: true, sealed: true }, 'cancelled'],
    ['paused', { state: 'paused' }, 'queued'],
  ] as const)('makes no further call some seconds after its batch was %s elsewhere', async (_, change, end) => {
    const world = await appWorld({
      texts: { 'a.txt': 'A text.' },
      async reply(_request, n) {
        if (n === 2) await world.platform.batches.change(id, () => change);
        world.clock.advance(3_000);
        return answer();
      },
    });
    const { id } = await world.start({ recipeSettings: { questions: 10 } });
    await dispatch(world.app, taken(world.messages.take()));
    await dispatch(world.app, taken(world.messages.take()));
    expect(world.requests.length).toBeGreaterThanOrEqual(2);
    expect(world.requests.length).toBeLessThanOrEqual(4);
    await dispatch(world.app, taken(world.messages.take()));
    const [item] = await world.platform.batches.items(id, { limit: 1 });
    expect(item).toMatchObject({ state: end });
    expect(await world.platform.journal.steps(item ?? fail())).toHaveLength(world.requests.length);
  });
});

function fail(): never {
  throw new Error('There is no item.');
}
