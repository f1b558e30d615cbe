import type { Batch, Item } from '../domain/batch.ts';
import { vectorFromText } from '../domain/embedding.ts';
import { entryFacts, entryId } from '../domain/entry-facts.ts';
import { ProofsheetError } from '../domain/errors.ts';
import type { StepEntry } from '../domain/journal.ts';
import type { App } from './app.ts';
import { recipeNamed } from './recipe-settings.ts';

/** Puts both vectors of an item that passed into the store, where its recipe keeps them; safe to repeat. */
export async function storeEmbedding(
  app: Pick<App, 'recipes' | 'vectors'>,
  batch: Batch,
  item: Item,
  steps: readonly StepEntry[],
): Promise<void> {
  const keeping = recipeNamed(app, batch.recipe).keeps?.(batch.recipeSettings);
  if (keeping === undefined) return;
  const { contentHash } = item;
  const facts = entryFacts(item, keeping.source);
  const [semantic, visual] = [vectorIn(steps, 'semantic'), vectorIn(steps, 'visual')];
  const id = entryId({ contentHash, facts });
  await app.vectors.put(keeping.space, [{ id, contentHash, facts, weights: keeping.weights, semantic, visual }]);
}

/** The answer of the last asking, which was of use. */
function vectorIn(steps: readonly StepEntry[], name: string): Float32Array {
  const step = steps.findLast(({ key, outcome }) => key.split('~')[0] === name && outcome.ok);
  if (step?.outcome.ok && step.outcome.text !== undefined) return vectorFromText(step.outcome.text);
  throw new ProofsheetError('internal', `An item passed without its ${name} vector; report this as a bug.`);
}
