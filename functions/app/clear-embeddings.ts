import type { Deliveries } from '../platform/ports.ts';
import type { App } from './app.ts';
import { cancelBatch } from './control-batch.ts';
import { workOff } from './work-off.ts';

const MOST_UNFINISHED = 1000;

/**
 * Removes all entries of a collection. Unfinished batches that put into it are cancelled first: gone on with, they would take for done what
 * was removed.
 */
export async function clearEmbeddings(app: App, deliveries: Deliveries, collection: string): Promise<void> {
  const unfinished = await app.batches.list({ limit: MOST_UNFINISHED, unfinished: true });
  for (const batch of unfinished) {
    const keeping = app.recipes[batch.recipe]?.keeps?.(batch.recipeSettings);
    if (keeping?.space.collection !== collection) continue;
    await cancelBatch(app, batch.id, 'The collection was cleared.');
    await workOff(app, deliveries, batch.id, 1);
  }
  await app.vectors.clear(collection);
}
