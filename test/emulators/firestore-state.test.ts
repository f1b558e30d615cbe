import { randomBytes } from 'node:crypto';
import type { Firestore } from '@google-cloud/firestore';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { NO_COUNTS } from '../../functions/domain/batch.ts';
import type { Outcome } from '../../functions/domain/outcome.ts';
import { firestoreBatches } from '../../functions/platform/google/firestore-batches.ts';
import { firestoreJournal } from '../../functions/platform/google/firestore-journal.ts';
import type { Batches, Journal } from '../../functions/platform/ports.ts';
import { claimed, SAMPLE_DETAIL, sampleBatch, sampleInput, sampleStep, sampleSummary } from '../contract/samples.ts';
import { describeEmulated } from '../support/describe-emulated.ts';
import { type Emulator, startFirestoreEmulator } from '../support/emulators.ts';
import { interceptCommits } from '../support/faulty-commits.ts';
import { firestoreOn } from '../support/firestore-subject.ts';

const PROJECT = 'demo-state';
const RENEW = { leaseMs: 60_000 };

describeEmulated('State in Firestore', () => {
  let emulator: Emulator;
  let db: Firestore;
  let batches: Batches;
  let journal: Journal;
  beforeAll(async () => {
    emulator = await startFirestoreEmulator();
    db = firestoreOn(emulator.host, PROJECT);
    batches = firestoreBatches(db);
    journal = firestoreJournal(db, 'test');
  });
  afterAll(async () => {
    await db.terminate();
    await emulator.stop();
  });

  async function newBatch(change: Parameters<typeof sampleBatch>[0] = {}) {
    const batch = sampleBatch(change);
    expect(await batches.create(batch)).toBe(true);
    return batch;
  }
  async function settle(batchId: string, itemId: string, state: 'passed' | 'error', calls = 3) {
    const claim = await claimed(journal, batchId, itemId);
    await journal.settle(claim, { state, summary: sampleSummary({ calls }), detail: SAMPLE_DETAIL });
  }
  const documentsOf = async (path: string) => (await db.collection(path).get()).docs;

  it('counts a page of several commits once while it is added by three at a time', async () => {
    const batch = await newBatch({ shardCount: 32 });
    const refusal = { code: 'empty_file', message: 'No bytes.' } as const;
    const inputs = Array.from({ length: 300 }, (_, index) =>
      sampleInput(`${batch.id} ${index}`, { name: `${index % 9}.jpg`, ...(index % 3 === 0 && { refusal }) }),
    );
    const [one, ...others] = await Promise.all([1, 2, 3].map(() => batches.addItems(batch.id, inputs)));
    expect(others).toEqual([one, one]);
    expect(one?.map((item) => item.id)).toEqual(inputs.map((input) => input.id));
    expect(new Set(one?.map((item) => item.name)).size).toBe(300);
    expect(await batches.counts(batch.id)).toEqual({ ...NO_COUNTS, total: 300, skipped: 100 });
    expect(await documentsOf(`batches/${batch.id}/shards`)).toHaveLength(32);
  });

  it('adds no item to a batch that is sealed while the item is on its way', async () => {
    const late = firestoreOn(emulator.host, PROJECT);
    const batch = await newBatch();
    interceptCommits(late, async (send, n) => {
      if (n === 0) await batches.change(batch.id, () => ({ sealed: true }));
      return await send();
    });
    const adding = firestoreBatches(late).addItems(batch.id, [sampleInput(batch.id)]);
    await expect(adding).rejects.toMatchObject({ code: 'wrong_state', disposition: 'conflict' });
    await late.terminate();
    expect(await batches.items(batch.id, { limit: 9 })).toEqual([]);
    expect(await batches.counts(batch.id)).toEqual(NO_COUNTS);
    expect(await documentsOf(`batches/${batch.id}/names`)).toEqual([]);
  });

  it('takes many items back once while two ask for it', async () => {
    const batch = await newBatch();
    const refusal = { code: 'empty_file', message: 'No bytes.' } as const;
    const inputs = Array.from({ length: 250 }, (_, index) => sampleInput(`${batch.id} ${index}`, { refusal }));
    await batches.addItems(batch.id, inputs);
    const reopened = await Promise.all([1, 2].map(() => batches.reopen(batch.id, ['skipped'])));
    expect((reopened[0] ?? 0) + (reopened[1] ?? 0)).toBe(250);
    expect(await batches.counts(batch.id)).toEqual({ ...NO_COUNTS, total: 250 });
    const items = await batches.items(batch.id, { limit: 500 });
    expect(items.every((item) => item.epoch === 1 && item.state === 'queued')).toBe(true);
  });

  it('opens one batch of a command while several are asked for, and another when that one has ended', async () => {
    const all = Array.from({ length: 5 }, () => sampleBatch({ commandKey: 'the same command' }));
    const created = await Promise.all(all.map((batch) => batches.create(batch)));
    expect(created.filter(Boolean)).toHaveLength(1);
    await batches.change(all[created.indexOf(true)]?.id ?? '', () => ({ state: 'finished' }));
    expect(await batches.create(sampleBatch({ commandKey: 'the same command' }))).toBe(true);
  });

  it('keeps a long answer small and refuses what no document can hold', async () => {
    const batch = await newBatch();
    const [item] = await batches.addItems(batch.id, [sampleInput(batch.id)]);
    const claim = await claimed(journal, batch.id, item?.id ?? '');
    const long = sampleStep('long', 0, 'a mug with a handle, '.repeat(100_000));
    await journal.append(claim, [long], RENEW);
    expect(await journal.steps(claim.item)).toEqual([long]);
    const endless = sampleStep('endless', 1, randomBytes(1_000_000).toString('base64'));
    const refused = journal.append(claim, [endless], RENEW);
    await expect(refused).rejects.toMatchObject({ code: 'storage', message: expect.stringContaining('Step endless') });
    expect(await journal.steps(claim.item)).toEqual([long]);
    const detail = { ...SAMPLE_DETAIL, outcome: outcomeOf([['nested', ['arrays']]]) };
    await journal.settle(claim, { state: 'passed', summary: sampleSummary(), detail });
    expect((await batches.details(batch.id, [claim.item.id])).get(claim.item.id)).toEqual(detail);
  });

  it('takes step keys and work keys of any form', async () => {
    const batch = await newBatch({ recipeSettings: { nested: [[1], [2]], none: null } });
    expect(await batches.get(batch.id)).toEqual(batch);
    const keys = ['a/b', '.', '..', '__x__', 'judge:1~2', 'ü', 'x'.repeat(2000)];
    const inputs = keys.map((key) => sampleInput(`${batch.id} ${key.length} ${key.slice(0, 9)}`, { workKey: key }));
    const items = await batches.addItems(batch.id, inputs);
    const claim = await claimed(journal, batch.id, items[0]?.id ?? '');
    const steps = keys.map((key, seq) => sampleStep(key, seq));
    await journal.append(claim, steps, RENEW);
    expect(await journal.steps(claim.item)).toEqual(steps);
    expect(await batches.get('a/b')).toBeUndefined();
    expect(await batches.item(batch.id, '')).toBeUndefined();
  });

  it('tells epochs apart', async () => {
    const batch = await newBatch();
    const [item] = await batches.addItems(batch.id, [sampleInput(batch.id)]);
    const claim = await claimed(journal, batch.id, item?.id ?? '');
    await journal.append(claim, [sampleStep('describe', 0)], RENEW);
    for (const epoch of [1, 10]) expect(await journal.steps({ ...claim.item, epoch })).toEqual([]);
  });

  it('finds the work of a copy that had to do it itself', async () => {
    const batch = await newBatch();
    const workKey = `copied ${batch.id}`;
    const inputs = ['first', 'copy'].map((seed) => sampleInput(`${batch.id} ${seed}`, { workKey }));
    const [first, copy] = await batches.addItems(batch.id, inputs);
    await settle(batch.id, first?.id ?? '', 'error');
    await settle(batch.id, copy?.id ?? '', 'passed');
    const later = await newBatch();
    const [item] = await batches.addItems(later.id, [sampleInput(later.id, { workKey })]);
    expect(item).toMatchObject({ state: 'skipped', summary: { code: 'already_done' } });
    expect(item?.summary?.message).toContain(copy?.name);
  });

  it('knows work again that is taken up anew after another batch looked at it', async () => {
    const earlier = await newBatch();
    const workKey = `again ${earlier.id}`;
    const [first] = await batches.addItems(earlier.id, [sampleInput(earlier.id, { workKey })]);
    await settle(earlier.id, first?.id ?? '', 'error');
    await batches.change(earlier.id, () => ({ state: 'finished' }));
    const middle = await newBatch();
    const [second] = await batches.addItems(middle.id, [sampleInput(middle.id, { workKey })]);
    await settle(middle.id, second?.id ?? '', 'error');
    await batches.change(earlier.id, () => ({ state: 'running' }));
    await batches.reopen(earlier.id, ['error']);
    const later = await newBatch();
    const [third] = await batches.addItems(later.id, [sampleInput(later.id, { workKey })]);
    expect(third).toMatchObject({ state: 'skipped', summary: { code: 'unfinished_elsewhere' } });
    expect(third?.summary?.message).toContain(earlier.id);
  });

  it('judges leases by the time of the server, whatever the clock of the machine says', async () => {
    const batch = await newBatch();
    const [item] = await batches.addItems(batch.id, [sampleInput(batch.id)]);
    const hour = 3_600_000;
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 24 * hour });
    try {
      const claim = await claimed(journal, batch.id, item?.id ?? '', hour);
      await journal.append(claim, [sampleStep('describe', 0)], { leaseMs: hour });
      vi.setSystemTime(Date.now() + 48 * hour);
      expect(await journal.claim(batch.id, claim.item.id, hour)).toEqual({ kind: 'busy' });
    } finally {
      vi.useRealTimers();
    }
  });

  it('goes on with a claim that was passed on as a copy', async () => {
    const batch = await newBatch();
    const [item] = await batches.addItems(batch.id, [sampleInput(batch.id)]);
    const claim = structuredClone(await claimed(journal, batch.id, item?.id ?? ''));
    await journal.append(claim, [sampleStep('describe', 0)], RENEW);
    await journal.settle(claim, { state: 'passed', summary: sampleSummary(), detail: SAMPLE_DETAIL });
    expect(await batches.counts(batch.id)).toMatchObject({ passed: 1 });
  });
});

function outcomeOf(value: unknown): Outcome {
  return { state: 'passed', score: 1, message: 'Good.', result: { kind: 'json', value }, attempts: [] };
}
