import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import type { StartRequest } from '../functions/app/start-batch.ts';
import { NO_COUNTS } from '../functions/domain/batch.ts';
import { ProofsheetError } from '../functions/domain/errors.ts';
import type { ModelAnswer, ModelRequest } from '../functions/domain/model-call.ts';
import type { Recipe } from '../functions/engine/recipe.ts';
import { sha256 } from '../functions/lib/hash.ts';
import { openLocal } from './platform/local-platform.ts';
import { chaoticWorld, type Happened } from './support/chaotic-world.ts';
import { answer } from './support/engine-fakes.ts';
import { manualClock } from './support/manual-clock.ts';
import { memoryFiles } from './support/memory-files.ts';
import { seededRandom } from './support/seeded-random.ts';
import { makeQuickHome } from './support/temp-home.ts';

const SEEDS = 150;
const DROP_SEEDS = 60;
const TEXTS = Object.fromEntries(['0', '1', '2', '3', '4'].map((n) => [`/texts/${n}.txt`, `Text number ${n}.`]));
const REFUSED = sha256('Text number 0.');
const STEPS_EACH = 4;

/** Four questions, two of them at once; the service refuses the last one about one of the texts. */
const recipe: Recipe<{ seed: number }> = {
  name: 'four-questions',
  version: 1,
  settings: z.object({ seed: z.number() }),
  intake: () => 'bytes',
  columns: () => [],
  stepCap: 20,
  models: () => ['m'],
  callsPerItem: () => ({ least: STEPS_EACH, most: STEPS_EACH }),
  async run(context) {
    const ask = (text: string) => context.text('ask', { model: 'm', parts: [{ file: context.input }, { text }] });
    const first = await ask('one');
    const [second, third] = await Promise.all([ask(`two ${first.value}`), ask(`three ${first.value}`)]);
    const last = await ask(`four ${second.value} ${third.value}`);
    const result = { kind: 'text' as const, text: last.value };
    return { state: 'passed', score: 1, message: 'Done.', result, attempts: [] };
  },
};

function reply(request: ModelRequest): ModelAnswer {
  const [file, question] = request.parts;
  const text = question && 'text' in question ? question.text : '';
  if (text.startsWith('four') && file && 'file' in file && file.file.sha256 === REFUSED) {
    throw new ProofsheetError('safety', 'Refused.', { paid: answer() });
  }
  return answer({ text: sha256(text).slice(0, 8) });
}

const clock = manualClock(seededRandom(0));
let root: Awaited<ReturnType<typeof makeQuickHome>>;
let local: ReturnType<typeof openLocal>;
beforeAll(async () => {
  root = await makeQuickHome();
  local = openLocal(join(root.path, 'home'), { clock });
});
afterAll(async () => {
  await local.close();
  await root.remove();
});

it('keeps its promises under duplicates, disorder, zombies, crashes and failing writes', async () => {
  const all = await chaosOf(range(1, SEEDS), 0);
  // The world is as bad as it should be.
  expect(all.crashes).toBeGreaterThan(SEEDS / 2);
  expect(all.refused).toBeGreaterThan(SEEDS / 2);
  expect(all.lost).toBeGreaterThan(SEEDS / 2);
});

it('keeps them as well where messages are never delivered, with a sweep now and then', async () => {
  const all = await chaosOf(range(SEEDS + 1, DROP_SEEDS), 0.3);
  expect(all.crashes).toBeGreaterThan(DROP_SEEDS / 2);
  expect(all.dropped).toBeGreaterThan(DROP_SEEDS * 5);
});

const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, n) => first + n);

async function chaosOf(seeds: readonly number[], drops: number) {
  const all = { crashes: 0, refused: 0, lost: 0, dropped: 0 };
  for (const seed of seeds) {
    const { happened, lost } = await chaos(seed, drops).catch((cause) => {
      throw new Error(`Seed ${seed}: ${cause.message}`, { cause });
    });
    all.crashes += happened.crashes;
    all.refused += happened.refused;
    all.dropped += happened.dropped;
    all.lost += lost;
  }
  return all;
}

async function chaos(seed: number, drops: number): Promise<{ happened: Happened; lost: number }> {
  const { batches, journal } = local.platform;
  const recipes = { [recipe.name]: recipe };
  const platform = { ...local.platform, files: memoryFiles(TEXTS) };
  const world = chaoticWorld({ platform, clock, recipes, reply, random: seededRandom(seed), drops });
  const batchId = await world.run(requestOf(seed));
  const { happened } = world;

  const batch = await batches.get(batchId);
  expect(batch).toMatchObject({ state: 'finished', report: expect.any(String) });
  expect(happened.finished).toBe(1);
  const items = await batches.items(batchId, { limit: 100 });
  expect(items).toHaveLength(5);
  let recorded = 0;
  for (const item of items) {
    const end = item.contentHash === REFUSED ? 'error' : 'passed';
    if (happened.ends.get(item.id)?.[0] !== end) console.log(item);
    expect(happened.ends.get(item.id)).toEqual([end]);
    expect(item).toMatchObject({ state: end, summary: { calls: STEPS_EACH } });
    if (end === 'error') expect(item.summary?.code).toBe('safety');
    const steps = await journal.steps(item);
    expect(steps.map((step) => step.key).sort()).toEqual(['ask', 'ask:1', 'ask:2', 'ask:3']);
    recorded += steps.length;
  }
  expect(await batches.counts(batchId)).toEqual({
    ...{ ...NO_COUNTS, total: 5, passed: 4, error: 1, calls: recorded, costNano: recorded * 200_000 },
    ...{ scored: 4, scoreSum: 4, attempts: 0 },
  });
  const lost = happened.paid - recorded;
  expect(lost).toBeGreaterThanOrEqual(0);
  expect(lost).toBeLessThanOrEqual(happened.atRisk);
  return { happened, lost };
}

function requestOf(seed: number): StartRequest {
  return {
    ...{ inputs: ['/texts'], recipe: recipe.name, recipeSettings: { seed }, name: `seed ${seed}` },
    ...{ simulated: false, force: false, archive: 'none', outputRoot: '/output' },
    selection: { patterns: [], recursive: true, maxFileBytes: 1000 },
    run: { lane: 'standard', maxConcurrent: 4, maxRetries: 20, timeoutMs: 60_000 },
  };
}
