import type { Batch } from '../domain/batch.ts';
import { CLOCK_MARGIN_MS, type Drop, dropKeys, isNews, NOTE_EVERY_MS, restMs, sinceAfter } from '../domain/drop.ts';
import {
  type Arrival,
  DROP_FILE,
  type DropRoot,
  type Gated,
  gateArrival,
  READY_FILE,
  refuseInside,
} from '../domain/drop-gate.ts';
import { ProofsheetError } from '../domain/errors.ts';
import type { RunSettings } from '../domain/run-settings.ts';
import { byProductReason } from '../domain/selection.ts';
import type { App } from './app.ts';
import { type DropBatch, isDrop, nameOf } from './begin-drop.ts';
import { considerVersions } from './consider-version.ts';
import { isControlFile, listFolder, versionAt } from './drop-folder.ts';
import { takenEarlier, versionsIn } from './earlier-drops.ts';
import { availableModels, fingerprintOf, parseRecipeSettings, recipeNamed } from './recipe-settings.ts';
import { newBatch } from './start-batch.ts';

/** How files that come into the inbox are worked off. */
export interface DropRules {
  /** The watched bucket, prefix or folder, without a slash at its end. */
  inbox: string;
  outputRoot: string;
  quietMs: number;
  graceMs: number;
  /** What holds where batch.json says nothing. */
  recipe: string;
  recipeSettings: Record<string, unknown>;
  /** Settings that hold whatever batch.json says, as the models of a simulation do. */
  fixedSettings: Record<string, unknown>;
  run: RunSettings;
  maxFileBytes: number;
  /** Folders below the inbox that are no drops. */
  exclude: string[];
  simulated: boolean;
}

/** What became of an arrival. `known`: it was taken before. */
export type Ingested = { kind: 'ignored'; reason: string } | { kind: 'opened' | 'joined' | 'known'; batchId: string };

type Wanted = Exclude<Gated, { kind: 'ignore' }>;

const MOST_TRIES = 10;
/** Files of a folder that are looked at for one that is new. */
const LOOK = 200;

/** Fails with `usage` for rules by which drops would come to nothing, or work on their own results without end. */
export function checkDropRules(app: Pick<App, 'recipes' | 'unavailable'>, rules: DropRules): void {
  refuseInside(rules.inbox, [rules.outputRoot]);
  defaultTerms(app, rules);
}

function defaultTerms(app: Pick<App, 'recipes' | 'unavailable'>, rules: DropRules) {
  const recipe = recipeNamed(app, rules.recipe);
  const settings = parseRecipeSettings(recipe, { ...rules.recipeSettings, ...rules.fixedSettings });
  availableModels(app, recipe, settings);
  return { recipe, settings, recipeFingerprint: fingerprintOf(recipe, settings) };
}

/**
 * Takes notice of a file in the inbox: opens a batch for its folder, or joins the one that is open. The file itself becomes an
 * item when the batch's folder is looked at, so it makes no difference whether its event comes twice, late, before or after
 * others, or at the same time. Errors: `wrong_state` (a conflict) while the drop is being closed; the event must come again.
 */
export async function ingestDrop(app: App, rules: DropRules, arrival: Arrival): Promise<Ingested> {
  const gated = gateArrival(arrival, rules.inbox);
  if (gated.kind === 'ignore') return ignored(app, arrival, gated.reason);
  const keys = dropKeys(gated.root.uri);
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const [holder] = await app.batches.list({ limit: 1, commandKey: keys.open });
    if (holder !== undefined && isDrop(holder) && !holder.sealed) return await join(app, holder, gated, arrival);
    // A drop that was cancelled still has the key.
    if (holder !== undefined) await app.batches.change(holder.id, () => ({ commandKey: keys.closed }));
    const [closed] = await app.batches.list({ limit: 1, commandKey: keys.closed });
    const previous = closed !== undefined && isDrop(closed) ? closed : undefined;
    const verdict = await isReasonToOpen(app, gated, arrival, previous);
    if (verdict.kind === 'known') return verdict;
    if (verdict.kind === 'ignored') return ignored(app, arrival, verdict.reason);
    const batch = openedBatch(app, rules, gated, previous);
    if (!(await app.batches.create(batch))) continue;
    await announce(app, batch.id, 0);
    await announce(app, batch.id, NOTE_EVERY_MS);
    app.log.info({ batchId: batch.id, uri: arrival.uri }, 'a drop was opened');
    return { kind: 'opened', batchId: batch.id };
  }
  const message = `Others keep opening and closing the drop of ${gated.root.uri}; the event must come again.`;
  throw new ProofsheetError('wrong_state', message, { disposition: 'conflict' });
}

