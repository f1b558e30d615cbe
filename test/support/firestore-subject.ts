import { Firestore } from '@google-cloud/firestore';
import { firestoreBatches } from '../../functions/platform/google/firestore-batches.ts';
import { firestoreBudgets } from '../../functions/platform/google/firestore-budgets.ts';
import { firestoreChanges } from '../../functions/platform/google/firestore-changes.ts';
import { firestoreJournal } from '../../functions/platform/google/firestore-journal.ts';
import { firestorePauses } from '../../functions/platform/google/firestore-pauses.ts';
import { firestoreSettings } from '../../functions/platform/google/firestore-settings.ts';
import { systemClock } from '../../functions/platform/local/system-clock.ts';
import type { StoreSubject } from '../contract/samples.ts';

// The client would look for a machine in the cloud to take credentials from.
process.env.METADATA_SERVER_DETECTION = 'none';

let projects = 0;

/** A client for an emulator. Without a project of its own it gets an empty database: emulators keep projects apart. */
export function firestoreOn(host: string, projectId = `demo-${process.pid}-${projects}`): Firestore {
  projects += 1;
  return new Firestore(firestoreSettings({ projectId, host, ssl: false }));
}

/** The state in Firestore as the subject of a contract suite. */
export function firestoreSubject(db: Firestore): StoreSubject {
  return {
    platform: {
      batches: firestoreBatches(db),
      changes: firestoreChanges(db),
      journal: firestoreJournal(db, 'test'),
      pauses: firestorePauses(db),
      budgets: firestoreBudgets(db),
      clock: systemClock(),
    },
    close: () => db.terminate(),
  };
}
