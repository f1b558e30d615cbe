import { randomUUID } from 'node:crypto';
import { ProofsheetError } from '../../domain/errors.ts';
import type { Message } from '../../domain/message.ts';
import { onDemand } from '../../lib/on-demand.ts';
import type { Budgets, ModelPauses, Sources } from '../limit-ports.ts';
import type { Batches, Changes, Clock, Files, Journal, Log, Models, Platform, Vectors } from '../ports.ts';
import type { ModelJobs, Waves } from '../wave-ports.ts';
import { pubsubQueue } from './pubsub-queue.ts';
import { storedPictures } from './staged-pictures.ts';
import { storageFiles } from './storage-files.ts';
import type { PicturePlace } from './vertex-gecko.ts';

export interface GooglePlatformOptions {
  /** Left out, the clients find it out. */
  project?: string;
  /** Firestore database id. */
  database: string;
  topics: { process: string; finalize: string; control: string };
  /** Where results go. */
  outputBucket?: string;
  /** Where pictures and answers are kept by content. */
  workBucket?: string;
  /** Gives models that read files by `open`. */
  models: (open: Files['open']) => Models;
  /** Gives jobs that read and find files. */
  jobs: (files: Files) => ModelJobs;
  clock: Clock;
  log: Log;
}

/**
 * Everything on Google Cloud. Nothing is loaded or connected before it is used. The clients honour FIRESTORE_EMULATOR_HOST,
 * PUBSUB_EMULATOR_HOST and STORAGE_EMULATOR_HOST.
 */
export function googlePlatform(options: GooglePlatformOptions): Platform {
  const { project, database, topics, clock, log } = options;
  const { outputBucket, workBucket } = bucketsToWrite(options);
  const client = project === undefined ? {} : { projectId: project };
  const store = firestoreOnDemand({ ...client, databaseId: database });
  const queue = pubsubQueue({ topicFor: (kind) => topicOf(kind, topics), clock, client });
  const files = storageFiles({ objects: objectsIn(workBucket), results: `gs://${outputBucket}`, client });
  return { ...store, queue, files, models: options.models(files.open), jobs: options.jobs(files), clock, log };
}

/** Where Google's side can read the pictures that this platform keeps. */
export function workPictures({
  project,
  workBucket = '',
}: Pick<GooglePlatformOptions, 'project' | 'workBucket'>): PicturePlace {
  const client = project === undefined ? {} : { projectId: project };
  return storedPictures({ objects: objectsIn(workBucket), client });
}

function objectsIn(bucket: string): { bucket: string; prefix: string } {
  return { bucket, prefix: 'objects' };
}

function bucketsToWrite(options: GooglePlatformOptions): { outputBucket: string; workBucket: string } {
  const { outputBucket, workBucket } = options;
  if (outputBucket === undefined || workBucket === undefined) {
    throw new ProofsheetError('usage', 'OUTPUT_BUCKET is not set; set it to the name of the bucket for results.');
  }
  return { outputBucket, workBucket };
}

function topicOf(kind: Message['kind'], topics: GooglePlatformOptions['topics']): string {
  // Improving a prompt makes calls to models, as working an item off does.
  if (kind === 'optimize') return topics.process;
  return kind === 'process' || kind === 'finalize' ? topics[kind] : topics.control;
}

type Store = Pick<Platform, 'batches' | 'budgets' | 'changes' | 'journal' | 'sources' | 'pauses' | 'vectors' | 'waves'>;

const BATCHES: Record<keyof Batches, true> = {
  create: true,
  get: true,
  list: true,
  change: true,
  addItems: true,
  item: true,
  items: true,
  recent: true,
  details: true,
  counts: true,
  reopen: true,
  review: true,
};
const CHANGES: Record<keyof Changes, true> = { last: true, ended: true, follow: true };
const JOURNAL: Record<keyof Journal, true> = {
  claim: true,
  steps: true,
  append: true,
  settle: true,
  release: true,
  expired: true,
};
const SOURCES: Record<keyof Sources, true> = { count: true };
const WAVES: Record<keyof Waves, true> = {
  park: true,
  callsOf: true,
  calls: true,
  join: true,
  move: true,
  forget: true,
  create: true,
  list: true,
  change: true,
};
const PAUSES: Record<keyof ModelPauses, true> = { pause: true, pausedUntil: true };
const VECTORS: Record<keyof Vectors, true> = {
  spaces: true,
  put: true,
  known: true,
  describe: true,
  get: true,
  list: true,
  nearest: true,
  remove: true,
  clear: true,
};
const BUDGETS: Record<keyof Budgets, true> = { hold: true, end: true, open: true, standing: true };

/** What is in Firestore, over one client. */
function firestoreOnDemand(settings: { projectId?: string; databaseId: string }): Store {
  let opened: Promise<Store> | undefined;
  const open = () => {
    opened ??= openFirestore(settings);
    return opened;
  };
  return {
    batches: onDemand(BATCHES, async () => (await open()).batches),
    changes: onDemand(CHANGES, async () => (await open()).changes),
    journal: onDemand(JOURNAL, async () => (await open()).journal),
    sources: onDemand(SOURCES, async () => (await open()).sources),
    pauses: onDemand(PAUSES, async () => (await open()).pauses),
    vectors: onDemand(VECTORS, async () => (await open()).vectors),
    budgets: onDemand(BUDGETS, async () => (await open()).budgets),
    waves: onDemand(WAVES, async () => (await open()).waves),
  };
}

async function openFirestore(settings: { projectId?: string; databaseId: string }): Promise<Store> {
  const [
    { Firestore },
    { firestoreBatches },
    { firestoreBudgets },
    { firestoreChanges },
    { firestoreJournal },
    { firestorePauses },
    { firestoreSettings },
    { firestoreSources },
    { firestoreVectors },
    { firestoreWaves },
  ] = await Promise.all([
    import('@google-cloud/firestore'),
    import('./firestore-batches.ts'),
    import('./firestore-budgets.ts'),
    import('./firestore-changes.ts'),
    import('./firestore-journal.ts'),
    import('./firestore-pauses.ts'),
    import('./firestore-settings.ts'),
    import('./firestore-sources.ts'),
    import('./firestore-vectors.ts'),
    import('./firestore-waves.ts'),
  ]);
  const db = new Firestore(firestoreSettings(settings));
  return {
    batches: firestoreBatches(db),
    changes: firestoreChanges(db),
    journal: firestoreJournal(db, randomUUID()),
    sources: firestoreSources(db),
    pauses: firestorePauses(db),
    vectors: firestoreVectors(db),
    budgets: firestoreBudgets(db),
    waves: firestoreWaves(db),
  };
}
