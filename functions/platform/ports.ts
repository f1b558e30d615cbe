import type { Batch, Counts, Item, ItemState, ItemSummary, Review, TerminalState } from '../domain/batch.ts';
import type { EntryFacts, EntryFilter, FusionWeights, VectorSpace } from '../domain/embedding.ts';
import type { ErrorCode } from '../domain/errors.ts';
import type { StepEntry } from '../domain/journal.ts';
import type { Disposal, Message } from '../domain/message.ts';
import type { FileRef, LaneName, ModelAnswer, ModelRequest } from '../domain/model-call.ts';
import type { Revised } from '../domain/optimization.ts';
import type { ItemDetail } from '../domain/outcome.ts';
import type { Budgets, ModelPauses, Sources } from './limit-ports.ts';
import type { ModelJobs, Waves } from './wave-ports.ts';

/** Batches and their items. Every method is atomic by itself. */
export interface Batches {
  /** Write-once by id; false if it is there, if an unfinished batch has the same command key, or if as many run as may. */
  create(batch: Batch, most?: { running: number }): Promise<boolean>;
  get(batchId: string): Promise<Batch | undefined>;
  /** Newest first, those after the batch `after`; `unfinished`: only those running or paused. */
  list(page: { limit: number; after?: string; commandKey?: string; unfinished?: boolean }): Promise<Batch[]>;
  /** Read, decide, write if nobody wrote in between, else again. `decide` returns undefined to leave all as it is. Gives the batch afterwards. */
  change(batchId: string, decide: (batch: Batch) => Partial<Batch> | undefined): Promise<Batch>;
  /**
   * Adds inputs as queued items and counts them, some or all at once, never one without the other; an id that is there is left alone, so a page may be added
   * twice. Fails with a conflict when the batch is sealed or not running. Makes names distinct; settles at once as `skipped` what is done or unfinished elsewhere (unless the batch
   * forces); marks a repeated work key within the batch as `twin`. Gives the items as they now stand, in order.
   */
  addItems(batchId: string, inputs: readonly NewItem[]): Promise<Item[]>;
  item(batchId: string, itemId: string): Promise<Item | undefined>;
  /** In order of item id, after the id `after`; those of some states only, or those only that bear a review. */
  items(batchId: string, page: ItemPage): Promise<Item[]>;
  /** Settled items, the latest first. */
  recent(batchId: string, page: { limit: number }): Promise<Item[]>;
  details(batchId: string, itemIds: readonly string[]): Promise<Map<string, ItemDetail>>;
  counts(batchId: string): Promise<Counts>;
  /** Settled items of these states (all, or those that are to be `revised`) go back to `queued` with a new epoch, uncounted and without review. Gives how many; safe to repeat. */
  reopen(batchId: string, states: readonly TerminalState[], revised?: Revised): Promise<number>;
  /**
   * Keeps what a person says of a settled item in place of what was said before; undefined takes it back. Errors: not_found;
   * wrong_state (a conflict) for an item that is not settled.
   */
  review(batchId: string, itemId: string, review: Review | undefined): Promise<Item>;
}

export type ItemPage = { after?: string; limit: number } & ({ states?: readonly ItemState[] } | { reviewed: true });

/**
 * What becomes of items, for people who watch. A position is a short text of letters, digits, `.`, `-` and `_` that says how far
 * somebody has come; it holds for every process and is found again from what is stored.
 */
export interface Changes {
  /** The position of the item that ended last; the first of all where none has. */
  last(batchId: string): Promise<string>;
  /**
   * Settled items in the order of their ends, behind the position `after`. One whose end took long to be written may show up
   * before others that were given already: `again` also gives all those that can be, together with what was given shortly
   * before `after`. Errors: usage for what is no position.
   */
  ended(batchId: string, page: { after: string; limit: number; again?: boolean }): Promise<Ended[]>;
  /**
   * Tells the batch and the items in work (some at most), now and whenever they change, and all that ends behind the position `after`,
   * each item at least once. Changes that follow fast on each other may be told as one. Resolves when `signal` aborts; fails when the
   * store does.
   */
  follow(batchId: string, from: { after: string; signal: AbortSignal }, hear: (change: Change) => void): Promise<void>;
}
export interface Ended {
  position: string;
  item: Item;
}
export type Change =
  | { kind: 'batch'; batch: Batch }
  | { kind: 'running'; items: Item[] }
  | { kind: 'ended'; ended: Ended[] };

