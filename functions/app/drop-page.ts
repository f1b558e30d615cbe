import { CLOCK_MARGIN_MS, type Drop, isTooOld, type Look, looksFrom } from '../domain/drop.ts';
import { DROP_FILE, READY_FILE, sourceOf } from '../domain/drop-gate.ts';
import type { ErrorCode } from '../domain/errors.ts';
import type { FileEntry } from '../platform/ports.ts';
import type { App } from './app.ts';
import { type DropBatch, lateDropFile } from './begin-drop.ts';
import type { Considered } from './consider-entry.ts';
import { considerVersions, type VersionedEntry } from './consider-version.ts';
import { isControlFile, listFolder } from './drop-folder.ts';
import { takenEarlier, versionsIn } from './earlier-drops.ts';
import { addPage, announce } from './planner-window.ts';

/** A source that has had more versions than this within a day is taken for a loop: something writes it because it is taken. */
const MOST_VERSIONS = 10;
const DAY_MS = 24 * 3_600_000;

/** What a person must decide before the drop goes on, and what is then kept of it. */
export interface Question {
  code: ErrorCode;
  message: string;
  drop: Partial<Drop>;
}

/**
 * Deals with the next files of a folder: those that are new become items. After a delivery that died (`recovers`), items of the
 * page may be there of which nobody was told.
 */
export async function lookAtPage(
  app: App,
  batch: DropBatch,
  look: Look,
  recovers: boolean,
): Promise<{ kind: 'done'; look: Look; isLast: boolean } | ({ kind: 'question' } & Question)> {
  const limit = app.limits.pageSize;
  const root = { uri: batch.inputs[0] ?? '', recursive: batch.selection.recursive };
  const entries = await listFolder(app, root, { limit, ...(look.after !== '' && { after: look.after }) });
  const last = entries.at(-1);
  const page = { ...look, after: last?.uri ?? look.after, files: look.files + entries.length };
  const control = controlFiles(entries);
  const question = control.file && (await askAbout(app, batch, control.file));
  if (question !== undefined) return { kind: 'question', ...question };
  const mine = entries.filter((entry) => !isControlFile(entry.path)).map(versioned);
  const there = mine.filter(({ version }) => version.createdAt >= batch.drop.since);
  const due = there.filter(({ version }) => version.createdAt >= looksFrom(batch, look));
  const whole = due.filter(({ isGrowing }) => !isGrowing || isTooOld(batch, app.clock.now()));
  const taken = await takeNew(app, batch, whole, recovers);
  if ('code' in taken) return { kind: 'question', ...taken };
  const readyAt = control.ready?.version.createdAt;
  return {
    kind: 'done',
    isLast: entries.length < limit || last === undefined,
    look: {
      ...page,
      images: look.images + taken.images,
      newestAt: Math.max(look.newestAt, ...there.map(({ version }) => version.createdAt)),
      growing: look.growing || whole.length < due.length,
      ignored: withIgnored(look.ignored, taken.ignored),
      ...(readyAt !== undefined && readyAt >= batch.drop.since && { readyAt }),
    },
  };
}

/** What cannot be looked at has no version; it is as old as can be. */
function versioned(entry: FileEntry): VersionedEntry {
  const { uri, problem } = entry;
  return { ...entry, version: entry.version ?? { id: `${uri}#${problem}`, uri, createdAt: 0 } };
}

function controlFiles(entries: readonly FileEntry[]): { file?: VersionedEntry; ready?: VersionedEntry } {
  const at = (path: string) => entries.find((entry) => entry.path === path && entry.version !== undefined);
  const [file, ready] = [at(DROP_FILE), at(READY_FILE)];
  return { ...(file && { file: versioned(file) }), ...(ready && { ready: versioned(ready) }) };
}

/** Another batch.json than the one that work began with. */
async function askAbout(app: App, batch: DropBatch, { version }: VersionedEntry): Promise<Question | undefined> {
  const late = await lateDropFile(app, batch, version);
  if (late === undefined) return undefined;
  if (late.question !== undefined) return { code: 'usage', message: late.question, drop: late.drop };
  await app.batches.change(batch.id, ({ drop }) => drop && { drop: { ...drop, ...late.drop } });
  return undefined;
}

interface Taken {
  /** Why the others were left aside. */
  ignored: readonly string[];
  /** Items among the files, new and old. */
  images: number;
}

/** Makes items of the files that no batch has taken. */
async function takeNew(
  app: App,
  batch: DropBatch,
  files: readonly VersionedEntry[],
  recovers: boolean,
): Promise<Taken | Question> {
  const own = files.filter((file) => file.isOwn);
  const versions = files.filter((file) => !file.isOwn).map(({ version }) => version);
  const known = await versionsIn(app, batch.id, versions);
  if (recovers)
    await announce(
      app,
      batch,
      [...known.values()].filter(({ state }) => state === 'queued'),
    );
  const unknown = versions.filter(({ id }) => !known.has(id));
  const earlier = await takenEarlier(app, batch.drop.previous, unknown);
  const fresh = files.filter((file) => !file.isOwn && !known.has(file.version.id) && !earlier.has(file.version.id));
  const considered = await considerVersions(app, batch, fresh);
  const items = fresh.filter((_, index) => considered[index]?.kind === 'item');
  const loop = await loopAmong(app, batch, items);
  if (loop !== undefined) return loop;
  await addPage(app, batch, considered);
  const reasons = fresh.flatMap((file, index) => reasonOf(considered[index], file, batch));
  return { ignored: [...reasons, ...own.map(() => 'of proofsheet itself')], images: known.size + items.length };
}

/** What an earlier batch may have left aside already is not counted again. */
function reasonOf(considered: Considered | undefined, { version }: VersionedEntry, { drop }: DropBatch): string[] {
  const isOld = drop.previous !== undefined && version.createdAt < drop.since + CLOCK_MARGIN_MS;
  return considered?.kind === 'ignored' && !isOld ? [considered.reason] : [];
}

/** The last guard against a loop: whatever its cause, it shows in a source that is taken again and again. */
async function loopAmong(app: App, batch: DropBatch, items: readonly VersionedEntry[]): Promise<Question | undefined> {
  if (items.length === 0) return undefined;
  const now = app.clock.now();
  // Who resumed the batch has seen what came before.
  const since = Math.max(now - DAY_MS, batch.resumedAt ?? 0);
  const takes = items.map(({ uri, version }) => ({ source: sourceOf(uri), version: version.id }));
  const counts = await app.sources.count(takes, { now, since });
  const at = counts.findIndex((count) => count > MOST_VERSIONS);
  const source = takes[at]?.source;
  if (source === undefined) return undefined;
  const message =
    `${source} came ${counts[at]} times within a day, which looks like a loop: something may write it because it is worked on. ` +
    `Find out what does, then resume the batch to take it all the same, or cancel the batch.`;
  return { code: 'loop_suspected', message, drop: {} };
}

function withIgnored(before: Record<string, number>, reasons: readonly string[]): Record<string, number> {
  const counts = { ...before };
  for (const reason of reasons) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}
