import type { Batch, Item } from '../domain/batch.ts';
import { type FailureGroup, failureGroupOf, type Optimization } from '../domain/optimization.ts';
import type { App } from './app.ts';
import { itemPages } from './item-pages.ts';

/** Items of a group that a proposal is tried on, and passed ones that it must not spoil. */
const FAILING = 4;
const HELD_OUT = 4;

type Plan = NonNullable<Optimization['plan']>;

/**
 * Failures of a batch by reason, the most frequent first, each with a few items to try on, and a few passed ones. Ids are hashes, so
 * that the first in their order are a fair sample. Copies of an item would only try it twice.
 */
export async function planOf(app: App, batch: Batch): Promise<Plan> {
  const groups = new Map<FailureGroup, { items: number; failing: string[] }>();
  for await (const items of itemPages(app, batch.id, ['failed', 'error'])) {
    for (const item of items) {
      const name = failureGroupOf(item.summary?.code);
      // One that was given an improved prompt already has had its turn.
      if (name === undefined || item.prompt !== undefined) continue;
      const group = groups.get(name) ?? { items: 0, failing: [] };
      groups.set(name, group);
      group.items += 1;
      if (group.failing.length < FAILING && item.twin === undefined) group.failing.push(item.id);
    }
  }
  const found = [...groups].map(([group, of]) => ({ group, ...of })).filter(({ failing }) => failing.length > 0);
  return {
    groups: found.toSorted((a, b) => b.items - a.items),
    heldOut: found.length === 0 ? [] : (await passedItems(app, batch.id)).map(({ id }) => id),
  };
}

async function passedItems(app: App, batchId: string): Promise<Item[]> {
  const passed = await app.batches.items(batchId, { states: ['passed'], limit: 5 * HELD_OUT });
  return passed.filter(({ twin }) => twin === undefined).slice(0, HELD_OUT);
}
