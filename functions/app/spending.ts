import type { Batch } from '../domain/batch.ts';
import { settledOf } from '../domain/batch.ts';
import {
  batchAccount,
  type Ceiling,
  dayAccount,
  type Hold,
  mostOf,
  msUntilNextDay,
  NO_CEILING,
} from '../domain/budget.ts';
import { dollars } from '../domain/cost.ts';
import { asProofsheetError, ProofsheetError } from '../domain/errors.ts';
import type { StepEntry } from '../domain/journal.ts';
import type { ModelRequest } from '../domain/model-call.ts';
import type { HeldMoney, Purse } from '../engine/purse.ts';
import type { App } from './app.ts';

/** What spending needs of the app. */
type Spender = Pick<App, 'batches' | 'budgets' | 'prices' | 'clock' | 'log' | 'dailySpendNano'>;

/** Who answers for money that is held: an item, with the fence of its claim. */
export interface Holder {
  owner: string;
  /** Higher than that of everybody who had this place before. */
  fence: number;
}

/** Money for somebody's calls; undefined where nothing limits what may be spent, which then costs nothing. */
export function purseOf(app: Spender, batch: Batch, { owner, fence }: Holder): Purse | undefined {
  if (!isLimited(app, batch)) return undefined;
  let holds = 0;
  return {
    async hold(request, step) {
      const nano = mostOfRequest(app, batch, request, 'standard');
      // Free models neither need money nor end for want of it.
      if (nano === 0) return NOTHING_HELD;
      holds += 1;
      return await holdUnderCeilings(app, batch, { owner, call: `${fence}/${holds}/${step}`, nano });
    },
  };
}

/** The most that these calls can cost together, in nano-dollars, held until `spent` or `free`; for calls that go out together. */
export async function holdForCalls(
  app: Spender,
  batch: Batch,
  owner: string,
  requests: readonly ModelRequest[],
): Promise<HeldMoney | undefined> {
  if (!isLimited(app, batch)) return NOTHING_HELD;
  const nano = requests.reduce((sum, request) => sum + mostOfRequest(app, batch, request, 'batch'), 0);
  return nano === 0 ? NOTHING_HELD : await holdUnderCeilings(app, batch, { owner, call: 'all', nano });
}

/** Money that `holdForCalls` holds for this owner, as another process may have left it; undefined if nothing is held. */
export async function heldForCalls(app: Spender, batch: Batch, owner: string): Promise<HeldMoney | undefined> {
  if (!isLimited(app, batch)) return undefined;
  const [hold] = await app.budgets.open(batchAccount(batch.id), owner);
  return hold && heldMoney(app, hold);
}

/**
 * Ends what those held who had this place before and died or were replaced: a recorded answer counts as what it cost, and where there is
 * none, the call may have been billed all the same.
 */
export async function endOldHolds(
  app: Spender,
  batch: Batch,
  { owner, fence }: Holder,
  steps: readonly StepEntry[],
): Promise<void> {
  if (!isLimited(app, batch) || fence === 1) return;
  const open = await app.budgets.open(batchAccount(batch.id), owner);
  const costs = new Map(steps.filter((step) => !step.adopted).map((step) => [step.key, step.costNano]));
  // The latest hold of a step is the one whose answer was recorded.
  for (const hold of open.sort((a, b) => orderOf(b.call) - orderOf(a.call))) {
    const step = hold.call.split('/').slice(2).join('/');
    const cost = costs.get(step);
    costs.delete(step);
    await app.budgets.end(hold, cost ?? hold.nano);
  }
}

/** Ends what is still held of a batch whose items have all ended: workers who were replaced may have died over it. */
export async function endLeftHolds(app: Spender, batch: Batch): Promise<void> {
  if (!isLimited(app, batch)) return;
  for (const hold of await app.budgets.open(batchAccount(batch.id))) await app.budgets.end(hold, hold.nano);
}

