import { z } from 'zod';
import { dropSchema } from './drop.ts';
import { errorCodeSchema } from './errors.ts';
import { expectedSchema, workSchema } from './estimate.ts';
import { inputCursorSchema } from './message.ts';
import { fileRefSchema } from './model-call.ts';
import { momentOf } from './moment.ts';
import { optimizationSchema } from './optimization.ts';
import { runSettingsSchema } from './run-settings.ts';

export const TERMINAL_STATES = ['passed', 'failed', 'error', 'cancelled', 'skipped'] as const;
export type TerminalState = (typeof TERMINAL_STATES)[number];

export const ITEM_STATES = ['queued', 'running', 'parked', ...TERMINAL_STATES] as const;
export const itemStateSchema = z.enum(ITEM_STATES);
export type ItemState = z.infer<typeof itemStateSchema>;

export function isTerminal(state: ItemState): state is TerminalState {
  return (TERMINAL_STATES as readonly string[]).includes(state);
}

/** What a list shows of an item, at most 2 KB. Calls, cost and seconds are those of all its epochs. */
export const itemSummarySchema = z.object({
  score: z.number().nullable(),
  /** Rounds done. */
  attempts: z.number().int().nonnegative(),
  code: errorCodeSchema.optional(),
  message: z.string().max(600),
  calls: z.number().int().nonnegative(),
  costNano: z.number().int().nonnegative(),
  unpricedCalls: z.number().int().nonnegative(),
  /** Seconds in work, without waiting in the queue. */
  seconds: z.number().nonnegative(),
  /** The beginning of a text result, or the file name of a picture. */
  result: z.string().max(300),
  thumbnail: fileRefSchema.optional(),
  /** Of the input, where `thumbnail` shows what was made of it. */
  referenceThumbnail: fileRefSchema.optional(),
});
export type ItemSummary = z.infer<typeof itemSummarySchema>;

/** What a person says of a settled item; it holds until the item is taken again. */
export const reviewSchema = z.object({
  decision: z.enum(['approved', 'rejected']).nullable(),
  note: z.string().max(1000),
  /** Milliseconds since 1970. */
  at: z.number(),
});
export type Review = z.infer<typeof reviewSchema>;

export const itemSchema = z.object({
  batchId: z.string(),
  id: z.string(),
  /** Safe as a file name, distinct within the batch. */
  name: z.string(),
  /** Absolute path or gs:// URI. */
  source: z.string(),
  metadata: z.record(z.string(), z.string()),
  contentHash: z.string(),
  /** Hash of content, metadata and recipe fingerprint: items with the same work key have the same result. */
  workKey: z.string(),
  /** An item of the same batch with the same work, which this one waits for and then takes over without a call. */
  twin: z.string().optional(),
  state: itemStateSchema,
  /** Index of the shard that counts this item. */
  shard: z.number().int().nonnegative(),
  /** Grows with every claim; a write that carries an older one is refused. */
  fence: z.number().int().nonnegative(),
  /** Who works on it, until when (milliseconds since 1970). */
  owner: z.string().optional(),
  leaseUntil: z.number().optional(),
  /** Claims since the last recorded step that came to nothing, yields not counted: a crash loop without progress. */
  claims: z.number().int().nonnegative(),
  /** Grows when a settled item is taken again; the journal starts anew with each. */
  epoch: z.number().int().nonnegative(),
  /** The end it had before it was taken again; with `summary`, what it had come to by then. */
  reopenedFrom: z.enum(TERMINAL_STATES).optional(),
  /** The version of an improved prompt that it is worked with, from this epoch on. */
  prompt: z.object({ version: z.number().int().positive(), since: z.number().int().positive() }).optional(),
  firstClaimedAt: z.number().optional(),
  /** The running round and step, for people who watch. */
  progress: z.object({ attempt: z.number().int(), step: z.string(), since: z.number() }).optional(),
  settledAt: z.number().optional(),
  summary: itemSummarySchema.optional(),
  review: reviewSchema.optional(),
});
export type Item = z.infer<typeof itemSchema>;

