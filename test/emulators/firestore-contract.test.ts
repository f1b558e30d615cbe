import { afterAll, beforeAll } from 'vitest';
import { firestoreBudgets } from '../../functions/platform/google/firestore-budgets.ts';
import { firestoreSources } from '../../functions/platform/google/firestore-sources.ts';
import { firestoreVectors } from '../../functions/platform/google/firestore-vectors.ts';
import { firestoreWaves } from '../../functions/platform/google/firestore-waves.ts';
import type { Budgets } from '../../functions/platform/limit-ports.ts';
import { batchesContract } from '../contract/batches.ts';
import { budgetsContract } from '../contract/budgets.ts';
import { changesContract } from '../contract/changes.ts';
import { journalContract } from '../contract/journal.ts';
import { pausesContract } from '../contract/pauses.ts';
import { sourcesContract } from '../contract/sources.ts';
import { vectorsContract } from '../contract/vectors.ts';
import { wavesContract } from '../contract/waves.ts';
import { describeEmulated } from '../support/describe-emulated.ts';
import { type Emulator, startFirestoreEmulator } from '../support/emulators.ts';
import { firestoreOn, firestoreSubject } from '../support/firestore-subject.ts';

/** Two processes that take turns. */
function taking(one: Budgets, other: Budgets): Budgets {
  let calls = 0;
  return new Proxy(one, {
    get(_, member) {
      calls += 1;
      return Reflect.get(calls % 2 === 0 ? one : other, member);
    },
  });
}

describeEmulated('Firestore', () => {
  let emulator: Emulator;
  beforeAll(async () => {
    emulator = await startFirestoreEmulator();
  });
  afterAll(() => emulator.stop());

  batchesContract('firestore', async () => firestoreSubject(firestoreOn(emulator.host)));
  changesContract('firestore', async () => firestoreSubject(firestoreOn(emulator.host)));
  journalContract('firestore', async () => firestoreSubject(firestoreOn(emulator.host)));
  budgetsContract('firestore', async () => {
    const db = firestoreOn(emulator.host);
    const subject = firestoreSubject(db);
    return {
      ...subject,
      platform: { ...subject.platform, budgets: taking(firestoreBudgets(db), firestoreBudgets(db)) },
    };
  });
  pausesContract('firestore', async () => firestoreSubject(firestoreOn(emulator.host)));
  wavesContract('firestore', async () => {
    const db = firestoreOn(emulator.host);
    return { waves: firestoreWaves(db), close: () => db.terminate() };
  });
  sourcesContract('firestore', async () => {
    const db = firestoreOn(emulator.host);
    return { platform: { sources: firestoreSources(db) }, close: () => db.terminate() };
  });
  vectorsContract('firestore', async () => {
    const db = firestoreOn(emulator.host);
    return { platform: { vectors: firestoreVectors(db) }, close: () => db.terminate() };
  });
});
