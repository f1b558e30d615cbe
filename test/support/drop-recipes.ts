import { z } from 'zod';
import type { Recipe, RecipeRegistry } from '../../functions/engine/recipe.ts';
import { answer, scriptedModels } from './engine-fakes.ts';
import { solidPng, withText } from './png.ts';

const settingsSchema = z.object({ prompt: z.string().default('clean it'), model: z.string().default('m') });

/** One new picture of every picture. */
const retouch: Recipe<z.infer<typeof settingsSchema>> = {
  name: 'retouch',
  version: 1,
  settings: settingsSchema,
  intake: () => 'image',
  columns: () => [],
  stepCap: 20,
  models: ({ model }) => [model],
  callsPerItem: () => ({ least: 1, most: 1 }),
  async run({ settings: { prompt, model }, input, image, beginAttempt }) {
    beginAttempt(1);
    const { value: file } = await image('make', { model, parts: [{ file: input }, { text: prompt }] });
    const attempt = { n: 1, prompt, promptChanges: [], candidate: file, score: 1, verdicts: [] };
    const result = { kind: 'image' as const, file };
    return { state: 'passed', score: 1, message: 'Done.', result, attempts: [attempt], best: 1 };
  },
};

/** What a text says. */
const recite: Recipe<unknown> = {
  ...{ name: 'recite', version: 1, settings: z.object({}), intake: () => 'document', columns: () => [], stepCap: 20 },
  ...{ models: () => ['m'], callsPerItem: () => ({ least: 1, most: 1 }) },
  async run({ input, text }) {
    const { value } = await text('say', { model: 'm', parts: [{ file: input }] });
    const result = { kind: 'text' as const, text: value };
    return { state: 'passed', score: null, message: 'Done.', result, attempts: [] };
  },
};

export const DROP_RECIPES: RecipeRegistry = { retouch, recite };

/** Models for them: another picture for every call. */
export function dropModels(): ReturnType<typeof scriptedModels> {
  return scriptedModels((request, n) =>
    request.kind === 'image' ? answer({ image: { bytes: photo(`made ${n}`), mimeType: 'image/png' } }) : answer(),
  );
}

/** A picture of its own for every text. */
export function photo(text: string): Buffer {
  return withText(solidPng(8, 8, [120, 90, 60]), text);
}
