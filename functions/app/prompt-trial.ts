import type { Batch, Item } from '../domain/batch.ts';
import { asProofsheetError, ProofsheetError } from '../domain/errors.ts';
import type { StepEntry } from '../domain/journal.ts';
import type { FileRef } from '../domain/model-call.ts';
import type { TrialEnd } from '../domain/optimization.ts';
import type { Lane } from '../engine/lane.ts';
import { type PassResult, runPass } from '../engine/pass.ts';
import type { Recipe } from '../engine/recipe.ts';
import type { App } from './app.ts';
import { callLane } from './call-lane.ts';
import type { OptimizerClaim } from './optimizer-claim.ts';
import { prepareInput } from './prepare-input.ts';
import { columnsRead, recipeNamed } from './recipe-settings.ts';
import type { Holder } from './spending.ts';

/** What a delivery of the optimiser works with. */
export interface Trials {
  app: App;
  claim: OptimizerClaim;
  /** Makes calls as long as the budget lasts. */
  lane: Lane;
  isSpent(): boolean;
  /** Aborted when no further call may be started in this delivery. */
  stop: AbortSignal;
}

/** Why a pass of the optimiser did not come to its end. */
export class Unfinished extends Error {
  readonly because: 'budget' | 'later';
  readonly afterMs: number;

  constructor(because: 'budget' | 'later', afterMs = 0) {
    super(`The optimiser did not come to an end: ${because}.`);
    this.because = because;
    this.afterMs = afterMs;
  }
}

/** A lane that makes no more than `most` calls, those under way included. */
export function budgetLane(
  app: App,
  batch: Batch,
  of: { begun: number; most: number; holder: Holder },
): Pick<Trials, 'lane' | 'isSpent'> {
  const inner = callLane(app, batch, { begun: of.begun, triesBefore: () => 0, holder: of.holder });
  let taken = 0;
  let isSpent = false;
  return {
    isSpent: () => isSpent,
    lane: {
      async perform(request, stop, step) {
        if (taken >= of.most) {
          isSpent = true;
          return { kind: 'stopped', failedTries: 0 };
        }
        taken += 1;
        let isPaid = false;
        try {
          const result = await inner.perform(request, stop, step);
          isPaid = result.kind === 'answered' || result.kind === 'refused';
          return result;
        } finally {
          if (!isPaid) taken -= 1;
        }
      },
    },
  };
}

/** Works an item with another wording of the prompt, beside its own journal: the item stays as it is. Fails with `Unfinished`. */
export async function tryOn(trials: Trials, item: Item, of: { version: number; prompt: string }): Promise<TrialEnd> {
  const { app, claim } = trials;
  const { batch } = claim;
  const recipe = recipeNamed(app, batch.recipe);
  const settings = withPrompt(batch.recipeSettings, of.version, of.prompt);
  const prepared = await prepareInput(app, batch, item, recipe.intake(batch.recipeSettings)).catch(
    (thrown: unknown) => {
      const error = asProofsheetError(thrown);
      if (error.disposition === 'permanent' && error.scope === 'item') return error;
      throw error;
    },
  );
  if (prepared instanceof ProofsheetError) return { state: 'error', score: null, code: prepared.code };
  const result = await passOf(trials, {
    pass: passName(of.version, item.id),
    ...{ recipe, settings, input: prepared.input },
    metadata: columnsRead(recipe, batch.recipeSettings, item.metadata),
    offered: frozenSteps(await app.journal.steps(item)),
  });
  if (result.kind === 'failed') return { state: 'error', score: null, code: result.error.code };
  const { state, score } = result.outcome;
  return { state, score, ...(state === 'failed' && { code: 'below_threshold' as const }) };
}

/** The recipe's settings with a version of the prompt; 0 is the prompt as it was given. */
export function withPrompt(
  settings: Record<string, unknown>,
  version: number,
  prompt: string,
): Record<string, unknown> {
  return version === 0 ? settings : { ...settings, revisedPrompt: prompt };
}

/** Names the journal of a trial. */
export function passName(version: number, itemId: string): string {
  return `v${version}/${itemId}`;
}

/**
 * Answers of an item that hold for every wording of the prompt: what came before its first round, description and rubric. An item
 * without rounds has none.
 */
export function frozenSteps(steps: readonly StepEntry[]): StepEntry[] {
  if (!steps.some(({ attempt }) => attempt > 0)) return [];
  return steps.filter(({ attempt, outcome }) => attempt === 0 && outcome.ok);
}

export interface TrialPass {
  pass: string;
  recipe: Recipe;
  settings: unknown;
  metadata: Readonly<Record<string, string>>;
  input: FileRef;
  offered: readonly StepEntry[];
}

/** One pass over a journal of the optimiser's own, to its end. */
export async function passOf(trials: Trials, of: TrialPass): Promise<PassResult & { kind: 'done' | 'failed' }> {
  const { app, claim, lane, stop } = trials;
  const { pass, ...rest } = of;
  const result = await runPass({
    ...rest,
    ...{ lane, stop, files: app.files, prices: app.prices, clock: app.clock },
    recorded: await claim.steps(pass),
    record: (steps) => claim.record(pass, steps),
  });
  if (result.kind === 'done') return result;
  if (result.kind === 'failed') {
    const { error } = result;
    // A better prompt is not worth a pause: the batch is closed without it.
    if (error.code === 'budget') throw new Unfinished('budget');
    const isOfItem = error.scope === 'item' && error.disposition !== 'conflict' && error.code !== 'storage_unavailable';
    if (isOfItem) return result;
    throw error;
  }
  if (trials.isSpent()) throw new Unfinished('budget');
  throw new Unfinished('later', result.kind === 'yielded' ? result.afterMs : 0);
}
