import type { Batch, Item } from '../domain/batch.ts';
import { isTerminal } from '../domain/batch.ts';
import { asProofsheetError, ProofsheetError } from '../domain/errors.ts';
import { type StepEntry, stepsWorthKeeping } from '../domain/journal.ts';
import { ACK, type Disposal, type Message } from '../domain/message.ts';
import { callTimeoutMs } from '../domain/run-settings.ts';
import type { WaveCall } from '../domain/wave.ts';
import { type PassResult, runPass } from '../engine/pass.ts';
import type { Recipe } from '../engine/recipe.ts';
import type { Claim } from '../platform/ports.ts';
import type { App } from './app.ts';
import { itemLane } from './call-lane.ts';
import { announceIfComplete } from './completion.ts';
import { hasNewPrompt, offeredSteps, settingsFor } from './item-prompt.ts';
import { forgetCalls, forgetSettled, parkedCallsOf, parkItem } from './parked-calls.ts';
import { pauseFor } from './pause.ts';
import { isRefusedAtGate, type PreparedInput, prepareInput } from './prepare-input.ts';
import { columnsRead, recipeNamed, requireColumns } from './recipe-settings.ts';
import { type Ending, settleItem } from './settle-item.ts';
import { endOldHolds, type Holder } from './spending.ts';

/** Said outright, for an error made for each pass would cost more than its timer. */
const PASS_ENDED = 'the pass has ended';

/** One pass over one item: claim, replay what is recorded, make the next calls, settle or give back. */
export async function processItem(app: App, message: Message & { kind: 'process' }): Promise<Disposal> {
  const begun = app.clock.now();
  const batch = await app.batches.get(message.batchId);
  if (batch === undefined || batch.state !== 'running') return ACK;
  const claimed = await app.journal.claim(batch.id, message.itemId, leaseMs(app, batch));
  if (claimed.kind === 'busy') return { kind: 'retry' };
  if (claimed.kind === 'settled') {
    await forgetSettled(app, batch, claimed.item);
    await announceIfComplete(app, batch.id);
    return ACK;
  }
  const { claim } = claimed;
  try {
    return await workOn(app, batch, claim, begun);
  } catch (thrown) {
    return await giveUp(app, batch, claim, asProofsheetError(thrown));
  }
}

/** Gives the item back to go on later, by a message of its own: the delivery at hand did not fail. */
async function comeBack(app: App, claim: Claim, as: { afterMs: number; countsAsClaim: boolean }): Promise<Disposal> {
  const { batchId, id: itemId } = claim.item;
  await app.journal.release(claim, { state: 'queued', countsAsClaim: as.countsAsClaim });
  const delay = as.afterMs > 0 ? { delayMs: as.afterMs } : {};
  await app.queue.publish([{ kind: 'process', batchId, itemId }], delay);
  return ACK;
}

/** What failed outside the recipe. The lease always ends, so that nobody waits for it. */
async function giveUp(app: App, batch: Batch, claim: Claim, error: ProofsheetError): Promise<Disposal> {
  if (error.disposition === 'conflict') return { kind: 'retry' };
  if (error.scope === 'batch' || error.disposition === 'transient') return await giveBack(app, batch, claim, error);
  const steps = await app.journal.steps(claim.item);
  try {
    return await end(app, batch, claim, endingBy(error, batch, claim.item), steps, undefined);
  } catch (thrown) {
    return await giveBack(app, batch, claim, asProofsheetError(thrown));
  }
}

/** An item whose end cannot be recorded now. All that was paid is recorded, so an outage may last for any number of claims. */
async function giveBack(app: App, batch: Batch, claim: Claim, error: ProofsheetError): Promise<Disposal> {
  if (error.scope === 'batch') return await pauseBatch(app, batch, claim, error);
  await app.journal.release(claim, { state: 'queued', countsAsClaim: error.disposition === 'permanent' });
  throw error;
}

