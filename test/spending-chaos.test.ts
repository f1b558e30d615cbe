import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { batchAccount, mostOf } from '../functions/domain/budget.ts';
import { costOf } from '../functions/domain/cost.ts';
import type { ModelAnswer, ModelRequest } from '../functions/domain/model-call.ts';
import type { Recipe } from '../functions/engine/recipe.ts';
import { openLocal } from './platform/local-platform.ts';
import { chaoticWorld } from './support/chaotic-world.ts';
import { answer, PRICES } from './support/engine-fakes.ts';
import { manualClock } from './support/manual-clock.ts';
import { memoryFiles } from './support/memory-files.ts';
import { seededRandom } from './support/seeded-random.ts';
import { makeQuickHome } from './support/temp-home.ts';

const SEEDS = 40;
const TEXTS = Object.fromEntries(['0', '1', '2', '3'].map((n) => [`/texts/${n}.txt`, `Text number ${n}.`]));
/** Enough for a few calls at their dearest. */
const FIRST_NANO = 600_000_000;
const RAISE_NANO = 400_000_000;

/** Three questions, two of them at once. */
const recipe: Recipe<{ seed: number }> = {
  name: 'three-questions',
  version: 1,
  settings: z.object({ seed: z.number() }),
  intake: () => 'bytes',
  columns: () => [],
  stepCap: 20,
  models: () => ['m'],
  callsPerItem: () => ({ least: 3, most: 3 }),
  async run(context) {
    const ask = (text: string) => context.text('ask', { model: 'm', parts: [{ file: context.input }, { text }] });
    const first = await ask('one');
    const [second, third] = await Promise.all([ask(`two ${first.value}`), ask(`three ${first.value}`)]);
    const result = { kind: 'text' as const, text: second.value + third.value };
    return { state: 'passed', score: 1, message: 'Done.', result, attempts: [] };
  },
};

it('never spends and holds more than the ceiling, and holds nothing in the end', { timeout: 60_000 }, async () => {
  const home = await makeQuickHome();
  const clock = manualClock(seededRandom(0));
  const local = openLocal(join(home.path, 'home'), { clock });
  onTestFinished(async () => {
    await local.close();
    await home.remove();
  });
  const all = { crashes: 0, pauses: 0, unaccounted: 0 };
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const seen = await spendingOf(seed).catch((cause) => {
      throw new Error(`Seed ${seed}: ${cause.message}`, { cause });
    });
    all.crashes += seen.crashes;
    all.pauses += seen.pauses;
    all.unaccounted += seen.unaccounted;
  }
  // The world is as bad as it should be.
  expect(all.crashes).toBeGreaterThan(SEEDS / 2);
  expect(all.pauses).toBeGreaterThan(SEEDS / 2);
  expect(all.unaccounted).toBeGreaterThan(SEEDS / 2);

  async function spendingOf(seed: number) {
    const random = seededRandom(seed);
    const { budgets, batches, journal } = local.platform;
    const seen = { crashes: 0, pauses: 0, unaccounted: 0, billed: 0 };
    const reply = (request: ModelRequest): ModelAnswer => {
      const paid = answer({ usage: { ...answer().usage, input: 20, output: Math.floor(random() * 16_384) } });
      const bill = { model: 'm', usage: paid.usage, lane: 'standard' as const, at: clock.now() };
      const cost = costOf(bill, PRICES) ?? 0;
      expect(cost).toBeLessThanOrEqual(mostOf({ request, lane: 'standard', at: clock.now() }, PRICES) ?? 0);
      seen.billed += cost;
      return paid;
    };
    let lastState = '';
    const world = chaoticWorld({
      ...{ platform: { ...local.platform, files: memoryFiles(TEXTS) }, clock, reply, random, drops: 0 },
      recipes: { [recipe.name]: recipe },
      raiseNano: RAISE_NANO,
      async check(batchId) {
        const [batch, { spent, held }] = await Promise.all([
          batches.get(batchId),
          budgets.standing(batchAccount(batchId)),
        ]);
        const ceiling = batch?.run.maxSpendNano ?? 0;
        expect(spent + held).toBeLessThanOrEqual(ceiling);
        expect(seen.billed).toBeLessThanOrEqual(ceiling);
        if (batch?.state === 'paused' && lastState !== 'paused') seen.pauses += 1;
        lastState = batch?.state ?? '';
      },
    });
    const batchId = await world.run({
      ...{ inputs: ['/texts'], recipe: recipe.name, recipeSettings: { seed }, name: `seed ${seed}` },
      ...{ simulated: false, force: false, archive: 'none', outputRoot: '/output' },
      selection: { patterns: [], recursive: true, maxFileBytes: 1000 },
      run: { lane: 'standard', maxConcurrent: 4, maxRetries: 20, timeoutMs: 60_000, maxSpendNano: FIRST_NANO },
    });
    const { spent, held } = await budgets.standing(batchAccount(batchId));
    expect(held).toBe(0);
    expect(spent).toBeGreaterThanOrEqual(seen.billed);
    let recorded = 0;
    for (const item of await batches.items(batchId, { limit: 100 })) {
      expect([item.state, item.summary?.code, item.summary?.message]).toEqual(['passed', undefined, 'Done.']);
      for (const step of await journal.steps(item)) recorded += step.costNano ?? 0;
    }
    expect(spent).toBeGreaterThanOrEqual(recorded);
    if (spent > recorded) seen.unaccounted += 1;
    return { ...seen, crashes: world.happened.crashes };
  }
});
