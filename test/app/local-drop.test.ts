import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createApp } from '../../functions/app/app.ts';
import { closeQuietDrops } from '../../functions/app/close-drops.ts';
import { checkDropRules, type DropRules, ingestDrop } from '../../functions/app/ingest-drop.ts';
import { workOff } from '../../functions/app/work-off.ts';
import { openLocal } from '../platform/local-platform.ts';
import { DROP_RECIPES, dropModels, photo } from '../support/drop-recipes.ts';
import { PRICES } from '../support/engine-fakes.ts';
import { tempHome } from '../support/temp-home.ts';

it('A drop into a folder of this machine is worked off without any event', async () => {
  const home = await tempHome();
  const local = openLocal(join(home, 'home'));
  onTestFinished(() => local.close());
  const { models, requests } = dropModels();
  const app = createApp(
    { ...local.platform, models },
    { prices: PRICES, stop: new AbortController().signal, recipes: DROP_RECIPES },
  );
  const inbox = join(home, 'inbox');
  const rules: DropRules = {
    ...{ inbox, outputRoot: join(home, 'output'), quietMs: 1500, graceMs: 100, simulated: false },
    ...{ recipe: 'retouch', recipeSettings: {}, fixedSettings: {}, maxFileBytes: 1_000_000, exclude: [] },
    run: { lane: 'standard', maxConcurrent: 4, maxRetries: 1, timeoutMs: 60_000 },
  };
  checkDropRules(app, rules);
  expect(() => checkDropRules(app, { ...rules, outputRoot: join(inbox, 'output') })).toThrow('would lie inside');

  /** What a watcher of the folder does, again and again. */
  const look = async () => {
    const entries = await app.files.list(inbox, { recursive: true, limit: 100 });
    for (const { uri, bytes, version } of entries) {
      if (version) await ingestDrop(app, rules, { uri, bytes, version, isOwn: false });
    }
    await closeQuietDrops(app);
  };
  mkdirSync(join(inbox, 'shoes', 'summer'), { recursive: true });
  writeFileSync(join(inbox, 'shoes', 'left.png'), photo('left'));
  writeFileSync(join(inbox, 'shoes', 'summer', 'right.png'), photo('right'));
  await look();
  const [batch] = await app.batches.list({ limit: 2 });
  if (batch === undefined) throw new Error('There is no batch.');
  const over = new AbortController();
  const working = workOff({ ...app, stop: over.signal }, local.deliveries, batch.id, 4);
  onTestFinished(() => over.abort());
  const isFinished = async () => {
    await look();
    expect(await app.batches.get(batch.id)).toMatchObject({ state: 'finished' });
  };
  await vi.waitFor(isFinished, { timeout: 30_000, interval: 100 });
  over.abort();
  await working;
  const items = await app.batches.items(batch.id, { limit: 9 });
  expect(items.map(({ source, state }) => `${source} ${state}`).sort()).toEqual([
    `${inbox}/shoes/left.png passed`,
    `${inbox}/shoes/summer/right.png passed`,
  ]);
  expect(requests).toHaveLength(2);
  rmSync(join(inbox, 'shoes', 'left.png'));
  for (let again = 0; again < 3; again += 1) await look();
  expect(await app.batches.list({ limit: 2 })).toHaveLength(1);
});
