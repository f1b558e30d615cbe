import type { Batch } from '../domain/batch.ts';
import { entryFacts, entryId } from '../domain/entry-facts.ts';
import { ProofsheetError } from '../domain/errors.ts';
import type { App } from './app.ts';
import { itemPages } from './item-pages.ts';
import { recipeNamed } from './recipe-settings.ts';

const PAGE = 200;

/**
 * Removes the entries of a batch's source that are not among its items: their files or rows are gone. An entry whose file could not be read this
 * time stays. Fails with `wrong_state` for a batch that did not end well or found nothing: an empty folder is more often a mistake. Gives
 * how many were removed.
 */
export async function pruneEmbeddings(
  app: Pick<App, 'batches' | 'limits' | 'recipes' | 'vectors'>,
  batch: Batch,
): Promise<number> {
  const keeping = recipeNamed(app, batch.recipe).keeps?.(batch.recipeSettings);
  if (keeping === undefined) return 0;
  const { space, source } = keeping;
  const there = new Set<string>();
  for await (const items of itemPages(app, batch.id)) {
    for (const item of items) {
      there.add(entryId({ contentHash: item.contentHash, facts: entryFacts(item, source) }));
      if (item.state !== 'passed') there.add(item.source);
    }
  }
  if (batch.state !== 'finished' || there.size === 0) {
    const why = batch.state === 'finished' ? 'found nothing' : `is ${batch.state}`;
    throw new ProofsheetError(
      'wrong_state',
      `Batch ${batch.id} ${why}, so nothing is pruned; run again with all inputs.`,
    );
  }
  let removed = 0;
  let after: string | undefined;
  while (true) {
    const entries = await app.vectors.list(space, { limit: PAGE, ...(after !== undefined && { after }) });
    const gone = entries.filter(({ id, facts }) => facts.source === source && !there.has(id) && !there.has(facts.path));
    if (gone.length > 0)
      await app.vectors.remove(
        space,
        gone.map(({ id }) => id),
      );
    removed += gone.length;
    after = entries.at(-1)?.id;
    if (entries.length < PAGE) return removed;
  }
}
