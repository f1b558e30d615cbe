import { join } from 'node:path';
import type { Clock, Deliveries, Files, Log, Models, Platform } from '../ports.ts';
import type { ModelJobs } from '../wave-ports.ts';
import { diskFiles } from './disk-files.ts';
import { processPresence } from './process-presence.ts';
import { type ProcessQueueOptions, processQueue } from './process-queue.ts';
import { openDatabase } from './sqlite.ts';
import { sqliteBatches } from './sqlite-batches.ts';
import { sqliteBudgets } from './sqlite-budgets.ts';
import { sqliteChanges } from './sqlite-changes.ts';
import { sqliteJournal } from './sqlite-journal.ts';
import { sqlitePauses } from './sqlite-pauses.ts';
import { sqliteSources } from './sqlite-sources.ts';
import { sqliteVectors } from './sqlite-vectors.ts';
import { sqliteWaves } from './sqlite-waves.ts';
import { systemClock } from './system-clock.ts';

export interface LocalPlatformOptions {
  /** State folder: database, stored objects, locks of the running processes. */
  home: string;
  models: Models;
  jobs: ModelJobs;
  log: Log;
  /** Given where others read files too, as the models do: what was just read is in memory for both. */
  files?: Files;
  clock?: Clock;
  onDeadLetter?: NonNullable<ProcessQueueOptions['onDeadLetter']>;
  queue?: Pick<ProcessQueueOptions, 'minBackoffMs' | 'maxBackoffMs' | 'maxDeliveries' | 'ackDeadlineMs' | 'pollMs'>;
}

/** Everything on this machine. Several processes may share one home. `close` waits for writes under way. */
export function localPlatform(options: LocalPlatformOptions): {
  platform: Platform;
  deliveries: Deliveries;
  close(): Promise<void>;
} {
  const { home, models, jobs, log, files = diskFiles({ home }), clock = systemClock(), onDeadLetter, queue } = options;
  const db = openDatabase(join(home, 'proofsheet.db'));
  const presence = processPresence(home);
  const batches = sqliteBatches(db, clock);
  const messages = processQueue({ db, presence, clock, log, ...queue, ...(onDeadLetter && { onDeadLetter }) });
  return {
    platform: {
      batches,
      changes: sqliteChanges(db, batches, clock),
      journal: sqliteJournal(db, presence, clock),
      queue: messages,
      files,
      sources: sqliteSources(db),
      models,
      jobs,
      waves: sqliteWaves(db),
      pauses: sqlitePauses(db),
      vectors: sqliteVectors(db),
      budgets: sqliteBudgets(db),
      clock,
      log,
    },
    deliveries: messages,
    async close() {
      await db.close();
      presence.leave();
    },
  };
}