async function workOn(app: App, batch: Batch, claim: Claim, begun: number): Promise<Disposal> {
  const ending = endingBeforeWork(app, batch, claim.item);
  if (ending !== undefined) return await end(app, batch, claim, ending, await app.journal.steps(claim.item), undefined);
  const recorded = await recordedSteps(app, batch, claim);
  if (recorded === 'twin-in-work') {
    return await comeBack(app, claim, { afterMs: app.limits.twinWaitMs, countsAsClaim: false });
  }
  const recipe = recipeNamed(app, batch.recipe);
  const settings = settingsFor(batch, claim.item);
  requireColumns(recipe, settings, claim.item.metadata);
  let prepared: PreparedInput;
  try {
    prepared = await prepareInput(app, batch, claim.item, recipe.intake(settings));
  } catch (thrown) {
    const error = asProofsheetError(thrown);
    if (!isRefusedAtGate(error.code)) throw error;
    return await end(app, batch, claim, { state: 'skipped', error }, recorded, undefined);
  }
  const parked = await parkedCallsOf(app, batch, claim);
  const leave = await app.enterCalls();
  const result = await pass(app, { batch, claim, begun, recipe, settings, prepared, recorded, parked }).finally(leave);
  const disposal = await conclude(app, batch, claim, prepared, result);
  await forgetCalls(app, batch, parked, result);
  return disposal;
}

function endingBeforeWork(app: App, batch: Batch, item: Item): Ending | undefined {
  if (batch.cancelRequested) {
    const message = batch.cancelReason ?? 'The batch was cancelled before this item was done.';
    return { state: 'cancelled', message };
  }
  if (item.claims > app.limits.maxClaims) {
    const message = `The item was begun ${item.claims - 1} times without an end; the process died or was stopped each time.`;
    return { state: 'error', error: new ProofsheetError('attempts_exhausted', message) };
  }
  // Time in which the batch was paused or nobody worked on it does not count.
  const begun = Math.max(item.firstClaimedAt ?? app.clock.now(), batch.resumedAt ?? 0);
  const age = app.clock.now() - begun;
  // Calls of the batch lane wait for days where they must; the batch's own age ends that.
  if (age > app.limits.itemAgeMs && batch.run.lane !== 'batch') {
    const message = `The item was in work for more than ${Math.round(app.limits.itemAgeMs / 3_600_000)} hours without an end.`;
    return { state: 'error', error: new ProofsheetError('time_limit', message) };
  }
  return undefined;
}

/** The item's own steps; at the beginning of its journal what can be taken over without a call. */
async function recordedSteps(app: App, batch: Batch, claim: Claim): Promise<StepEntry[] | 'twin-in-work'> {
  const own = claim.fence === 1 ? [] : await app.journal.steps(claim.item);
  await endOldHolds(app, batch, holderOf(claim), own);
  if (own.length > 0) return own;
  const earlier = await earlierSteps(app, batch, claim.item);
  if (earlier === 'twin-in-work' || earlier.length === 0) return earlier;
  const steps = earlier.map((step) => ({ ...step, costNano: 0, adopted: true }));
  await app.journal.append(claim, steps, { leaseMs: leaseMs(app, batch) });
  return steps;
}

/** For the copy of another item, that item's steps; for an item that is taken again, what is of use from its epoch before. */
async function earlierSteps(app: App, batch: Batch, item: Item): Promise<StepEntry[] | 'twin-in-work'> {
  const twin = item.twin === undefined ? undefined : await app.batches.item(batch.id, item.twin);
  if (twin !== undefined && !isTerminal(twin.state)) return 'twin-in-work';
  const isAlike = twin?.prompt?.version === item.prompt?.version;
  const steps = twin === undefined || !isAlike ? [] : await app.journal.steps(twin);
  if (steps.length > 0 || item.reopenedFrom === 'failed' || hasNewPrompt(item)) return steps;
  // The latest epoch that came to a step: one that was cancelled at once has none.
  for (let epoch = item.epoch - 1; epoch >= (item.prompt?.since ?? 0); epoch -= 1) {
    const before = await app.journal.steps({ ...item, epoch });
    if (before.length > 0) return stepsWorthKeeping(before, item.summary?.code);
  }
  return [];
}

interface PassOf {
  batch: Batch;
  claim: Claim;
  /** When the message was delivered. */
  begun: number;
  recipe: Recipe;
  settings: Batch['recipeSettings'];
  prepared: PreparedInput;
  recorded: StepEntry[];
  parked: WaveCall[];
}

async function pass(app: App, of: PassOf): Promise<PassResult> {
  const { batch, claim, begun, recipe, settings, prepared, recorded, parked } = of;
  const { passMs } = app.limits;
  // Claims that came to nothing stand for failed tries of the first call: without them a call that times out would be tried for ever.
  let triesBefore = claim.item.claims - 1;
  const ended = new AbortController();
  const deadline = new AbortController();
  app.clock.sleep(Math.max(0, begun + passMs - app.clock.now()), ended.signal).then(
    () => deadline.abort(),
    () => undefined,
  );
  try {
    return await runPass({
      recipe,
      settings,
      metadata: columnsRead(recipe, settings, claim.item.metadata),
      input: prepared.input,
      recorded,
      offered: await offeredSteps(app, batch, claim.item),
      lane: itemLane(app, batch, { begun, triesBefore: () => triesBefore, parked, holder: holderOf(claim) }),
      async record(steps) {
        await app.journal.append(claim, steps, renewal(app, batch, steps));
        triesBefore = 0;
        if (!(await app.wantsCalls(batch.id))) deadline.abort();
      },
      files: app.files,
      prices: app.prices,
      clock: app.clock,
      stop: AbortSignal.any([app.stop, deadline.signal]),
    });
  } finally {
    ended.abort(PASS_ENDED);
  }
}

