import type { Batch, TerminalState } from '../domain/batch.ts';
import { ProofsheetError } from '../domain/errors.ts';
import type { RunSettings } from '../domain/run-settings.ts';
import { cancelWaves } from './advance-waves.ts';
import type { App } from './app.ts';
import { reclosing, vacated } from './finalizer-claim.ts';
import { itemPages } from './item-pages.ts';
import { withoutOptimizer } from './optimizer-claim.ts';
import { restarted } from './planner-turn.ts';

/**
 * Asks a batch to end: calls under way finish and are recorded, everything else becomes `cancelled`. `reason` is a sentence
 * for people, where none of them asked for it.
 */
export async function cancelBatch(app: App, batchId: string, reason?: string): Promise<Batch> {
  const before = await batchNamed(app, batchId);
  if (isEnded(before)) {
    throw new ProofsheetError(
      'wrong_state',
      `Batch ${before.id} is ${before.state} already; there is nothing to cancel.`,
    );
  }
  const now = app.clock.now();
  const batch = await app.batches.change(before.id, (current) =>
    isEnded(current)
      ? undefined
      : {
          ...{ cancelRequested: true, cancelReason: reason, state: 'running', pause: undefined, sealed: true },
          planner: restarted(current.planner, { now, relist: false }),
        },
  );
  await app.queue.publish([{ kind: 'expand', batchId: batch.id }]);
  await cancelWaves(app, batch);
  return batch;
}

export interface ResumeOptions {
  /** Also items that were judged below the threshold: their work begins anew. */
  failed: boolean;
  /** Also items that ended as error: their recorded answers are kept where they are of use. */
  errors: boolean;
  /** List the inputs again: files may have been added. */
  relist?: boolean;
  /** Other ceilings from now on; one that is left out stays as it is. */
  spend?: Pick<RunSettings, 'maxSpendNano' | 'assumedCallNano'>;
}

/** Goes on with what is unfinished, after an interruption, a pause or a cancel. Gives how many settled items are taken again. */
export async function resumeBatch(
  app: App,
  batchId: string,
  options: ResumeOptions,
): Promise<{ batch: Batch; reopened: number }> {
  const before = await batchNamed(app, batchId);
  const again: TerminalState[] = ['cancelled'];
  if (options.failed) again.push('failed');
  if (options.errors) again.push('error');
  const resumedAt = app.clock.now();
  let isListed = false;
  await app.batches.change(before.id, (current) => {
    // A cancel may have come before every input was listed.
    isListed = current.sealed && !current.cancelRequested && options.relist !== true;
    return {
      state: 'running',
      // No finaliser closes over the items before they are open again; after a crash in between the inputs are listed once more.
      sealed: false,
      resumedAt,
      run: withSpend(current.run, options.spend),
      cancelRequested: false,
      cancelReason: undefined,
      pause: undefined,
      planner: restarted(current.planner, { now: resumedAt, relist: options.relist === true }),
      finalizer: vacated(current.finalizer),
      optimization: withoutOptimizer(current.optimization),
      revision: isEnded(current) ? current.revision + 1 : current.revision,
    };
  });
  const reopened = await app.batches.reopen(before.id, again);
  if (isListed) {
    await app.batches.change(before.id, (current) => (current.resumedAt === resumedAt ? { sealed: true } : undefined));
  }
  const batch = await batchNamed(app, before.id);
  await app.queue.publish([{ kind: 'expand', batchId: batch.id }]);
  return { batch, reopened };
}

function withSpend(run: RunSettings, spend: ResumeOptions['spend']): RunSettings {
  const { maxSpendNano = run.maxSpendNano, assumedCallNano = run.assumedCallNano } = spend ?? {};
  return {
    ...run,
    ...(maxSpendNano !== undefined && { maxSpendNano }),
    ...(assumedCallNano !== undefined && { assumedCallNano }),
  };
}

/** Renders the report of a batch that has ended once more, with what people have said of its items since. */
export async function renderAgain(app: Pick<App, 'batches' | 'queue' | 'clock'>, batchId: string): Promise<Batch> {
  const batch = await app.batches.change(batchId, (current) =>
    isEnded(current)
      ? { state: 'running', finalizer: reclosing(current), revision: current.revision + 1, resumedAt: app.clock.now() }
      : undefined,
  );
  if (batch.state === 'paused') {
    throw new ProofsheetError('wrong_state', `Batch ${batchId} is paused; its report comes when it has ended.`);
  }
  await app.queue.publish([{ kind: 'finalize', batchId }]);
  return batch;
}

/** Goes on with a batch that was paused until a time which has come; of many who try, one does. Says whether it was this one. */
export async function resumeDuePause(app: Pick<App, 'batches' | 'queue' | 'clock'>, batchId: string): Promise<boolean> {
  const now = app.clock.now();
  let isDue = false;
  await app.batches.change(batchId, ({ state, pause, planner }) => {
    isDue = state === 'paused' && pause?.until !== undefined && pause.until <= now;
    if (!isDue) return undefined;
    return {
      ...{ state: 'running', pause: undefined, resumedAt: now },
      planner: restarted(planner, { now, relist: false }),
    };
  });
  if (isDue) await app.queue.publish([{ kind: 'expand', batchId }]);
  return isDue;
}

/** The batch of this id, or the newest without one. */
export async function batchNamed(app: Pick<App, 'batches'>, batchId: string | undefined): Promise<Batch> {
  const batch = batchId === undefined ? (await app.batches.list({ limit: 1 }))[0] : await app.batches.get(batchId);
  if (batch !== undefined) return batch;
  const what =
    batchId === undefined
      ? 'There is no batch yet; start one with `proofsheet run`.'
      : `There is no batch ${batchId}; see \`proofsheet list\`.`;
  throw new ProofsheetError('not_found', what);
}

/** The batch of this id; without one the newest that is unfinished, or else the newest. */
export async function batchToResume(app: Pick<App, 'batches'>, batchId: string | undefined): Promise<Batch> {
  const [unfinished] = batchId === undefined ? await app.batches.list({ limit: 1, unfinished: true }) : [];
  return unfinished ?? (await batchNamed(app, batchId));
}

/** Publishes a message for every item that is not settled. One too many does no harm. */
export async function announceOpenItems(
  app: Pick<App, 'batches' | 'queue' | 'limits'>,
  batchId: string,
): Promise<void> {
  for await (const items of itemPages(app, batchId, ['queued', 'running', 'parked'])) {
    await app.queue.publish(items.map((item) => ({ kind: 'process', batchId, itemId: item.id })));
  }
}

function isEnded(batch: Batch): boolean {
  return batch.state === 'finished' || batch.state === 'cancelled';
}
