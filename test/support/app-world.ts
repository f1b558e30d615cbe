import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { type App, createApp, type Limits } from '../../functions/app/app.ts';
import { dispatch } from '../../functions/app/dispatch.ts';
import { type StartRequest, startBatch } from '../../functions/app/start-batch.ts';
import type { Batch } from '../../functions/domain/batch.ts';
import type { Disposal, Message } from '../../functions/domain/message.ts';
import type { ModelAnswer, ModelRequest } from '../../functions/domain/model-call.ts';
import type { Recipe } from '../../functions/engine/recipe.ts';
import type { Platform } from '../../functions/platform/ports.ts';
import { openLocal } from '../platform/local-platform.ts';
import { answer, PRICES, scriptedModels } from './engine-fakes.ts';
import { manualClock } from './manual-clock.ts';
import { memoryFiles } from './memory-files.ts';
import { makeQuickHome } from './temp-home.ts';
import { timedMessages } from './timed-messages.ts';

/** Asks questions about a text, one after the other. */
export const questions: Recipe<{ questions: number }> = {
  name: 'questions',
  version: 1,
  settings: z.object({ questions: z.number().default(2) }),
  intake: () => 'bytes',
  columns: () => [],
  stepCap: 20,
  models: () => ['m'],
  callsPerItem: (settings) => ({ least: settings.questions, most: settings.questions }),
  async run(context) {
    let said = '';
    for (let n = 0; n < context.settings.questions; n += 1) {
      const parts = [{ file: context.input }, { text: `question ${n} after ${said}` }];
      said = (await context.text('ask', { model: 'm', parts })).value;
    }
    const result = { kind: 'text' as const, text: said };
    return { state: 'passed', score: 1, message: 'Done.', result, attempts: [] };
  },
};

export interface AppWorldOptions {
  /** Inputs by path below `/texts`. */
  texts: Readonly<Record<string, string>>;
  limits?: Partial<Limits>;
  /** One answer, or a failure. */
  reply?: (request: ModelRequest, n: number) => ModelAnswer | Promise<ModelAnswer>;
  /** Besides `questions`. */
  recipes?: Readonly<Record<string, Recipe>>;
  /** What the app sees of its platform. */
  through?: (platform: Platform) => Platform;
}

/** The use cases over SQLite, files in memory, a clock that stands still and messages that the test hands out. */
export async function appWorld(of: AppWorldOptions) {
  const home = await makeQuickHome();
  const clock = manualClock();
  const local = openLocal(join(home.path, 'home'), { clock });
  onTestFinished(async () => {
    await local.close();
    await home.remove();
  });
  const messages = timedMessages(clock);
  const files = memoryFiles(
    Object.fromEntries(Object.entries(of.texts).map(([name, text]) => [`/texts/${name}`, text])),
  );
  const { models, requests } = scriptedModels(of.reply ?? (() => answer()));
  const platform: Platform = { ...local.platform, files, models, queue: messages.queue };
  const recipes = { [questions.name]: questions, ...of.recipes };
  const stop = new AbortController().signal;
  /** As another process would see it. */
  const newApp = (through = of.through ?? ((same: Platform) => same)): App =>
    createApp(through(platform), { prices: PRICES, stop, recipes, ...(of.limits && { limits: of.limits }) });
  const app = newApp();

  return {
    ...{ app, newApp, platform, clock, messages, files, requests },
    start: async (change: Partial<StartRequest> = {}): Promise<Batch> =>
      (await startBatch(app, { ...REQUEST, ...change })).batch,
    /** Hands out what is due until nothing is; what is not acknowledged comes again when the clock has moved. Gives what was handed out. */
    async deliverDue(): Promise<Message[]> {
      const handed: Message[] = [];
      const again: { message: Message; afterMs: number }[] = [];
      for (let message = messages.take(); message !== undefined; message = messages.take()) {
        handed.push(message);
        const disposal: Disposal = await dispatch(app, message).catch(() => ({ kind: 'retry' }));
        if (disposal.kind === 'retry') again.push({ message, afterMs: disposal.afterMs ?? 10_000 });
      }
      for (const { message, afterMs } of again) await messages.queue.publish([message], { delayMs: afterMs });
      return handed;
    },
    /** As `deliverDue`, moving the clock on to the next message until there is none. */
    async deliverAll(most = 10_000): Promise<void> {
      for (let round = 0; messages.waiting.length > 0; round += 1) {
        if (round > most) throw new Error('The batch does not come to an end.');
        await this.deliverDue();
        clock.advance(messages.nextInMs() ?? 0);
      }
    },
  };
}

export const REQUEST: StartRequest = {
  ...{ inputs: ['/texts'], recipe: questions.name, recipeSettings: {}, name: 'texts' },
  ...{ simulated: false, force: false, archive: 'none', outputRoot: '/output' },
  selection: { patterns: [], recursive: true, maxFileBytes: 1000 },
  run: { lane: 'standard', maxConcurrent: 4, maxRetries: 3, timeoutMs: 60_000 },
};
