import { join } from 'node:path';
import { z } from 'zod';
import { type App, createApp, type Limits } from '../../functions/app/app.ts';
import { dispatch } from '../../functions/app/dispatch.ts';
import { type StartRequest, startBatch } from '../../functions/app/start-batch.ts';
import type { Batch } from '../../functions/domain/batch.ts';
import type { ModelAnswer, ModelRequest } from '../../functions/domain/model-call.ts';
import type { Recipe } from '../../functions/engine/recipe.ts';
import type { Platform } from '../../functions/platform/ports.ts';
import { openLocal } from '../platform/local-platform.ts';
import { answer, PRICES, scriptedModels } from './engine-fakes.ts';
import { manualClock } from './manual-clock.ts';
import { memoryFiles } from './memory-files.ts';
import { messageList } from './message-list.ts';
import { seededRandom } from './seeded-random.ts';
import { makeQuickHome } from './temp-home.ts';

/** One question about a text; what is answered is the result. */
const recipe: Recipe<Record<string, never>> = {
  name: 'one-question',
  version: 1,
  settings: z.object({}),
  intake: () => 'bytes',
  columns: () => [],
  stepCap: 5,
  models: () => ['m'],
  callsPerItem: () => ({ least: 1, most: 1 }),
  async run(context) {
    const said = await context.text('ask', { model: 'm', parts: [{ file: context.input }, { text: 'What is it?' }] });
    const result = { kind: 'text' as const, text: said.value };
    return { state: 'passed', score: 1, message: 'Done.', result, attempts: [] };
  },
};

export type TextWorld = Awaited<ReturnType<typeof textWorld>>;

/**
 * Batches of short texts on the local platform, with a recipe of one question, a clock that stands still and a queue whose
 * messages the test hands out or loses.
 */
export async function textWorld(of: { texts: number; limits?: Partial<Limits> }) {
  const root = await makeQuickHome();
  const clock = manualClock(seededRandom(1));
  const local = openLocal(join(root.path, 'home'), { clock });
  const inputs = Object.fromEntries(
    Array.from({ length: of.texts }, (_, n) => [`/texts/${String(n).padStart(4, '0')}.txt`, `Text number ${n}.`]),
  );
  const files = memoryFiles(inputs);
  const queue = messageList();
  let reply = (_request: ModelRequest): ModelAnswer | Promise<ModelAnswer> => answer();
  const { models, requests } = scriptedModels((request) => reply(request));
  const platform: Platform = { ...local.platform, files, queue, models };

  /** A process of its own, on the platform as it sees it. */
  const appOn = (on: Platform): App =>
    createApp(on, {
      prices: PRICES,
      stop: new AbortController().signal,
      recipes: { [recipe.name]: recipe },
      ...(of.limits && { limits: of.limits }),
    });
  const app = appOn(platform);

  return {
    app,
    appOn,
    platform,
    clock,
    files,
    queue,
    requests,
    answerWith(next: typeof reply): void {
      reply = next;
    },
    async start(over: Partial<StartRequest> = {}): Promise<Batch> {
      return (await startBatch(app, { ...requestFor(), ...over })).batch;
    },
    /** Hands out all messages, also those that come meanwhile; those given back wait again. */
    async work(): Promise<void> {
      const givenBack: typeof queue.waiting = [];
      for (let message = queue.waiting.shift(); message !== undefined; message = queue.waiting.shift()) {
        const disposal = await dispatch(app, message);
        if (disposal.kind === 'retry') givenBack.push(message);
      }
      queue.waiting.push(...givenBack);
    },
    /** Loses all messages that wait; tells which. */
    lose: () => queue.waiting.splice(0),
    async close(): Promise<void> {
      await local.close();
      await root.remove();
    },
  };
}

function requestFor(): StartRequest {
  return {
    ...{ inputs: ['/texts'], recipe: recipe.name, recipeSettings: {}, name: 'texts' },
    ...{ simulated: false, force: true, archive: 'none', outputRoot: '/output' },
    selection: { patterns: [], recursive: true, maxFileBytes: 1000 },
    run: { lane: 'standard', maxConcurrent: 4, maxRetries: 2, timeoutMs: 60_000 },
  };
}
