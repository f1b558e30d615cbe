import { z } from 'zod';
import type { Outcome } from '../domain/outcome.ts';
import type { Recipe, RecipeContext } from '../engine/recipe.ts';
import { jsonSchemaSetting, shapeOf } from './json-schema.ts';
import {
  callsOf,
  judgeFor,
  modelsOf,
  pictureRequest,
  pictureSettings,
  typicalCallsOf,
  typicalPicture,
} from './picture-settings.ts';
import { promptText, quoted } from './prompt-template.ts';
import { generateInRounds } from './rounds.ts';
import { columnsIn, filledPrompt, revisedPrompt } from './user-prompt.ts';

const promptSetting = z
  .string({ error: 'this recipe needs one; give it with --prompt or --prompt-file' })
  .trim()
  .min(1)
  .max(20_000);
const wording = { prompt: promptSetting, revisedPrompt };
const { textModel } = pictureSettings;

const imageSchema = z.object({
  ...pictureSettings,
  ...wording,
  outputType: z.literal('image'),
  /** Share of right answers from which on a picture passes; without it no picture is judged. */
  threshold: z.number().min(0).max(1).optional(),
});

/** Only what the type of output makes use of, so that another image model does not make texts another work. */
const settingsSchema = z.preprocess(
  (given) => ({ outputType: 'text', ...(given as object) }),
  z.discriminatedUnion('outputType', [
    z.object({ textModel, ...wording, outputType: z.literal('text') }),
    z.object({ textModel, ...wording, outputType: z.literal('json'), schema: jsonSchemaSetting.optional() }),
    imageSchema,
  ]),
);
type Settings = z.infer<typeof settingsSchema>;
type ImageContext = RecipeContext<z.infer<typeof imageSchema>>;

const FILE = promptText('prompt-file');
const WISH = promptText('wish');

/** Asks the user's prompt about every file: a text, JSON, or a picture made from a picture. */
export const prompt: Recipe<Settings> = {
  name: 'prompt',
  version: 1,
  settings: settingsSchema,
  intake: ({ outputType }) => (outputType === 'image' ? 'image' : 'document'),
  columns: (settings) => columnsIn(settings.prompt),
  stepCap: 100,
  models(settings) {
    if (settings.outputType !== 'image') return [settings.textModel];
    return settings.threshold === undefined ? [settings.imageModel] : modelsOf(settings);
  },
  callsPerItem(settings) {
    const isJudged = settings.outputType === 'image' && settings.threshold !== undefined;
    return isJudged ? callsOf(settings) : { least: 1, most: 1 };
  },
  typicalCalls(settings) {
    if (settings.outputType === 'image') {
      return settings.threshold === undefined ? [typicalPicture(settings)] : typicalCallsOf(settings);
    }
    const text = 100 + Math.ceil(settings.prompt.length / 4);
    const answer = { isRound: false, made: 0, makes: false, inputs: 1, text, output: 300 };
    return [{ ...answer, step: 'answer', model: settings.textModel }];
  },
  async run(context) {
    const { settings } = context;
    const asked = filledPrompt(settings.revisedPrompt ?? settings.prompt, context.metadata);
    if (settings.outputType === 'image') return await picture({ ...context, settings }, asked);
    const parts = [{ file: context.input }, { text: `Instruction of the owner of the file:\n${asked}` }];
    const request = { model: settings.textModel, system: FILE, parts };
    if (settings.outputType === 'text') {
      const { value } = await context.text('answer', request);
      return answered({ kind: 'text', text: value.trim() });
    }
    const { schema } = settings;
    const { value } = await context.json('answer', request, schema ? shapeOf(schema) : z.unknown(), schema);
    return answered({ kind: 'json', value });
  },
};

function answered(result: NonNullable<Outcome['result']>): Outcome {
  return { state: 'passed', score: null, message: 'The model answered.', result, attempts: [] };
}

async function picture(context: ImageContext, asked: string): Promise<Outcome> {
  const { textModel, threshold, maxAttempts, prompt } = context.settings;
  if (threshold === undefined) return await onePicture(context, asked);
  // Judged by what the user wished for, whatever wording the picture is made with.
  const wish = filledPrompt(prompt, context.metadata);
  const parts = [{ file: context.input }, { text: `Instruction, as a JSON string:\n${quoted(wish)}` }];
  const description = (await context.text('describe', { model: textModel, system: WISH, parts })).value.trim();
  const { rubric, judge } = await judgeFor(context, description);
  const rounds = {
    ...{ threshold, maxAttempts, judge },
    request: pictureRequest(context.settings),
    promptWith: (corrections: string) => `${asked}${corrections}`,
  };
  return { description, rubric, ...(await generateInRounds(context, rounds, rubric.dropped)) };
}

async function onePicture(context: ImageContext, asked: string): Promise<Outcome> {
  context.beginAttempt(1);
  const parts = [{ file: context.input }, { text: asked }];
  const { value: file } = await context.image('generate', { ...pictureRequest(context.settings), parts });
  return {
    state: 'passed',
    score: null,
    message: 'The picture was made; without a threshold it is not judged.',
    result: { kind: 'image', file },
    attempts: [{ n: 1, prompt: asked, promptChanges: [], candidate: file, score: null, verdicts: [] }],
    best: 1,
  };
}