/** Live counters, the sum over a batch's shards. */
export interface Counts {
  total: number;
  passed: number;
  failed: number;
  error: number;
  cancelled: number;
  skipped: number;
  calls: number;
  costNano: number;
  unpricedCalls: number;
  /** Sum and number of the scores, for the average. */
  scoreSum: number;
  scored: number;
  attempts: number;
}

export const NO_COUNTS: Counts = {
  total: 0,
  passed: 0,
  failed: 0,
  error: 0,
  cancelled: 0,
  skipped: 0,
  calls: 0,
  costNano: 0,
  unpricedCalls: 0,
  scoreSum: 0,
  scored: 0,
  attempts: 0,
};

/** Items that reached their end. */
export function settledOf(counts: Counts): number {
  return counts.passed + counts.failed + counts.error + counts.cancelled + counts.skipped;
}

/** Share of passed items among those that were judged or should have been; null when there is none. */
export function passRateOf(counts: Counts): number | null {
  const judged = counts.passed + counts.failed + counts.error;
  return judged === 0 ? null : counts.passed / judged;
}

/** A shard for every so many items. */
const ITEMS_PER_SHARD = 500;
/** More shards are no faster and cost reads; fewer would be too slow for a batch whose size only shows later. */
const SHARDS_OF_MANY = 64;

/** One shard for a small batch, then a power of two; `items` undefined: more than can be counted beforehand. */
export function shardCountFor(items: number | undefined, most: number): number {
  const wanted = items === undefined ? SHARDS_OF_MANY : 2 ** Math.ceil(Math.log2(Math.max(1, items / ITEMS_PER_SHARD)));
  return Math.min(most, wanted);
}

/** Shard of an item, from its (hashed) id, so that neighbours in the catalogue are counted apart. */
export function shardOf(itemId: string, shardCount: number): number {
  return Number.parseInt(itemId.slice(0, 8), 16) % shardCount;
}

export const batchStateSchema = z.enum(['running', 'paused', 'finished', 'cancelled']);

export const archiveFormatSchema = z.enum(['zip', 'tar', 'none']);

const momentSchema = z.string().refine((text) => momentOf(text, 0) !== undefined, 'no moment such as 2026-11-01 or 7d');

/** While a sample is chosen, some bytes for each of its items are in messages and in the batch's document. */
export const MAX_SAMPLE = 10_000;

/** Columns of manifests that have a column in tables; the rest stand together. */
export const MAX_COLUMNS = 200;

/** Which files of the inputs become items. */
export const selectionSchema = z.object({
  patterns: z.array(z.string()),
  recursive: z.boolean(),
  maxFileBytes: z.number().int().positive(),
  /** Smaller files are left aside. */
  minBytes: z.number().int().positive().optional(),
  /** Only files written at this moment or later; as `momentOf` takes it, so that the same command stays the same. */
  modifiedAfter: momentSchema.optional(),
  /** Only files written before this moment. */
  modifiedBefore: momentSchema.optional(),
  /** The first so many items, in order. */
  limit: z.number().int().positive().optional(),
  /** So many items, chosen by a hash of each with the seed. */
  sample: z.object({ size: z.number().int().positive().max(MAX_SAMPLE), seed: z.number().int() }).optional(),
  /** Folders and buckets that rows of manifests may name files in; anywhere, if it is not set. */
  within: z.array(z.string()).optional(),
  /** Folders whose files are never inputs: results and state of proofsheet itself. */
  exclude: z.array(z.string()).optional(),
});
export type Selection = z.infer<typeof selectionSchema>;

const plannerSchema = z.object({
  /** Grows whenever a delivery takes the planner up and whenever it begins anew; a write of an earlier turn is refused. */
  turn: z.number().int().nonnegative(),
  /** A delivery is at it until then. One that ended well takes this away; one that died may have left a page unannounced. */
  leaseUntil: z.number().optional(),
  cursor: inputCursorSchema,
  /** Before the listing goes on, what is open is announced again, in order of item ids. */
  announcing: z
    .object({
      after: z.string(),
      published: z.number().int().nonnegative(),
      /** Open items when that began. */
      of: z.number().int().nonnegative().optional(),
    })
    .optional(),
  /** The number of shards is chosen; it stays. */
  sharded: z.boolean(),
  /** When it last came a page further, and when it was last at work. */
  movedAt: z.number(),
  seenAt: z.number(),
});
export type Planner = z.infer<typeof plannerSchema>;

