import type { Batch, ItemSummary } from '../../functions/domain/batch.ts';
import type { StepEntry } from '../../functions/domain/journal.ts';
import type { ItemDetail } from '../../functions/domain/outcome.ts';
import { sha256 } from '../../functions/lib/hash.ts';
import type { Claim, Deliveries, Journal, NewItem, Platform } from '../../functions/platform/ports.ts';

/** What a contract suite works on: an empty platform and a folder or prefix for files. */
export interface Subject {
  platform: Platform;
  deliveries: Deliveries;
  folder: string;
  close(): Promise<void>;
}
export type MakeSubject = () => Promise<Subject>;

/** What the suites of the state work on. */
export interface StoreSubject {
  platform: Pick<Platform, 'batches' | 'budgets' | 'changes' | 'journal' | 'pauses' | 'clock'>;
  close(): Promise<void>;
}
export type MakeStoreSubject = () => Promise<StoreSubject>;

let made = 0;

/** A running batch with an id of its own. */
export function sampleBatch(change: Partial<Batch> = {}): Batch {
  made += 1;
  return {
    id: `batch-${process.pid}-${made}`,
    name: 'Mugs',
    state: 'running',
    createdAt: 1_700_000_000_000 + made,
    commandKey: `command-${process.pid}-${made}`,
    inputs: ['/pictures'],
    selection: { patterns: ['*'], recursive: true, maxFileBytes: 1000 },
    recipe: 'fidelity',
    recipeVersion: 1,
    recipeSettings: { threshold: 0.7 },
    recipeFingerprint: 'fingerprint',
    simulated: true,
    force: false,
    run: { lane: 'standard', maxConcurrent: 5, maxRetries: 5, timeoutMs: 60_000 },
    outputDir: '/output',
    archive: 'none',
    shardCount: 4,
    sealed: false,
    ignored: {},
    cancelRequested: false,
    revision: 0,
    ...change,
  };
}

/** An input of its own name, content and work, unless said otherwise. */
export function sampleInput(seed: string, change: Partial<NewItem> = {}): NewItem {
  return {
    id: sha256(`item ${seed}`).slice(0, 20),
    name: `${seed}.jpg`,
    source: `/pictures/${seed}.jpg`,
    metadata: { title: seed },
    contentHash: sha256(`content ${seed}`),
    workKey: sha256(`work ${seed}`),
    ...change,
  };
}

export function sampleSummary(change: Partial<ItemSummary> = {}): ItemSummary {
  return {
    score: 0.8,
    attempts: 2,
    message: 'Good enough.',
    calls: 3,
    costNano: 1000,
    unpricedCalls: 1,
    seconds: 1.5,
    result: 'mug.png',
    ...change,
  };
}

export const SAMPLE_DETAIL: ItemDetail = { steps: [], candidateThumbnails: {} };

export function sampleStep(key: string, seq: number, text = 'a mug'): StepEntry {
  return {
    key,
    seq,
    fingerprint: sha256(key),
    request: { kind: 'text', model: 'model', parts: [{ text: 'Describe it.' }] },
    outcome: { ok: true, text },
    paid: {
      usage: { input: 10, cached: 0, output: 5, outputImage: 0, thoughts: 0 },
      modelVersion: 'model-1',
      responseId: 'r1',
    },
    lane: 'standard',
    attempt: 0,
    tries: 1,
    startedAt: 1,
    tookMs: 2,
    costNano: 3,
  };
}

/** Claims what must be free. */
export async function claimed(journal: Journal, batchId: string, itemId: string, leaseMs = 60_000): Promise<Claim> {
  const result = await journal.claim(batchId, itemId, leaseMs);
  if (result.kind !== 'claimed') throw new Error(`the item is ${result.kind}`);
  return result.claim;
}
