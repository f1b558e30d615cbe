import { z } from 'zod';
import type { RecipeRegistry } from '../../functions/engine/recipe.ts';

/** One text call for each input, the picture inline: the smallest piece of work that is still claimed, journaled and settled. */
export const oneCallRecipes: RecipeRegistry = {
  'one-call': {
    name: 'one-call',
    version: 1,
    settings: z.object({}),
    intake: () => 'bytes',
    columns: () => [],
    stepCap: 2,
    models: () => [BENCH_MODEL],
    callsPerItem: () => ({ least: 1, most: 1 }),
    async run(context) {
      const parts = [{ text: BENCH_PROMPT }, { file: context.input }];
      const answer = await context.text('describe', { model: BENCH_MODEL, parts });
      return {
        state: 'passed',
        score: null,
        message: 'The model answered.',
        result: { kind: 'text', text: answer.value },
        attempts: [],
      };
    },
  },
};

export const BENCH_MODEL = 'bench-text';
export const BENCH_PROMPT = 'Describe the product in this picture.';
