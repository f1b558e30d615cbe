import { setTimeout as later } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_COUNTS } from '../../functions/domain/batch.ts';
import { batchesContract } from '../contract/batches.ts';
import { journalContract } from '../contract/journal.ts';
import { claimed, SAMPLE_DETAIL, sampleBatch, sampleInput, sampleStep, sampleSummary } from '../contract/samples.ts';
import { describeEmulated } from '../support/describe-emulated.ts';
import { type Emulator, startFirestoreEmulator } from '../support/emulators.ts';
import { interceptCommits, unavailable, type Way } from '../support/faulty-commits.ts';
import { firestoreOn, firestoreSubject } from '../support/firestore-subject.ts';

/** Commits are made, but nobody hears of it. */
const lost: Way = async (send) => {
  await send();
  throw unavailable();
};
/** The client itself sends again what it had no answer to. */
const repeated: Way = async (send) => {
  await send();
  return await send();
};
/** Every other commit never arrives. */
const dropped: Way = (send, n) => (n % 2 === 0 ? Promise.reject(unavailable()) : send());

describeEmulated('Firestore behind a broken connection', () => {
  let emulator: Emulator;
  beforeAll(async () => {
    emulator = await startFirestoreEmulator();
  });
  afterAll(() => emulator.stop());
  const subject = (way: Way) => {
    const db = firestoreOn(emulator.host);
    interceptCommits(db, way);
    return firestoreSubject(db);
  };

  for (const [name, way] of Object.entries({ lost, repeated, dropped })) {
    describe(`with commits ${name}`, () => {
      batchesContract('firestore', async () => subject(way));
      journalContract('firestore', async () => subject(way));
    });
  }

  it('counts once when a commit that was given up arrives later', async () => {
    const late: Promise<unknown>[] = [];
    const { platform, close } = subject(async (send, n) => {
      if (n % 2 === 1) return await send();
      const arrival = later(n % 4 === 0 ? 0 : 40).then(send);
      late.push(arrival.catch((refused: unknown) => refused));
      throw unavailable();
    });
    const { batches, journal } = platform;
    const batch = sampleBatch();
    await batches.create(batch);
    const inputs = Array.from({ length: 6 }, (_, index) => sampleInput(`${batch.id} ${index}`));
    await batches.addItems(batch.id, inputs);
    for (const { id } of inputs) {
      const claim = await claimed(journal, batch.id, id);
      await journal.append(claim, [sampleStep('describe', 0)], { leaseMs: 60_000 });
      await journal.append(claim, [sampleStep('score', 1)], { leaseMs: 60_000 });
      await journal.settle(claim, { state: 'failed', summary: sampleSummary(), detail: SAMPLE_DETAIL });
      expect(await journal.steps(claim.item)).toEqual([sampleStep('describe', 0), sampleStep('score', 1)]);
    }
    const spent = { calls: 18, costNano: 6000, unpricedCalls: 6 };
    const settled = { failed: 6, scored: 6, scoreSum: 4.8, attempts: 12 };
    expect(await batches.counts(batch.id)).toEqual({ ...NO_COUNTS, ...spent, ...settled, total: 6 });
    expect(await batches.reopen(batch.id, ['failed'])).toBe(6);
    await Promise.all(late);
    expect(await batches.counts(batch.id)).toEqual({ ...NO_COUNTS, ...spent, total: 6 });
    await close();
  });

  it('reports a database that cannot be reached as a passing trouble of the storage', async () => {
    const { platform, close } = subject(() => Promise.reject(unavailable()));
    await expect(platform.batches.create(sampleBatch())).rejects.toMatchObject({
      code: 'storage_unavailable',
      disposition: 'transient',
      scope: 'item',
    });
    await close();
  });
});
