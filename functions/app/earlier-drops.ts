import pLimit from 'p-limit';
import type { Item } from '../domain/batch.ts';
import { CLOCK_MARGIN_MS, dropItemId } from '../domain/drop.ts';
import type { FileVersion } from '../platform/ports.ts';
import type { App } from './app.ts';

const READS_AT_ONCE = 32;

/** The items that these versions are in a batch, by the id of the version. */
export async function versionsIn(
  app: Pick<App, 'batches'>,
  batchId: string,
  versions: readonly FileVersion[],
): Promise<Map<string, Item>> {
  const found = await pLimit(READS_AT_ONCE).map(versions, async ({ id }) => {
    const item = await app.batches.item(batchId, dropItemId(id));
    return item === undefined ? [] : [[id, item] as const];
  });
  return new Map(found.flat());
}

/** Which of these versions an earlier batch of the same folder took: the batch `previous`, or one before it. */
export async function takenEarlier(
  app: Pick<App, 'batches'>,
  previous: string | undefined,
  versions: readonly FileVersion[],
): Promise<Set<string>> {
  const taken = new Set<string>();
  let batchId = previous;
  let rest = versions;
  while (batchId !== undefined && rest.length > 0) {
    const batch = await app.batches.get(batchId);
    if (batch?.drop === undefined) break;
    for (const id of (await versionsIn(app, batchId, rest)).keys()) taken.add(id);
    // Batches before that one can only have what was there when they looked last.
    const { since } = batch.drop;
    rest = rest.filter(({ id, createdAt }) => !taken.has(id) && createdAt < since + 2 * CLOCK_MARGIN_MS);
    batchId = batch.drop.previous;
  }
  return taken;
}
