import { describe, expect, it } from 'vitest';
import { dispatch } from '../../functions/app/dispatch.ts';
import { ProofsheetError } from '../../functions/domain/errors.ts';
import type { Message } from '../../functions/domain/message.ts';
import type { Platform } from '../../functions/platform/ports.ts';
import { appWorld } from '../support/app-world.ts';
import { intercepted } from '../support/crashing-platform.ts';

const outage = () => new ProofsheetError('storage_unavailable', 'No answer.', { disposition: 'transient' });
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
    { port: 'journal', method: 'steps', paid: 0 },
    { port: 'files', method: 'read', paid: 0 },
    { port: 'journal', method: 'settle', paid: 2 },
    { port: 'files', method: 'write', paid: 2 },
  ] as const)('gives the message of an item back at $port.$method, however often, and pauses nothing', async (at) => {
    const { app, message, requests, trouble, state, id, platform } = await oneItem({ ...at, with: outage });
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
  });

  it('counts passes whose paid answer could not be recorded, so that they do not go on for ever', async () => {
    const { app, message, requests, state } = await oneItem({ port: 'journal', method: 'append', with: outage });
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
  ] as const)('pauses the batch at $port.$method and leaves the item as it is', async (at) => {
    const { app, message, state, id, platform } = await oneItem({ ...at, with: fullDisk });
    expect(await dispatch(app, message)).toEqual({ kind: 'ack' });
    expect(await state()).toMatchObject({ batch: 'paused', item: { state: 'queued', claims: 0 } });
    expect((await platform.batches.get(id))?.pause).toEqual({ code: 'storage', message: 'The disk is full.' });
  });
});