function ignored(app: App, { uri }: Arrival, reason: string): Ingested {
  app.log.info({ uri, reason }, 'a file in the inbox was ignored');
  return { kind: 'ignored', reason };
}

async function join(app: App, batch: DropBatch, gated: Wanted, { version }: Arrival): Promise<Ingested> {
  const joined = { kind: 'joined', batchId: batch.id } as const;
  if (gated.kind === 'control') {
    await steer(app, batch, gated.file === READY_FILE ? { ready: version.id } : { file: version.id });
    return joined;
  }
  if (batch.drop.look?.closing && (await versionsIn(app, batch.id, [version])).size === 0) await stepBack(app, batch);
  if (!isNews(batch, version.createdAt)) return joined;
  let isNoted = false;
  await app.batches.change(batch.id, (current) => {
    isNoted = isDrop(current) && !current.sealed && isNews(current, version.createdAt);
    return isNoted && isDrop(current) ? { drop: { ...current.drop, lastArrivalAt: version.createdAt } } : undefined;
  });
  if (isNoted) await announce(app, batch.id, Math.max(NOTE_EVERY_MS, restMs(batch, app.clock.now())));
  return joined;
}

/** Has the folder looked at. After `NOTE_EVERY_MS` all are there that came without a note of their own. */
async function announce(app: App, batchId: string, delayMs: number): Promise<void> {
  await app.queue.publish([{ kind: 'expand', batchId }], delayMs === 0 ? {} : { delayMs });
}

/**
 * The look that may close a drop has perhaps passed the place of a new file already, so the event must come again: then the batch
 * has the file, or is closed and another takes it. While a batch is paused nobody looks, and the look begins anew.
 */
async function stepBack(app: App, batch: DropBatch): Promise<void> {
  const { state } = await app.batches.change(batch.id, (current) =>
    isDrop(current) && current.state === 'paused' ? { drop: { ...current.drop, look: undefined } } : undefined,
  );
  if (state === 'paused') return;
  const message = `The drop of batch ${batch.id} is just being closed; the event must come again.`;
  throw new ProofsheetError('wrong_state', message, { disposition: 'conflict' });
}

/** The mark of a complete drop; or batch.json, perhaps corrected where a wrong one had stopped the batch. Each version once. */
async function steer(app: App, batch: DropBatch, told: Drop['told']): Promise<void> {
  let isNew = false;
  await app.batches.change(batch.id, (current) => {
    isNew = isDrop(current) && !current.sealed && !isToldOf(current.drop, told);
    if (!isNew || !isDrop(current)) return undefined;
    const { drop } = current;
    const isStopped = told.file !== undefined && current.state === 'paused' && drop.begunAt === undefined;
    return {
      ...(isStopped && { state: 'running', pause: undefined }),
      drop: {
        ...drop,
        told: { ...drop.told, ...told },
        lastArrivalAt: app.clock.now(),
        saidComplete: drop.saidComplete || told.ready !== undefined,
      },
    };
  });
  if (isNew) await announce(app, batch.id, told.ready === undefined ? restMs(batch, app.clock.now()) : 0);
}

function isToldOf(drop: Drop, { file = drop.told.file, ready = drop.told.ready }: Drop['told']): boolean {
  return file === drop.told.file && ready === drop.told.ready;
}