export function isLimited(app: Pick<App, 'dailySpendNano'>, { run }: Pick<Batch, 'run'>): boolean {
  return run.maxSpendNano !== undefined || app.dailySpendNano !== undefined;
}

/** A single call of any lane may end up in the standard lane. */
function mostOfRequest(app: Spender, { run }: Batch, request: ModelRequest, lane: 'standard' | 'batch'): number {
  const nano = mostOf({ request, lane, at: app.clock.now() }, app.prices) ?? run.assumedCallNano;
  if (nano !== undefined) return nano;
  throw new ProofsheetError('price_unknown', priceUnknown([request.model]), { scope: 'batch' });
}

/** Why a ceiling cannot be kept. */
export function priceUnknown(models: readonly string[]): string {
  return `The price of ${models.join(', ')} is unknown, so a spend ceiling cannot be kept; add it to prices in proofsheet.yaml or give --assume-price.`;
}

async function holdUnderCeilings(
  app: Spender,
  batch: Batch,
  hold: Omit<Hold, 'accounts'>,
): Promise<HeldMoney | undefined> {
  const now = app.clock.now();
  const under: Ceiling[] = [{ account: batchAccount(batch.id), nano: batch.run.maxSpendNano ?? NO_CEILING }];
  if (app.dailySpendNano !== undefined) under.push({ account: dayAccount(now), nano: app.dailySpendNano });
  const held = await app.budgets.hold(hold, under);
  if (held.kind === 'busy') return undefined;
  if (held.kind === 'spent') throw await ceilingReached(app, batch, { account: held.account, next: hold.nano, now });
  return heldMoney(app, { ...hold, accounts: under.map(({ account }) => account) }, batch.run.assumedCallNano);
}

async function ceilingReached(
  app: Spender,
  batch: Batch,
  { account, next, now }: { account: string; next: number; now: number },
): Promise<ProofsheetError> {
  const [{ spent }, counts] = await Promise.all([app.budgets.standing(account), app.batches.counts(batch.id)]);
  const isBatch = account === batchAccount(batch.id);
  const ceiling = isBatch ? batch.run.maxSpendNano : app.dailySpendNano;
  const what = isBatch ? 'The spend ceiling of the batch' : 'The daily spend limit of all batches';
  const message =
    `${what}, ${dollars(ceiling ?? 0)}, does not cover the next call: ${dollars(spent)} is spent and the call may cost ${dollars(next)}. ` +
    `${settledOf(counts)} of ${counts.total} items are done, the others are not evaluated; ` +
    `${isBatch ? 'resume with a higher --max-spend goes on' : 'the work goes on after midnight UTC'}.`;
  const retry = isBatch ? {} : { retryAfterMs: msUntilNextDay(now) };
  return new ProofsheetError('budget', message, { scope: 'batch', ...retry });
}

function heldMoney(app: Spender, hold: Hold, assumedNano = hold.nano): HeldMoney {
  let isEnded = false;
  async function end(nano: number): Promise<void> {
    if (isEnded) return;
    isEnded = true;
    try {
      await app.budgets.end(hold, nano);
    } catch (thrown) {
      const { code, message } = asProofsheetError(thrown);
      app.log.warn({ owner: hold.owner, code, error: message }, 'money stays held for a call that has ended');
      return;
    }
    if (nano > hold.nano) app.log.error({ owner: hold.owner, nano, held: hold.nano }, 'a call cost more than was held');
  }
  return {
    spent: (costNano) => end(costNano ?? assumedNano),
    free: () => end(0),
    lost: () => end(hold.nano),
  };
}

const nothing = (): Promise<void> => Promise.resolve();
const NOTHING_HELD: HeldMoney = { spent: nothing, free: nothing, lost: nothing };

/** Calls of an item are named `fence/number/step`. */
function orderOf(call: string): number {
  const [fence, number] = call.split('/').map(Number);
  return (fence ?? 0) * 1e6 + (number ?? 0);
}
