import type { Firestore } from '@google-cloud/firestore';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { createApp } from '../../functions/app/app.ts';
import { sweep } from '../../functions/app/sweep.ts';
import { claimed, SAMPLE_DETAIL, sampleBatch, sampleInput, sampleStep, sampleSummary } from '../contract/samples.ts';
import { localSubject } from '../platform/local-platform.ts';
import { describeEmulated } from '../support/describe-emulated.ts';
import { type Emulator, startFirestoreEmulator } from '../support/emulators.ts';
import { PRICES } from '../support/engine-fakes.ts';
import { meterOf } from '../support/firestore-meter.ts';
import { firestoreOn, firestoreSubject } from '../support/firestore-subject.ts';

const RENEW = { leaseMs: 60_000 };

describeEmulated('What Firestore bills', () => {
  let emulator: Emulator;
  let db: Firestore;
  beforeAll(async () => {
    emulator = await startFirestoreEmulator();
    db = firestoreOn(emulator.host);
  });
  afterAll(async () => {
    await db.terminate();
    await emulator.stop();
  });

  it('reads a worked item once and writes it with each step', async () => {
    const { batches, journal } = firestoreSubject(db).platform;
    const batch = sampleBatch({ shardCount: 1 });
    await batches.create(batch);
    const [item] = await batches.addItems(batch.id, [sampleInput(batch.id)]);
    const meter = meterOf(db);
    const spent = async (work: () => Promise<unknown>) => {
      Object.assign(meter, { reads: 0, writes: 0, commits: 0 });
      await work();
      return { ...meter };
    };

    let claim = await claimed(journal, batch.id, item?.id ?? '');
    await journal.release(claim, { state: 'queued', countsAsClaim: false });
    const claiming = await spent(async () => {
      claim = await claimed(journal, batch.id, item?.id ?? '');
    });
    expect(claiming).toEqual({ reads: 1, writes: 1, commits: 1 });
    const looking = await spent(() => journal.steps(claim.item));
    expect(looking).toEqual({ reads: 1, writes: 0, commits: 0 });
    for (let seq = 0; seq < 7; seq += 1) {
      const appending = await spent(() => journal.append(claim, [sampleStep(`step ${seq}`, seq)], RENEW));
      expect(appending).toEqual({ reads: 0, writes: 2, commits: 1 });
    }
    const settlement = { state: 'passed', summary: sampleSummary(), detail: SAMPLE_DETAIL } as const;
    const settling = await spent(() => journal.settle(claim, settlement));
    expect(settling).toEqual({ reads: 1, writes: 3, commits: 1 });
    expect(await spent(() => batches.counts(batch.id))).toMatchObject({ reads: 1 });
  });

  it('adds an item for three writes and looks its id, its name and its work up', async () => {
    const { batches } = firestoreSubject(db).platform;
    const batch = sampleBatch({ shardCount: 1 });
    await batches.create(batch);
    const meter = meterOf(db);
    const inputs = Array.from({ length: 100 }, (_, index) => sampleInput(`${batch.id} ${index}`));
    await batches.addItems(batch.id, inputs);
    // And one of each for the batch, one write for its shard.
    expect(meter).toEqual({ reads: 301, writes: 302, commits: 1 });
    Object.assign(meter, { reads: 0, writes: 0, commits: 0 });
    await batches.addItems(batch.id, inputs);
    expect(meter).toEqual({ reads: 101, writes: 0, commits: 0 });
  });

  it('looks after nothing for one read, and after a batch at work for four and a write', async () => {
    const own = firestoreOn(emulator.host);
    onTestFinished(() => own.terminate());
    const platform = { ...(await localSubject()).platform, ...firestoreSubject(own).platform };
    const app = createApp(platform, { prices: PRICES, stop: new AbortController().signal });
    const meter = meterOf(own);
    await sweep(app);
    expect(meter).toEqual({ reads: 1, writes: 0, commits: 0 });

    const batch = sampleBatch({ createdAt: platform.clock.now() });
    await platform.batches.create(batch);
    const inputs = Array.from({ length: 100 }, (_, index) => sampleInput(`${batch.id} ${index}`));
    const items = await platform.batches.addItems(batch.id, inputs);
    for (const item of items.slice(0, 3)) await claimed(platform.journal, batch.id, item.id);
    await platform.batches.change(batch.id, () => ({ sealed: true }));
    Object.assign(meter, { reads: 0, writes: 0, commits: 0 });
    await sweep(app);
    expect(meter).toEqual({ reads: 4, writes: 1, commits: 1 });
  });
});
