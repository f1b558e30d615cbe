import { z } from 'zod';
import { modelIdSchema } from '../domain/model-call.ts';
import type { Recipe } from '../engine/recipe.ts';
import { jsonSchemaSetting, shapeOf } from './json-schema.ts';
import { productShape } from './product-shape.ts';
import { promptText } from './prompt-template.ts';
import { columnsIn, filledPrompt, revisedPrompt } from './user-prompt.ts';

const settingsSchema = z.object({
  textModel: modelIdSchema.default('gemini-3.1-flash-lite'),
  /** What to pay attention to besides. */
  prompt: z.string().trim().max(20_000).optional(),
  revisedPrompt,
  /** What is asked for; the built-in product shape without it. */
  schema: jsonSchemaSetting.optional(),
});

const ANALYZE = promptText('analyze');

/** Analyses a product picture into JSON of a given shape. What does not fit after one repair is no result at all. */
export const analyze: Recipe<z.infer<typeof settingsSchema>> = {
  name: 'analyze',
  version: 1,
  settings: settingsSchema,
  intake: () => 'image',
  columns: ({ prompt }) => columnsIn(prompt),
  stepCap: 10,
  models: ({ textModel }) => [textModel],
  callsPerItem: () => ({ least: 1, most: 1 }),
  typicalCalls: ({ textModel }) => [
    { step: 'analyze', model: textModel, isRound: false, inputs: 1, made: 0, text: 700, output: 350, makes: false },
  ],
  async run(context) {
    const { textModel, schema } = context.settings;
    const prompt = context.settings.revisedPrompt ?? context.settings.prompt;
    const wish =
      prompt === undefined ? [] : [{ text: `The shop asks besides:\n${filledPrompt(prompt, context.metadata)}` }];
    const request = { model: textModel, system: ANALYZE, parts: [{ file: context.input }, ...wish] };
    const shape: z.ZodType<unknown> = schema === undefined ? productShape : shapeOf(schema);
    const { value } = await context.json('analyze', request, shape, schema);
    return {
      state: 'passed',
      score: null,
      message: 'The picture was analysed.',
      result: { kind: 'json', value },
      attempts: [],
    };
  },
};
