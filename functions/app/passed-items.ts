import type { Batch, Item } from '../domain/batch.ts';
import type { ItemDetail } from '../domain/outcome.ts';
import { resultPath } from '../report/output-paths.ts';
import type { App } from './app.ts';
import { settledItems } from './finalize-batch.ts';

/** Batches of the same command that are looked through for what they did before. */
const EARLIER = 50;

/** What a later batch takes of an item: the file it was made of, or what was made. */
export type Take = 'sources' | 'results';

/**
 * Writes a manifest of a batch's passed items with their columns, for another batch to go on with. What was done before by the same
 * command counts as passed as well, so that a command that is given again finds the same items. Gives how many there are.
 */
export async function writePassedItems(app: App, batch: Batch, of: { uri: string; take: Take }): Promise<number> {
  let rows = 0;
  async function* lines(): AsyncGenerator<string> {
    for await (const entry of settledItems(app, batch.id)) {
      const passed = await passedAs(app, batch, entry);
      const path = passed && placeOf(app, passed, of.take);
      if (path === undefined) continue;
      rows += 1;
      yield `${JSON.stringify({ path, ...columnsOf(entry.item) })}\n`;
    }
  }
  await app.files.write(of.uri, lines(), 'application/jsonl');
  return rows;
}

interface Passed {
  batch: Batch;
  item: Item;
  detail: ItemDetail | undefined;
}

async function passedAs(
  app: App,
  batch: Batch,
  { item, detail }: Pick<Passed, 'item' | 'detail'>,
): Promise<Passed | undefined> {
  if (item.state === 'passed') return { batch, item, detail };
  if (item.summary?.code !== 'already_done') return undefined;
  const earlier = await app.batches.list({ limit: EARLIER, commandKey: batch.commandKey });
  for (const before of earlier) {
    const done = before.id === batch.id ? undefined : await app.batches.item(before.id, item.id);
    if (done?.state !== 'passed') continue;
    const details = await app.batches.details(before.id, [done.id]);
    return { batch: before, item: done, detail: details.get(done.id) };
  }
  return undefined;
}

function placeOf(app: App, { batch, item, detail }: Passed, take: Take): string | undefined {
  if (take === 'sources') return item.source;
  const path = resultPath(item.name, item.state === 'passed' ? 'passed' : 'error', detail?.outcome);
  return path && app.files.join(batch.outputDir, ...path);
}

/** Without its file name, which the next batch's recipe asks for itself where it wants it. */
function columnsOf({ metadata, name }: Item): Record<string, string> {
  const { name: column, ...rest } = metadata;
  return column === undefined || column === name ? rest : metadata;
}