function holderOf({ item, fence }: Claim): Holder {
  return { owner: item.id, fence };
}

function renewal(app: App, batch: Batch, steps: readonly StepEntry[]): Parameters<App['journal']['append']>[2] {
  const last = steps.at(-1);
  if (last === undefined) return { leaseMs: leaseMs(app, batch) };
  return { leaseMs: leaseMs(app, batch), progress: { attempt: last.attempt, step: last.key, since: app.clock.now() } };
}

async function conclude(
  app: App,
  batch: Batch,
  claim: Claim,
  prepared: PreparedInput,
  result: PassResult,
): Promise<Disposal> {
  const { steps } = result;
  if (result.kind === 'done') {
    return await end(app, batch, claim, { state: result.outcome.state, outcome: result.outcome }, steps, prepared);
  }
  if (result.kind === 'failed') return await fail(app, batch, claim, prepared, result);
  if (result.kind === 'parked') return await parkItem(app, batch, claim, result);
  const { failedTries, afterMs = 0 } = result;
  return await comeBack(app, claim, { afterMs, countsAsClaim: failedTries > 0 });
}

async function fail(
  app: App,
  batch: Batch,
  claim: Claim,
  prepared: PreparedInput,
  result: PassResult & { kind: 'failed' },
): Promise<Disposal> {
  const { error, step, steps } = result;
  if (error.disposition === 'conflict') throw error;
  if (error.scope === 'batch') return await pauseBatch(app, batch, claim, error);
  if (error.code === 'storage_unavailable') return await giveBackUnrecorded(app, claim, error);
  return await end(app, batch, claim, endingBy(error, batch, claim.item, step), steps, prepared);
}

/** In a drop a newer version of a file is an item of its own, so that there is nothing wrong with the one it replaced. */
function endingBy(error: ProofsheetError, batch: Batch, item: Item, step?: string): Ending {
  if (batch.drop === undefined || error.code !== 'source_changed') {
    return { state: 'error', error, ...(step !== undefined && { step }) };
  }
  const message = `A newer version of ${item.name} took its place and is an item of its own.`;
  return { state: 'skipped', error: new ProofsheetError('superseded', message, { cause: error }) };
}

/** The store failed in the middle of a pass, perhaps over a paid answer: such passes are counted, so that they come to an end. */
async function giveBackUnrecorded(app: App, claim: Claim, error: ProofsheetError): Promise<Disposal> {
  const { batchId, id: itemId } = claim.item;
  app.log.warn({ batchId, itemId, code: error.code, error: error.message }, 'the item is given back');
  await app.journal.release(claim, { state: 'queued', countsAsClaim: true });
  return { kind: 'retry' };
}

/** Every item would fail in the same way: the batch waits for a person (or for the quota), its items stay as they are. */
async function pauseBatch(app: App, batch: Batch, claim: Claim, error: ProofsheetError): Promise<Disposal> {
  // A failure that began before the batch was resumed says nothing about now.
  const { state } = await app.batches.change(batch.id, (current) =>
    current.state === 'running' && current.resumedAt === batch.resumedAt
      ? { state: 'paused', pause: pauseFor(app, error) }
      : undefined,
  );
  await app.journal.release(claim, { state: 'queued', countsAsClaim: false });
  // Resuming announces a paused batch's items; in one that runs on, this message is all the item has.
  return state === 'running' ? { kind: 'retry' } : ACK;
}

async function end(
  app: App,
  batch: Batch,
  claim: Claim,
  ending: Ending,
  steps: StepEntry[],
  prepared: PreparedInput | undefined,
): Promise<Disposal> {
  await settleItem(app, batch, claim, ending, steps, prepared);
  return ACK;
}

/** A lease outlives the longest call, so that its answer can still be recorded. */
function leaseMs(app: App, batch: Batch): number {
  return Math.max(app.limits.leaseMs, callTimeoutMs(batch.run)) + app.limits.leaseMarginMs;
}
