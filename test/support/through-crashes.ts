import { expect } from 'vitest';
import type { FileRef, ModelAnswer, ModelRequest } from '../../functions/domain/model-call.ts';
import type { PassResult } from '../../functions/engine/pass.ts';
import type { Recipe } from '../../functions/engine/recipe.ts';
import { INPUT, instantClock, laneOf, passRunner, scriptedModels } from './engine-fakes.ts';

interface Script {
  reply(request: ModelRequest, n: number): ModelAnswer | Promise<ModelAnswer>;
  /** As a user gives them. */
  settings?: Record<string, unknown>;
  metadata?: Record<string, string>;
  input?: FileRef;
}

const MOST_PASSES = 50;

/**
 * Runs a recipe over its journal straight through, and once more with a process that dies after every journal write. Both
 * must end in the same way with the same calls. Gives how it ended and the requests that were sent.
 */
export async function throughCrashes<Settings>(
  recipe: Recipe<Settings>,
  script: Script,
): Promise<{ end: PassResult; requests: ModelRequest[] }> {
  const settings = recipe.settings.parse(script.settings ?? {});
  const begin = () => {
    const { models, requests } = scriptedModels(script.reply);
    const runner = passRunner(recipe as Recipe, { lane: laneOf(models, instantClock()), settings });
    return { ...runner, requests };
  };
  const given = { input: script.input ?? INPUT, metadata: script.metadata ?? {} };
  const straight = begin();
  const end = await straight.run(given);
  const crashing = begin();
  let last: PassResult | undefined;
  for (let passes = 0; last === undefined && passes < MOST_PASSES; passes++) {
    const crash = new Error('crash');
    const record: Parameters<typeof crashing.run>[0] = {
      async record(steps) {
        crashing.journal.push(...steps);
        throw crash;
      },
    };
    const ended = await crashing.run({ ...given, ...record });
    if (!(ended.kind === 'failed' && ended.error.cause === crash)) last = ended;
  }
  expect(summaryOf(last)).toEqual(summaryOf(end));
  expect(crashing.requests).toEqual(straight.requests);
  expect(crashing.journal).toHaveLength(straight.journal.length);
  return { end, requests: straight.requests };
}

function summaryOf(end: PassResult | undefined): unknown {
  if (end?.kind === 'failed') return { code: end.error.code, message: end.error.message };
  return end?.kind === 'done' ? end.outcome : end?.kind;
}