export interface NewItem {
  id: string;
  /** Wished name; made distinct within the batch. */
  name: string;
  source: string;
  metadata: Record<string, string>;
  contentHash: string;
  workKey: string;
  /** Refused before any work: settled at once as `skipped`. */
  refusal?: { code: ErrorCode; message: string };
}

/** The right to work on an item; every write proves it. */
export interface Claim {
  item: Item;
  fence: number;
}
export type ClaimResult = { kind: 'claimed'; claim: Claim } | { kind: 'busy' } | { kind: 'settled'; item: Item };

/** An item in work: lease, steps, end. All writes are refused with `lease_lost` once another claim was given. */
export interface Journal {
  /** Conditional on nobody else holding a live lease. A lease whose owner is known to be dead counts as ended. */
  claim(batchId: string, itemId: string, leaseMs: number): Promise<ClaimResult>;
  /** Steps of the item's present epoch, by `seq`. An item has none before its first claim, whose fence is 1. */
  steps(item: Item): Promise<StepEntry[]>;
  /** Records steps, write-once by key, renews the lease and clears `claims`, in one commit. */
  append(claim: Claim, steps: readonly StepEntry[], renew: Renewal): Promise<void>;
  /**
   * Item to its end and its shard's counters, in one commit. Says afterwards whether the shard is full: of the last items of a shard,
   * however they meet, at least one hears true.
   */
  settle(claim: Claim, settlement: Settlement): Promise<{ shardFull: boolean }>;
  /** Gives the item back as `queued` (or `parked`), lease ended. */
  release(claim: Claim, as: { state: 'queued' | 'parked'; countsAsClaim: boolean }): Promise<void>;
  /** Running items whose lease ended after `after` and by `until` (milliseconds since 1970), those that ended first ahead. */
  expired(batchId: string, lease: { after: number; until: number; limit: number }): Promise<Item[]>;
}
export interface Renewal {
  leaseMs: number;
  progress?: Item['progress'];
}
export interface Settlement {
  state: TerminalState;
  summary: ItemSummary;
  detail: ItemDetail;
}

/** Delivers each message at least once, in any order, possibly twice. Publishing is durable once it resolves. */
export interface Queue {
  publish(messages: readonly Message[], options?: { delayMs?: number }): Promise<void>;
}

/** The pull side of a queue, for platforms without push. Resolves when `signal` aborts and the handlers under way are done. */
export interface Deliveries {
  consume(options: { batchId: string; concurrency: number; signal: AbortSignal; handle: Handler }): Promise<void>;
}
export type Handler = (message: Message, delivery: { attempt: number }) => Promise<Disposal>;

/** Inputs, results and the object store. A URI is an absolute path or gs://…. */
export interface Files {
  /** Regular files below a folder or prefix, or the one file itself; ordered by URI, after the URI `after`. Hidden files are left out. */
  list(root: string, page: { recursive: boolean; after?: string; limit: number }): Promise<FileEntry[]>;
  /**
   * A gs:// URI may name one version by `#generation`. Errors: file_missing, source_changed (that version was replaced),
   * unreadable_file, file_too_large.
   */
  read(uri: string, limit: { maxBytes: number }): Promise<Uint8Array>;
  /** The bytes from `start` on, `maxBytes` of them, or fewer where the file ends; of a file of any size. Errors as `read`. */
  readPart(uri: string, part: { start: number; maxBytes: number }): Promise<Uint8Array>;
  /** Replaces in one step: a reader sees the old or the new content, never half of one. Folders appear as needed. */
  write(uri: string, content: FileContent, mimeType: string): Promise<void>;
  /** As `write`, but never replaces: false if it is there. */
  create(uri: string, content: FileContent, mimeType: string): Promise<boolean>;
  /** Stores by content: the same bytes twice is one object. Only what is made here is stored, never an untouched input. */
  put(bytes: Uint8Array, mimeType: string, size?: { width: number; height: number }): Promise<FileRef>;
  /** Whether bytes with this SHA-256 were stored by `put`, hence made here. */
  has(sha256: string): Promise<boolean>;
  /** What a file holds. One that lies elsewhere (`uri`) and is no longer the same: source_changed. */
  open(file: FileRef): Promise<Uint8Array>;
  /** A file to a place among the results; replaces in one step. */
  copy(file: FileRef, uri: string): Promise<void>;
  /** A result that no longer holds; nothing happens if it is not there. */
  remove(uri: string): Promise<void>;
  /** `base` and names below it as a URI. A name that would lead out of `base` is an error. */
  join(base: string, ...names: string[]): string;
}
export interface FileEntry {
  uri: string;
  /** Path below the listed root, with `/`. */
  path: string;
  bytes: number;
  /** When its content was written last, in milliseconds since 1970; 0 beside a `problem`. */
  modifiedAt: number;
  /** Present when the entry could not be looked at (permissions, broken link). */
  problem?: ErrorCode;
  /** What lies there now; absent with a `problem`. */
  version?: FileVersion;
  /** It bears the mark of `ownMark`, where files can bear one. */
  isOwn?: boolean;
  /** It was written just now, perhaps not yet to its end; never said by a store that shows whole files only. */
  isGrowing?: boolean;
}
/** A file as it lay there at one time; written again, it is another version. */
export interface FileVersion {
  /** The same for the same version of the same file only. */
  id: string;
  /** Where exactly this version is read, if the store can tell versions apart; else where the file is. */
  uri: string;
  /** When it came to be there, by the store's clock, in milliseconds since 1970. */
  createdAt: number;
}
export type FileContent = string | Uint8Array | AsyncIterable<string | Uint8Array>;