export const batchSchema = z.object({
  id: z.string(),
  name: z.string(),
  state: batchStateSchema,
  createdAt: z.number(),
  /** Hash of inputs, selection and recipe fingerprint, or of a drop's folder: the same command finds its unfinished batch by it. */
  commandKey: z.string(),
  inputs: z.array(z.string()),
  selection: selectionSchema,
  recipe: z.string(),
  recipeVersion: z.number().int(),
  /** As the recipe's own schema parsed them; a resumed batch goes on with these. */
  recipeSettings: z.record(z.string(), z.unknown()),
  /** Hash of recipe, version and settings. */
  recipeFingerprint: z.string(),
  simulated: z.boolean(),
  /** Take items that are already done in earlier batches. */
  force: z.boolean(),
  run: runSettingsSchema,
  /** Folder or gs:// prefix of the results, already with the batch id. */
  outputDir: z.string(),
  archive: archiveFormatSchema,
  /** Column whose equal values bring items together in the reports. It changes no item's work. */
  groupBy: z.string().min(1).optional(),
  /** Improve the prompt from failures before the batch is closed, with so many calls at most. */
  optimize: z.object({ calls: z.number().int().positive() }).optional(),
  /** How far that has come. */
  optimization: optimizationSchema.optional(),
  shardCount: z.number().int().positive(),
  /** True when every input is an item: only then can the batch be complete. */
  sealed: z.boolean(),
  /** Files that were met and left aside, by reason. */
  ignored: z.record(z.string(), z.number()),
  /** Columns that manifests brought, as they were met. */
  columns: z.array(z.string()).optional(),
  cancelRequested: z.boolean(),
  pause: z.object({ code: errorCodeSchema, message: z.string(), until: z.number().optional() }).optional(),
  /** Grows each time a finished batch is opened again. */
  revision: z.number().int().nonnegative(),
  /** When it was last gone on with; what failed under an earlier run must not stop this one. */
  resumedAt: z.number().optional(),
  /** Lease of the finaliser; its fence only grows. `end` is what it closes the batch with, the same for all who take over. */
  finalizer: z
    .object({
      fence: z.number().int(),
      leaseUntil: z.number(),
      end: z.object({ state: z.enum(['finished', 'cancelled']), at: z.number() }).optional(),
    })
    .optional(),
  /** Where the planner stands, which lists the inputs and announces items. */
  planner: plannerSchema.optional(),
  /** What the sweep keeps of its looks at the batch. */
  sweep: z
    .object({
      /** When it last looked; for a while nobody else does. */
      at: z.number(),
      /** Items whose lease ended by then are announced. */
      leasesUntil: z.number().optional(),
      /** Rounds of announcing all that is open since the batch last moved; `after` is the item that one has come to. */
      rounds: z.object({ at: z.number(), count: z.number().int(), after: z.string().optional() }).optional(),
    })
    .optional(),
  /** Of a batch that was opened by files in the watched bucket or folder. */
  drop: dropSchema.optional(),
  /** Why it was cancelled, where no person asked for it. */
  cancelReason: z.string().optional(),
  /** Since when its deadline has left no time for waves. */
  leftWavesAt: z.number().optional(),
  /** When answers that came with waves were last announced once more. */
  answersAt: z.number().optional(),
  /** What was expected of each item when it began. */
  expected: expectedSchema.optional(),
  /** What an item took, once it has ended. */
  measured: workSchema.optional(),
  finishedAt: z.number().optional(),
  report: z.string().optional(),
  /** A process that is always there works it off, not the command that started it. */
  hosted: z.boolean().optional(),
  /** Since when people have said things of items that the report does not show. */
  reviewedAt: z.number().optional(),
});
export type Batch = z.infer<typeof batchSchema>;

/** `20261120-143005-k3f9`: sorts by time, short to type, readable in a list. `token` makes it unique. */
export function batchIdFor(now: number, token: string): string {
  const iso = new Date(now).toISOString();
  return `${iso.slice(0, 10).replaceAll('-', '')}-${iso.slice(11, 19).replaceAll(':', '')}-${token}`;
}