type Verdict = { kind: 'reason' } | { kind: 'ignored'; reason: string } | { kind: 'known'; batchId: string };

/** Whether a file is a reason to open a batch where none is open: a picture that no earlier batch dealt with. */
async function isReasonToOpen(
  app: App,
  gated: Wanted,
  arrival: Arrival,
  previous: DropBatch | undefined,
): Promise<Verdict> {
  if (gated.kind === 'control') {
    if (gated.file === READY_FILE) return { kind: 'ignored', reason: 'no drop is under way' };
    if (previous?.drop.file === arrival.version.id) return { kind: 'known', batchId: previous.id };
    if (await hasNewFile(app, gated.root, previous)) return { kind: 'reason' };
    return { kind: 'ignored', reason: 'nothing new lies beside it' };
  }
  if (previous !== undefined && (await wasDealtWith(app, previous, arrival))) {
    return { kind: 'known', batchId: previous.id };
  }
  // Only a batch.json can ask for something else than pictures.
  if (gated.isPicture || (await versionAt(app, app.files.join(gated.root.uri, DROP_FILE)))) return { kind: 'reason' };
  return { kind: 'ignored', reason: `no picture, and no ${DROP_FILE} beside it` };
}

async function wasDealtWith(app: App, previous: DropBatch, arrival: Arrival): Promise<boolean> {
  const { version, uri, bytes = 1 } = arrival;
  if (version.createdAt < sinceAfter(previous.drop)) return true;
  if ((await takenEarlier(app, previous.id, [version])).size > 0) return true;
  if (version.createdAt >= (previous.drop.lookedAt ?? 0) + CLOCK_MARGIN_MS) return false;
  // It may have been looked at and left aside.
  const path = uri.slice((previous.inputs[0] ?? '').length + 1);
  const [considered] = await considerVersions(app, previous, [
    { uri, path, bytes, modifiedAt: version.createdAt, version },
  ]);
  return considered?.kind === 'ignored';
}

/** A look at the beginning of the folder is enough: pictures open a batch by themselves. */
async function hasNewFile(app: App, root: DropRoot, previous: DropBatch | undefined): Promise<boolean> {
  const entries = await listFolder(app, root, { limit: LOOK });
  const since = previous === undefined ? 0 : sinceAfter(previous.drop);
  const versions = entries.flatMap(({ path, version, isOwn }) =>
    version && version.createdAt >= since && !isOwn && !isControlFile(path) && !byProductReason(path) ? [version] : [],
  );
  const taken = await takenEarlier(app, previous?.id, versions);
  return taken.size < versions.length;
}

function openedBatch(app: App, rules: DropRules, { root }: Wanted, previous: DropBatch | undefined): Batch {
  const { recipe, settings, recipeFingerprint } = defaultTerms(app, rules);
  const sequence = (previous?.drop.sequence ?? 0) + 1;
  const { maxFileBytes, exclude, simulated, run, outputRoot, quietMs, graceMs } = rules;
  const batch = newBatch(
    app,
    {
      ...{ inputs: [root.uri], name: nameOf(root.name, sequence), archive: 'none', force: false },
      ...{ recipe: recipe.name, recipeSettings: settings, simulated, run, outputRoot },
      selection: { patterns: [], recursive: root.recursive, maxFileBytes, exclude },
    },
    { recipe, settings, recipeFingerprint, commandKey: dropKeys(root.uri).open },
  );
  const drop: Drop = {
    ...{
      sequence,
      quietMs,
      graceMs,
      lastArrivalAt: batch.createdAt,
      saidComplete: false,
      growing: false,
      files: 0,
      told: {},
    },
    since: previous === undefined ? 0 : sinceAfter(previous.drop),
    defaults: { recipe: recipe.name, settings: rules.recipeSettings, fixed: rules.fixedSettings },
    notes: [],
    ...(previous && {
      previous: previous.id,
      notes: [`These files came after batch ${previous.id} of the same folder was complete.`],
    }),
  };
  return { ...batch, drop };
}
