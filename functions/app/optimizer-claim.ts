import type { Batch } from '../domain/batch.ts';
import { ProofsheetError } from '../domain/errors.ts';
import { type StepEntry, stepEntrySchema, totalsOf } from '../domain/journal.ts';
import { NEW_OPTIMIZATION, type Optimization } from '../domain/optimization.ts';
import type { Files } from '../platform/ports.ts';
import type { App } from './app.ts';

/** The right to improve a batch's prompt. */
export interface OptimizerClaim {
  batch: Batch;
  /** As it was when it was last read or written here. */
  standing(): Optimization;
  /** Records what was decided, under proof of the claim; fails with the conflict `lease_lost` if another process has it. */
  change(
    update: (current: Optimization) => Partial<Optimization>,
    batch?: (current: Batch) => Partial<Batch>,
  ): Promise<void>;
  /** Steps of a pass, in order. */
  steps(pass: string): Promise<StepEntry[]>;
  /** Records steps of a pass, each once. A paid answer is kept even if the claim was lost meanwhile: whoever has it now replays it. */
  record(pass: string, steps: readonly StepEntry[]): Promise<void>;
  /** Gives the claim back. */
  leave(): Promise<void>;
}
export type OptimizerClaimResult =
  | { kind: 'claimed'; claim: OptimizerClaim }
  /** Somebody else is at it. */
  | { kind: 'busy' }
  /** The batch has nothing to improve, or not now. */
  | { kind: 'nothing' };

/** Whether the prompt of a batch is to be improved before it is closed. */
export function wantsOptimizing(batch: Batch): boolean {
  return batch.optimize !== undefined && batch.optimization?.end === undefined && !batch.cancelRequested;
}

/** The improvement with nobody at it: whoever was decides nothing more. */
export function withoutOptimizer(optimization: Batch['optimization']): Batch['optimization'] {
  return optimization && { ...optimization, fence: optimization.fence + 1, leaseUntil: 0 };
}

/** What was recorded in one pass of the optimiser, in order. */
export async function trialSteps(
  files: Pick<Files, 'open'>,
  optimization: Batch['optimization'],
  pass: string,
): Promise<StepEntry[]> {
  const found = optimization?.steps.filter((step) => step.pass === pass) ?? [];
  return await Promise.all(found.map(async ({ entry }) => entryFrom(await files.open(entry))));
}

/** Claims the improvement of a batch's prompt, for one process at a time. */
export async function claimOptimizer(app: App, batchId: string): Promise<OptimizerClaimResult> {
  const now = app.clock.now();
  let fence: number | undefined;
  const batch = await app.batches.change(batchId, (current) => {
    fence = undefined;
    const standing = current.optimization ?? NEW_OPTIMIZATION;
    if (!isOpen(current) || standing.leaseUntil > now) return undefined;
    fence = standing.fence + 1;
    return { optimization: { ...standing, fence, leaseUntil: now + leaseMs(app, current) } };
  });
  if (!isOpen(batch)) return { kind: 'nothing' };
  if (fence === undefined || batch.optimization === undefined) return { kind: 'busy' };
  return { kind: 'claimed', claim: claimOf(app, batch, { fence, standing: batch.optimization }) };
}

function isOpen(batch: Batch): boolean {
  return batch.state === 'running' && batch.sealed && wantsOptimizing(batch);
}

function claimOf(app: App, batch: Batch, held: { fence: number; standing: Optimization }): OptimizerClaim {
  const { fence } = held;
  let { standing } = held;
  /** Makes a change to what stands; `decide` gives undefined where it may not be made. */
  async function write(decide: (current: Optimization, batch: Batch) => Partial<Batch> | undefined): Promise<boolean> {
    let isDone = false;
    const changed = await app.batches.change(batch.id, (current) => {
      const update = decide(current.optimization ?? NEW_OPTIMIZATION, current);
      isDone = update !== undefined;
      return update;
    });
    standing = changed.optimization ?? standing;
    return isDone;
  }
  return {
    batch,
    standing: () => standing,
    async change(update, ofBatch) {
      const leaseUntil = app.clock.now() + leaseMs(app, batch);
      const isMine = await write((current, now) =>
        current.fence === fence && isOpen(now)
          ? { ...ofBatch?.(now), optimization: { ...current, leaseUntil, ...update(current) } }
          : undefined,
      );
      if (!isMine) throw lost(batch);
    },
    steps: (pass) => trialSteps(app.files, standing, pass),
    async record(pass, steps) {
      for (const step of steps) {
        const entry = await app.files.put(Buffer.from(JSON.stringify(step)), 'application/json');
        const isNew = await write((current) => {
          if (current.steps.some((there) => there.pass === pass && there.key === step.key)) return undefined;
          return {
            optimization: {
              ...current,
              ...added(current, step),
              steps: [...current.steps, { pass, key: step.key, entry }],
            },
          };
        });
        if (!isNew) throw lost(batch);
      }
    },
    async leave() {
      await write((current) => (current.fence === fence ? { optimization: { ...current, leaseUntil: 0 } } : undefined));
    },
  };
}

function added(current: Optimization, step: StepEntry): Pick<Optimization, 'calls' | 'costNano' | 'unpricedCalls'> {
  const { calls, costNano, unpricedCalls } = totalsOf([step], { ...current, seconds: 0 });
  return { calls, costNano, unpricedCalls };
}

function entryFrom(bytes: Uint8Array): StepEntry {
  return stepEntrySchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
}

/** Outlives the longest call, as an item's lease does. */
function leaseMs(app: App, batch: Batch): number {
  return Math.max(app.limits.leaseMs, batch.run.timeoutMs) + app.limits.leaseMarginMs;
}

function lost(batch: Batch): ProofsheetError {
  const text = `The prompt of batch ${batch.id} is improved by another process by now; nothing to do.`;
  return new ProofsheetError('lease_lost', text, { disposition: 'conflict' });
}
