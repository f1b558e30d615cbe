import type { Item } from '../domain/batch.ts';
import { ProofsheetError } from '../domain/errors.ts';
import {
  decisionByControl,
  type Optimization,
  type PromptVersion,
  rejectedByFailing,
  rejectedByHeldOut,
  type Trial,
  type TrialEnd,
} from '../domain/optimization.ts';
import { sha256 } from '../lib/hash.ts';
import { type Proposal, proposalIn, proposing } from '../recipes/propose-prompt.ts';
import { passOf, type Trials, tryOn, Unfinished } from './prompt-trial.ts';

type Group = NonNullable<Optimization['plan']>['groups'][number];

/** Characters of a message that an example quotes, and mistakes that it names. */
const MESSAGE = 300;
const MISTAKES = 5;

/**
 * Has a prompt proposed for a kind of failure and tries it: on failing items, then on items that passed, and where it looks better, the
 * prompt as it was once more on the same failing items. Undefined if the budget was used up before anything was proposed.
 */
export async function nextVersion(
  trials: Trials,
  group: Group,
  before: readonly PromptVersion[],
): Promise<PromptVersion | undefined> {
  const version = trials.claim.standing().versions.length + 1;
  const found: Trial[] = [];
  let head: Pick<PromptVersion, 'version' | 'group' | 'diagnosis' | 'direction' | 'prompt'> | undefined;
  try {
    const proposal = await propose(trials, group, before, version);
    head = { version, group: group.group, diagnosis: '' };
    if (typeof proposal === 'string') return { ...head, trials: [], decision: 'rejected', why: proposal };
    head = { ...head, ...proposal };
    return { ...head, trials: found, ...(await decide(trials, group, { version, prompt: proposal.prompt }, found)) };
  } catch (thrown) {
    if (!(thrown instanceof Unfinished) || thrown.because !== 'budget') throw thrown;
    const why = 'The budget was used up before it was decided.';
    return head && { ...head, trials: found, decision: 'stopped', why };
  }
}

/** A proposal, or a sentence why there is none. */
async function propose(
  trials: Trials,
  group: Group,
  before: readonly PromptVersion[],
  version: number,
): Promise<Proposal | string> {
  const { batch } = trials.claim;
  const { prompt, textModel } = batch.recipeSettings;
  const failures = {
    ...{ model: String(textModel), prompt: String(prompt), group: group.group, items: group.items },
    examples: await examplesOf(trials, group),
    tried: before.map((one) => ({ prompt: one.prompt, why: one.why })),
  };
  const nothing = new TextEncoder().encode('');
  const result = await passOf(trials, {
    pass: `propose-v${version}`,
    recipe: proposing(failures),
    ...{ settings: {}, metadata: {}, offered: [] },
    input: { sha256: sha256(nothing), mimeType: 'text/plain', bytes: 0 },
  });
  if (result.kind === 'failed') return `No usable prompt was proposed: ${result.error.message}`.slice(0, 600);
  const proposed = result.outcome.result;
  return proposalIn(proposed?.kind === 'json' ? proposed.value : undefined);
}

async function examplesOf({ app, claim }: Trials, group: Group) {
  const details = await app.batches.details(claim.batch.id, group.failing);
  const items = await Promise.all(group.failing.map((id) => itemNamed(app, claim.batch.id, id)));
  return items.map(({ id, summary }) => {
    const attempts = details.get(id)?.outcome?.attempts ?? [];
    const wrong = attempts.flatMap(({ verdicts }) => verdicts).filter(({ verdict }) => verdict === 'fail');
    const mistakes = wrong.map((one) => `${one.question} should be "${one.expected}", was "${one.answer}"`);
    const said = (summary?.message ?? '').slice(0, MESSAGE);
    return { code: summary?.code ?? '', message: said, mistakes: [...new Set(mistakes)].slice(0, MISTAKES) };
  });
}

type Wording = { version: number; prompt: string };

async function decide(
  trials: Trials,
  group: Group,
  wording: Wording,
  found: Trial[],
): Promise<Pick<PromptVersion, 'decision' | 'why'>> {
  await tryAll(trials, group.failing, 'failing', wording, found);
  const byFailing = rejectedByFailing(found);
  if (byFailing !== undefined) return byFailing;
  await tryAll(trials, trials.claim.standing().plan?.heldOut ?? [], 'held_out', wording, found);
  const byHeldOut = rejectedByHeldOut(found);
  if (byHeldOut !== undefined) return byHeldOut;
  const recovered = found.filter(({ sample, after }) => sample === 'failing' && after.state === 'passed');
  await all(recovered, async (trial) => {
    const item = await itemNamed(trials.app, trials.claim.batch.id, trial.itemId);
    trial.control = await tryOn(trials, item, { version: 0, prompt: '' });
  });
  return decisionByControl(found);
}

async function tryAll(
  trials: Trials,
  itemIds: readonly string[],
  sample: Trial['sample'],
  wording: Wording,
  found: Trial[],
): Promise<void> {
  await all(itemIds, async (itemId) => {
    const item = await itemNamed(trials.app, trials.claim.batch.id, itemId);
    const after = await tryOn(trials, item, wording);
    found.push({ itemId, name: item.name, sample, before: endOf(item), after });
  });
  // As they were planned, whichever came first.
  const place = ({ itemId }: Trial) => itemIds.indexOf(itemId);
  found.sort((a, b) => Number(a.sample === sample) - Number(b.sample === sample) || place(a) - place(b));
}

function endOf({ state, summary }: Item): TrialEnd {
  const code = summary?.code;
  const ended = state === 'passed' || state === 'failed' ? state : 'error';
  return { state: ended, score: summary?.score ?? null, ...(code && { code }) };
}

async function itemNamed(app: Trials['app'], batchId: string, itemId: string): Promise<Item> {
  const item = await app.batches.item(batchId, itemId);
  if (item !== undefined) return item;
  throw new ProofsheetError('internal', `Item ${itemId} of batch ${batchId} is gone; report this as a bug.`);
}

/** All at once, to the end of each; then the first failure, if any, a real one before one that only says to go on later. */
async function all<T>(values: readonly T[], work: (value: T) => Promise<void>): Promise<void> {
  const settled = await Promise.allSettled(values.map(work));
  const failures = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  const failure = failures.find((reason) => !(reason instanceof Unfinished)) ?? failures[0];
  if (failure !== undefined) throw failure;
}
