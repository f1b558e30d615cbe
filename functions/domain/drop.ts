import { z } from 'zod';
import { hashOf } from '../lib/hash.ts';

/** A look at all files of a drop's folder, under way. */
const lookSchema = z.object({
  startedAt: z.number(),
  /** This look may end the drop: as long as it lasts, events of the folder are given back. */
  closing: z.boolean(),
  /** The last file that was dealt with. */
  after: z.string(),
  /** Files met so far, and those of them that are items; a look that is not the first and not closing leaves old files aside. */
  files: z.number().int().nonnegative(),
  images: z.number().int().nonnegative(),
  /** When the newest file came, and when the mark of a complete drop did. */
  newestAt: z.number(),
  readyAt: z.number().optional(),
  /** A file was left for the next look because it was still being written. */
  growing: z.boolean(),
  ignored: z.record(z.string(), z.number()),
});
export type Look = z.infer<typeof lookSchema>;

/** What a batch keeps of the drop it was opened for. */
export const dropSchema = z.object({
  /** 1 for the first batch of a folder, 2 for what came after that one was complete, and so on. */
  sequence: z.number().int().positive(),
  /** The batch of the same folder before this one. */
  previous: z.string().optional(),
  /** Files that came before belong to earlier batches. */
  since: z.number(),
  quietMs: z.number(),
  graceMs: z.number(),
  /** What holds where batch.json says nothing, and settings that hold whatever it says. */
  defaults: z.object({
    recipe: z.string(),
    settings: z.record(z.string(), z.unknown()),
    fixed: z.record(z.string(), z.unknown()),
  }),
  /** When a file came last, as far as events tell; seldom written, see `NOTE_EVERY_MS`. */
  lastArrivalAt: z.number(),
  /** Versions of the files that steer it, as events last told them. */
  told: z.object({ file: z.string().optional(), ready: z.string().optional() }),
  /** Since when recipe and settings are fixed, by which version of batch.json, and the number of images it expects. */
  begunAt: z.number().optional(),
  file: z.string().optional(),
  expect: z.number().int().positive().optional(),
  /** A version of batch.json that came too late and that a person was asked about. */
  lateFile: z.string().optional(),
  /** Start of the last look that came to its end, the number of files it met, and whether they are said to be all. */
  lookedAt: z.number().optional(),
  files: z.number().int().nonnegative(),
  saidComplete: z.boolean(),
  /** It left files that were still being written. */
  growing: z.boolean(),
  look: lookSchema.optional(),
  /** What people should know, in sentences. */
  notes: z.array(z.string()),
});
export type Drop = z.infer<typeof dropSchema>;

/** What these decisions read of a batch. */
interface DroppedBatch {
  createdAt: number;
  drop: Drop;
}

/** Events of one folder come by the hundred in a second, and a batch takes about one write: an arrival within this time of another is not noted. */
export const NOTE_EVERY_MS = 10_000;
/** Clocks of machines and stores differ by less. */
export const CLOCK_MARGIN_MS = 5 * 60_000;
/** When to look again at files that were still being written. */
export const GROWING_WAIT_MS = 3_000;
/** A folder that is never quiet for long enough. */
const MAX_AGE_MS = 6 * 3_600_000;
/** Least time between two looks at a folder, less than that between notes, and what each of its files adds. */
const LOOK_EVERY_MS = 8_000;
const PER_FILE_MS = 1;

/** A file that comes again, or whose event is late, is no news. */
export function isNews({ drop }: DroppedBatch, createdAt: number): boolean {
  return createdAt - drop.lastArrivalAt >= Math.min(NOTE_EVERY_MS, drop.quietMs);
}

/** The time at which settings are fixed although there is no batch.json. */
export function beginsAt({ createdAt, drop }: DroppedBatch): number {
  return createdAt + drop.graceMs;
}

/** What is to be done about a folder that nobody looks at: nothing yet, look for new files, or look whether the drop is complete. */
export function nextLook(batch: DroppedBatch, now: number): 'nothing' | 'look' | 'close' {
  const { drop } = batch;
  if (drop.saidComplete || now - drop.lastArrivalAt >= drop.quietMs || isTooOld(batch, now)) return 'close';
  if (drop.lookedAt === undefined) return 'look';
  if (drop.growing) return now >= drop.lookedAt + GROWING_WAIT_MS ? 'look' : 'nothing';
  const isNew = drop.lastArrivalAt + NOTE_EVERY_MS >= drop.lookedAt;
  return isNew && restMs(batch, now) === 0 ? 'look' : 'nothing';
}

/** How long a folder is left alone yet. */
export function restMs({ drop }: DroppedBatch, now: number): number {
  if (drop.lookedAt === undefined) return 0;
  return Math.max(0, drop.lookedAt + LOOK_EVERY_MS + PER_FILE_MS * drop.files - now);
}

export function newLook(startedAt: number, closing: boolean): Look {
  const found = { files: 0, images: 0, newestAt: 0, growing: false, ignored: {} };
  return { startedAt, closing, after: '', ...found };
}

/** Files before this were dealt with by an earlier look, save for one that closes a drop: that looks at all of them. */
export function looksFrom({ drop }: DroppedBatch, look: Look): number {
  if (look.closing || drop.lookedAt === undefined) return drop.since;
  return Math.max(drop.since, drop.lookedAt - CLOCK_MARGIN_MS);
}

/** True when batch.json or the mark say that all files are there. A mark that is older than a file was not the last. */
export function isSaidComplete({ drop }: DroppedBatch, look: Look, images: number): boolean {
  if (look.readyAt !== undefined && look.readyAt >= look.newestAt) return true;
  return drop.expect !== undefined && images >= drop.expect;
}

/** Why a drop is complete after a closing look, as a sentence; undefined if it is not. */
export function completion(batch: DroppedBatch, look: Look, now: number): string | undefined {
  const { drop } = batch;
  const count = drop.expect === undefined ? '' : `, with ${look.images} of the ${drop.expect} images it was to have`;
  if (isTooOld(batch, now)) return `The drop was closed after ${MAX_AGE_MS / 3_600_000} hours${count}.`;
  if (look.growing) return undefined;
  if (isSaidComplete(batch, look, look.images)) return 'The drop was said to be complete.';
  if (now - Math.max(look.newestAt, batch.createdAt) < drop.quietMs) return undefined;
  return `The drop was closed after ${drop.quietMs / 1000} seconds without a new file${count}.`;
}

/** A folder that is never quiet is closed all the same; files that are being written are then taken as they are. */
export function isTooOld({ createdAt }: DroppedBatch, now: number): boolean {
  return now - createdAt >= MAX_AGE_MS;
}

/** What of the folder the next batch need not look at: what lay there when this one looked was dealt with. */
export function sinceAfter(drop: Drop): number {
  return Math.max(drop.since, (drop.lookedAt ?? 0) - CLOCK_MARGIN_MS);
}

/** An object version or file becomes one item, whichever batch takes it and however often it is announced. */
export function dropItemId(versionId: string): string {
  return hashOf({ version: versionId }).slice(0, 20);
}

/**
 * The command keys of a folder's batches. One unfinished batch at most has the key `open`: it takes what arrives. A batch that
 * takes no more has the key `closed`.
 */
export function dropKeys(root: string): { open: string; closed: string } {
  return { open: hashOf({ drop: root }), closed: hashOf({ drop: root, closed: true }) };
}
