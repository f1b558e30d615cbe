import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type App, createApp } from '../../functions/app/app.ts';
import { ProofsheetError } from '../../functions/domain/errors.ts';
import type { Message } from '../../functions/domain/message.ts';
import { toWire } from '../../functions/domain/wire-message.ts';
import { pubsubHandler } from '../../functions/handlers/pubsub.ts';
import type { Platform } from '../../functions/platform/ports.ts';
import { claimed, sampleBatch, sampleInput } from '../contract/samples.ts';
import { openLocal } from '../platform/local-platform.ts';
import { intercepted } from '../support/crashing-platform.ts';
import { PRICES } from '../support/engine-fakes.ts';
import { manualClock } from '../support/manual-clock.ts';
import { memoryFiles } from '../support/memory-files.ts';
import { makeQuickHome } from '../support/temp-home.ts';

let home: Awaited<ReturnType<typeof makeQuickHome>>;
let local: ReturnType<typeof openLocal>;
const clock = manualClock();
beforeAll(async () => {
  home = await makeQuickHome();
  local = openLocal(home.path, { clock });
});
afterAll(async () => {
  await local.close();
  await home.remove();
});

describe('a pushed message', () => {
  it('is done with when it is handled', async () => {
    const { batch, push, platform } = await world();
    expect(await push({ kind: 'expand', batchId: batch.id })).toBe(204);
    expect(await platform.batches.get(batch.id)).toMatchObject({ sealed: true });
  });

  it('comes again while somebody else holds its item, and when the store fails', async () => {
    const { batch, item, push, platform } = await world();
    await claimed(platform.journal, batch.id, item.id);
    expect(await push({ kind: 'process', batchId: batch.id, itemId: item.id })).toBe(503);
    const failing = await world({ failAt: 'get' });
    expect(await failing.push({ kind: 'expand', batchId: failing.batch.id })).toBe(503);
  });

  it('waits until it is due, if that is soon', async () => {
    const { batch, push, platform } = await world();
    const message: Message = { kind: 'expand', batchId: batch.id };
    expect(await push(message, { notBefore: clock.now() + 10_001 })).toBe(503);
    expect(await platform.batches.get(batch.id)).toMatchObject({ sealed: false });
    const answered = push(message, { notBefore: clock.now() + 10_000 });
    await clock.turn();
    clock.advance(10_000);
    expect(await answered).toBe(204);
    expect(await platform.batches.get(batch.id)).toMatchObject({ sealed: true });
  });

  it.each([
    ['no push', { hello: 'world' }],
    ['no body', undefined],
    ['no message of ours', { message: { data: 'bm8=', messageId: '1' }, subscription: 's' }],
    ['no data', { message: { attributes: { kind: 'process' }, messageId: '1' }, subscription: 's' }],
  ])('that is %s is put aside once and done with', async (_, body) => {
    const { send, files } = await world();
    expect(await send({ body })).toBe(204);
    expect(await send({ body })).toBe(204);
    expect([...files.written.keys()]).toEqual([expect.stringMatching(/^\/quarantine\/[0-9a-f]{20}\.json$/)]);
  });

  it('is neither read nor done for a sender who may not push', async () => {
    const { batch, send, calls, files } = await world({ refusal: 'its token is forged' });
    const body = bodyOf({ kind: 'expand', batchId: batch.id });
    calls.length = 0;
    expect(await send({ body })).toBe(403);
    expect(await send({ body: 'nonsense' })).toBe(403);
    expect(calls).toEqual([]);
    expect(files.written.size).toBe(0);
  });

  it('comes again when nobody can say whether the sender may push', async () => {
    const { batch, send } = await world({ refusal: new Error('no certificates') });
    expect(await send({ body: bodyOf({ kind: 'expand', batchId: batch.id }) })).toBe(503);
  });
});

describe('a dead letter', () => {
  it('ends its item as error', async () => {
    const { batch, item, pushDeadLetter, platform } = await world();
    const message: Message = { kind: 'process', batchId: batch.id, itemId: item.id };
    expect(await pushDeadLetter(message)).toBe(204);
    expect(await platform.batches.item(batch.id, item.id)).toMatchObject({
      state: 'error',
      summary: { code: 'dead_lettered', message: expect.stringContaining('100 deliveries failed') },
    });
    expect(await pushDeadLetter(message)).toBe(204);
  });

  it('comes again while its item is in work', async () => {
    const { batch, item, pushDeadLetter, platform } = await world();
    await claimed(platform.journal, batch.id, item.id);
    expect(await pushDeadLetter({ kind: 'process', batchId: batch.id, itemId: item.id })).toBe(503);
    expect(await platform.batches.item(batch.id, item.id)).toMatchObject({ state: 'running' });
  });

  it('is done with when there is nothing that could be settled', async () => {
    const { batch, pushDeadLetter } = await world();
    expect(await pushDeadLetter({ kind: 'process', batchId: batch.id, itemId: 'no-such-item' })).toBe(204);
    expect(await pushDeadLetter({ kind: 'expand', batchId: batch.id })).toBe(204);
  });
});

/** A batch with one item, without further inputs, and a handler; `calls` names every call of the batches' port. */
async function world(options: { failAt?: string; refusal?: string | Error } = {}) {
  const files = memoryFiles({});
  const calls: string[] = [];
  const batches = intercepted(local.platform.batches, async (member, proceed) => {
    calls.push(member);
    if (member === options.failAt)
      throw new ProofsheetError('storage', 'It is out of reach.', { disposition: 'transient' });
    return await proceed();
  });
  const platform: Platform = { ...local.platform, batches, files };
  const batch = sampleBatch({ inputs: [] });
  await platform.batches.create(batch);
  const [item] = await platform.batches.addItems(batch.id, [sampleInput(batch.id)]);
  if (item === undefined) throw new Error('no item');
  const app: App = createApp(platform, { prices: PRICES, stop: new AbortController().signal });
  const { refusal } = options;
  const handle = pubsubHandler({
    app,
    quarantine: '/quarantine',
    ...(refusal !== undefined && {
      refusalOf: async () => (refusal instanceof Error ? Promise.reject(refusal) : refusal),
    }),
  });
  const send = (request: { body: unknown; isDeadLetter?: boolean }) =>
    handle({ authorization: undefined, isDeadLetter: false, ...request });
  return {
    ...{ batch, item, platform: local.platform, files, calls, send },
    push: (message: Message, { notBefore }: { notBefore?: number } = {}) => send({ body: bodyOf(message, notBefore) }),
    pushDeadLetter(message: Message) {
      const body = bodyOf(message);
      const attributes = { ...body.message.attributes, CloudPubSubDeadLetterSourceDeliveryCount: '100' };
      return send({ body: { ...body, message: { ...body.message, attributes } }, isDeadLetter: true });
    },
  };
}

/** As Pub/Sub writes it, with some of the members that nobody needs. */
function bodyOf(message: Message, notBefore?: number) {
  const { data, attributes } = toWire(message, notBefore);
  return {
    message: {
      ...{ data: Buffer.from(data).toString('base64'), attributes, messageId: '1', message_id: '1' },
      ...{ publishTime: '2026-11-21T10:00:00Z', publish_time: '2026-11-21T10:00:00Z' },
    },
    subscription: 'projects/p/subscriptions/s',
  };
}