/** One request to a model, sent once: no retries, no waiting. Fails with ProofsheetError; `paid` is set when it was billed. */
export interface Models {
  call(request: ModelRequest, options: CallOptions): Promise<ModelAnswer>;
  /** Cheap look whether key and models work, for `doctor`. */
  check(models: readonly string[]): Promise<{ what: string; ok: boolean; message: string }[]>;
}
export interface CallOptions {
  timeoutMs: number;
  lane: LaneName;
  signal?: AbortSignal;
}

/**
 * Pictures by their vectors: of every entry a semantic and a visual one of length 1, written together or not at all. Methods that name a
 * space know its entries alone.
 */
export interface Vectors {
  /** Spaces of a collection that have entries, with their number. */
  spaces(collection: string): Promise<{ space: VectorSpace; entries: number }[]>;
  /**
   * Writes entries in place of those with the same ids, each whole or not at all. Errors: vectors_differ where their lengths are not those of
   * the space; a failure names the ids that were not written.
   */
  put(space: VectorSpace, entries: readonly VectorEntry[]): Promise<void>;
  /** Of these ids and these contents, the entries that are there, in any order. */
  known(space: VectorSpace, of: { ids: readonly string[]; contentHashes: readonly string[] }): Promise<KnownEntry[]>;
  /** Entries that are there get other facts; their vectors stay. */
  describe(space: VectorSpace, changes: readonly Pick<KnownEntry, 'id' | 'facts'>[]): Promise<void>;
  /** Entries that are there, in any order. */
  get(space: VectorSpace, ids: readonly string[]): Promise<VectorEntry[]>;
  /** In order of id, after the id `after`. */
  list(space: VectorSpace, page: { after?: string; limit: number }): Promise<VectorEntry[]>;
  /**
   * The entries with the highest scores, those first. An adapter that does not compare all entries compares at least those that are
   * nearest by either vector; the similarities it gives are exact.
   */
  nearest(space: VectorSpace, query: VectorQuery): Promise<Neighbour[]>;
  remove(space: VectorSpace, ids: readonly string[]): Promise<void>;
  /** Removes all entries of a collection, of whatever encoders. */
  clear(collection: string): Promise<void>;
}
/** An entry without its vectors. */
export interface KnownEntry {
  id: string;
  contentHash: string;
  facts: EntryFacts;
  /** As they were set when the vectors were made. */
  weights: FusionWeights;
}
export interface VectorEntry extends KnownEntry {
  semantic: Float32Array;
  visual: Float32Array;
}
/** One vector or both; scores are fused by `weights`. */
export interface VectorQuery {
  semantic?: Float32Array;
  visual?: Float32Array;
  weights: FusionWeights;
  limit: number;
  filter: EntryFilter;
}
/** Cosines from -1 to 1; null for a vector that was not asked about. */
export interface Neighbour extends KnownEntry {
  score: number;
  semantic: number | null;
  visual: number | null;
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Rejects with the signal's reason when it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Resolves after everything that is ready to run has run. */
  turn(): Promise<void>;
  /** In [0, 1). */
  random(): number;
}

export interface Log {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

export interface Platform {
  batches: Batches;
  changes: Changes;
  journal: Journal;
  queue: Queue;
  files: Files;
  sources: Sources;
  models: Models;
  jobs: ModelJobs;
  waves: Waves;
  pauses: ModelPauses;
  vectors: Vectors;
  budgets: Budgets;
  clock: Clock;
  log: Log;
}
