import type { ItemState } from '../domain/batch.ts';
import { asProofsheetError } from '../domain/errors.ts';
import { ACK, type Disposal, type Message } from '../domain/message.ts';
import { codesOfGroup } from '../domain/optimization.ts';
import type { App } from './app.ts';
import { announceOpenItems } from './control-batch.ts';
import { claimOptimizer, type OptimizerClaim } from './optimizer-claim.ts';
import { pauseFor } from './pause.ts';
import { restarted } from './planner-turn.ts';
import { planOf } from './prompt-failures.ts';
import { budgetLane, type Trials, Unfinished } from './prompt-trial.ts';
import { nextVersion } from './prompt-versions.ts';
import { endOldHolds, type Holder } from './spending.ts';

const BUSY_WAIT_MS = 2_000;
/** Proposals for one kind of failure, each with the findings about the ones before. */
const MOST_PROPOSALS = 2;
const OPEN: readonly ItemState[] = ['queued', 'running', 'parked'];

/**
 * Between the last settled item and the report: proposes better prompts for what failed, tries each on a few failing and a few passed
 * items, adopts what is better, and has the remaining failures worked once more with it. Passed items are never opened. May be
 * delivered twice and may die anywhere: plan, answers and decisions are in the batch, and whoever takes over goes on from there.
 */
export async function optimizePrompts(app: App, message: Message & { kind: 'optimize' }): Promise<Disposal> {
  const begun = app.clock.now();
  const { batchId } = message;
  const claimed = await claimOptimizer(app, batchId);
  if (claimed.kind === 'busy') return { kind: 'retry', afterMs: BUSY_WAIT_MS };
  if (claimed.kind === 'nothing') {
    // Whoever ended it may have died before it could say so.
    await app.queue.publish([{ kind: 'expand', batchId }]);
    return ACK;
  }
  const { claim } = claimed;
  const [open] = await app.batches.items(batchId, { states: OPEN, limit: 1 });
  if (open !== undefined) {
    await claim.leave();
    await announceOpenItems(app, batchId);
    return ACK;
  }
  const ended = new AbortController();
  try {
    await endOldHolds(app, claim.batch, holderOf(claim), []);
    await end(app, claim, await improve(trialsOf(app, claim, begun, ended.signal)));
  } catch (thrown) {
    return await breakOff(app, claim, thrown);
  } finally {
    ended.abort();
  }
  await app.queue.publish([{ kind: 'expand', batchId }]);
  return ACK;
}

function trialsOf(app: App, claim: OptimizerClaim, begun: number, ended: AbortSignal): Trials {
  const { batch } = claim;
  const deadline = new AbortController();
  app.clock.sleep(Math.max(0, begun + app.limits.passMs - app.clock.now()), ended).then(
    () => deadline.abort(),
    () => undefined,
  );
  const watched: OptimizerClaim = {
    ...claim,
    async record(pass, steps) {
      await claim.record(pass, steps);
      if (!(await app.wantsCalls(batch.id))) deadline.abort();
    },
  };
  const most = (batch.optimize?.calls ?? 0) - claim.standing().calls;
  const budget = { begun, most, holder: holderOf(claim) };
  const stop = AbortSignal.any([app.stop, deadline.signal]);
  return { app, claim: watched, stop, ...budgetLane(app, batch, budget) };
}

function holderOf(claim: OptimizerClaim): Holder {
  return { owner: 'optimizer', fence: claim.standing().fence };
}

/** Gives the sentence that says how it ended. */
async function improve(trials: Trials): Promise<string> {
  const { app, claim } = trials;
  if (claim.standing().plan === undefined) {
    const plan = await planOf(app, claim.batch);
    await claim.change(() => ({ plan }));
  }
  const { groups = [] } = claim.standing().plan ?? {};
  if (groups.length === 0) return 'Nothing failed that another prompt may mend.';
  for (const group of groups) {
    while (true) {
      const { versions } = claim.standing();
      const ofGroup = versions.filter((version) => version.group === group.group);
      const last = ofGroup.at(-1);
      if (last?.decision === 'stopped') return spent(claim);
      if (last?.decision === 'adopted' || ofGroup.length >= MOST_PROPOSALS) break;
      const version = await nextVersion(trials, group, ofGroup);
      if (version === undefined) return spent(claim);
      await claim.change((current) => ({ versions: [...current.versions, version] }));
    }
  }
  return 'Every kind of failure was looked at.';
}

function spent({ batch: { optimize }, standing }: OptimizerClaim): string {
  if (standing().calls < (optimize?.calls ?? 0)) return 'The spend ceiling does not cover another call.';
  return `The budget of ${optimize?.calls} calls was used up.`;
}

/** Opens the failures again that an adopted version is for, those only that have none yet, and lets the batch go on. */
async function end(app: App, claim: OptimizerClaim, why: string): Promise<void> {
  for (const { decision, group, version } of claim.standing().versions) {
    if (decision !== 'adopted') continue;
    await app.batches.reopen(claim.batch.id, ['failed', 'error'], { codes: codesOfGroup(group), version });
  }
  const now = app.clock.now();
  await claim.change(
    () => ({ end: { at: now, why }, leaseUntil: 0 }),
    ({ planner }) => ({ planner: restarted(planner, { now, relist: false }) }),
  );
  const { calls, versions } = claim.standing();
  app.log.info({ batchId: claim.batch.id, calls, versions: versions.length }, why);
}

async function breakOff(app: App, claim: OptimizerClaim, thrown: unknown): Promise<Disposal> {
  const { batch } = claim;
  if (thrown instanceof Unfinished) {
    await claim.leave();
    const delay = thrown.afterMs > 0 ? { delayMs: thrown.afterMs } : {};
    await app.queue.publish([{ kind: 'optimize', batchId: batch.id }], delay);
    return ACK;
  }
  const error = asProofsheetError(thrown);
  if (error.disposition === 'conflict') return { kind: 'retry', afterMs: BUSY_WAIT_MS };
  await claim.leave();
  if (error.scope !== 'batch') throw error;
  // As for an item: every call would fail in the same way until a person or a quota's reset changes something.
  const { state } = await app.batches.change(batch.id, (current) =>
    current.state === 'running' && current.resumedAt === batch.resumedAt
      ? { state: 'paused', pause: pauseFor(app, error) }
      : undefined,
  );
  return state === 'running' ? { kind: 'retry' } : ACK;
}
