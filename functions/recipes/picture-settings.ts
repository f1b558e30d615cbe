import { z } from 'zod';
import type { TypicalCall } from '../domain/estimate.ts';
import { GECKO, modelIdSchema } from '../domain/model-call.ts';
import type { RecipeContext } from '../engine/recipe.ts';
import { geckoJudge } from './gecko.ts';
import { type Judge, rubricJudge } from './judge.ts';

/** Settings of every recipe that has pictures generated and judged. */
export const pictureSettings = {
  textModel: modelIdSchema.default('gemini-3.1-flash-lite'),
  imageModel: modelIdSchema.default('gemini-nano-banana-2.1'),
  judgeModel: modelIdSchema.default('gemini-3.8-flash'),
  judge: z.enum(['rubric', GECKO]).default('rubric'),
  maxAttempts: z.number().int().min(1).max(10).default(3),
  aspectRatio: z
    .string()
    .regex(/^\d{1,2}:\d{1,2}$/, 'must look like 1:1 or 16:9')
    .optional(),
};
const schema = z.object(pictureSettings);
type PictureSettings = z.infer<typeof schema>;

/** Models of an item whose pictures are judged. */
export function modelsOf({ textModel, imageModel, judgeModel, judge }: PictureSettings): string[] {
  return [...new Set([textModel, imageModel, judge === GECKO ? GECKO : judgeModel])];
}

/** Calls of such an item: description and rubric once, a picture and its judgement each round. */
export function callsOf({ judge, maxAttempts }: PictureSettings): { least: number; most: number } {
  const before = judge === GECKO ? 2 : 3;
  return { least: before + 2, most: before + 2 * maxAttempts };
}

/** What such an item's calls are like, by pictures of products that were worked off. */
export function typicalCallsOf(settings: PictureSettings): TypicalCall[] {
  const { textModel, judgeModel, judge } = settings;
  const once = { isRound: false, made: 0, makes: false, model: textModel, inputs: 0 };
  const round = { isRound: true, made: 1, makes: false, inputs: 0 };
  const describe = { ...once, step: 'describe', inputs: 1, text: 500, output: 350 };
  if (judge === GECKO) {
    const gecko = { model: GECKO, text: 0, output: 0 };
    return [
      ...[describe, { ...once, ...gecko, step: 'rubric' }, typicalPicture(settings)],
      { ...round, ...gecko, step: 'judge' },
    ];
  }
  return [
    describe,
    { ...once, step: 'questions', text: 1100, output: 1100 },
    { ...once, step: 'entailment', text: 1300, output: 500 },
    typicalPicture(settings),
    { ...round, step: 'judge', model: judgeModel, text: 1200, output: 900 },
  ];
}

/** The call that makes a picture. */
export function typicalPicture({ imageModel }: Pick<PictureSettings, 'imageModel'>): TypicalCall {
  const tokens = { text: 700, output: 300 };
  return { ...tokens, step: 'generate', model: imageModel, isRound: true, inputs: 1, made: 0, makes: true };
}

/** The judge of pictures that shall be as described. */
export function judgeFor(context: RecipeContext<PictureSettings>, description: string): Promise<Judge> {
  const { judge, textModel, judgeModel } = context.settings;
  if (judge === GECKO) return geckoJudge(context, description);
  return rubricJudge(context, { textModel, judgeModel, description });
}

/** The request for a picture, without its prompt. */
export function pictureRequest({ imageModel, aspectRatio }: PictureSettings): { model: string; aspectRatio?: string } {
  return { model: imageModel, ...(aspectRatio !== undefined && { aspectRatio }) };
}
