import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { normalizeImage } from '../../functions/media/normalize.ts';
import { SIMULATED_MODEL_IDS } from '../../functions/platform/local/model-router.ts';
import { describeMeasured, questionsFrom } from '../../functions/platform/local/simulated-judge.ts';
import { simulatedModels } from '../../functions/platform/local/simulated-models.ts';
import { measure } from '../../functions/platform/local/simulated-vision.ts';
import { fidelity } from '../../functions/recipes/fidelity.ts';
import { CANNOT_TELL } from '../../functions/recipes/rubric.ts';
import { type Objects, opener, runRecipe, stored } from '../support/run-recipe.ts';

const SIZE = 600;
const GREY = [238, 238, 238] as const;
const WHITE = [255, 255, 255] as const;

const PRODUCTS = fileURLToPath(new URL('../../../shared/data/products/', import.meta.url));
const PHOTOS = [
  'bamboo-glass-jar',
  'candle-holder',
  'hairdryer',
  'loafers',
  'mug',
  'salt-and-pepper-shakers',
  'sunglasses',
  'tank-top',
  'watch',
];

/** A red can with a handle on its left and a dark foot; without `background` it stands on nothing. */
function can(background?: readonly [number, number, number]): Promise<Uint8Array> {
  const data = Buffer.alloc(SIZE * SIZE * 4);
  for (let i = 0; i < SIZE * SIZE; i++) {
    const part = partAt(i % SIZE, Math.floor(i / SIZE));
    data.set([...(part ?? background ?? [0, 0, 0]), part === undefined && background === undefined ? 0 : 255], i * 4);
  }
  return sharp(data, { raw: { width: SIZE, height: SIZE, channels: 4 } })
    .png()
    .toBuffer();
}

function partAt(x: number, y: number): readonly [number, number, number] | undefined {
  const within = (left: number, top: number, right: number, bottom: number) =>
    x >= left && x < right && y >= top && y < bottom;
  if (within(230, 420, 470, 480)) return [48, 16, 16];
  if (within(240, 150, 460, 420)) return [194, 32, 32];
  return within(140, 200, 240, 380) && !within(175, 235, 240, 345) ? [160, 24, 24] : undefined;
}

const call = { timeoutMs: 1000, lane: 'standard' as const };

function simulated(objects: Objects = new Map()) {
  return { objects, models: simulatedModels({ open: opener(objects) }) };
}

/** How a picture fares with the questions of a reference: right, wrong and undecided ones. */
async function judge(reference: Uint8Array, candidate: Uint8Array) {
  const { objects, models } = simulated();
  const file = stored(objects, candidate, 'image/png');
  const { questions } = questionsFrom(describeMeasured(await measure(reference)));
  const { text } = await models.call(
    {
      kind: 'json',
      model: SIMULATED_MODEL_IDS.judgeModel,
      parts: [{ file }, { text: `Questions, as JSON:\n${JSON.stringify(questions)}` }],
      jsonSchema: { type: 'object', properties: { answers: {} } },
    },
    call,
  );
  const { answers } = JSON.parse(text ?? '') as { answers: { id: string; choice: string; evidence: string }[] };
  expect(answers.every(({ evidence }) => evidence !== '')).toBe(true);
  const answered = questions.map((question, index) => ({ ...question, ...answers[index], expected: question.answer }));
  const decided = answered.filter(({ choice }) => choice !== CANNOT_TELL);
  const wrong = decided.filter(({ choice, expected }) => choice !== expected).map(({ question }) => question);
  return { questions: questions.length, decided: decided.length, wrong, answered };
}

async function runFidelity(bytes: Uint8Array, settings: Record<string, unknown> = {}) {
  const { objects, models } = simulated();
  const input = stored(objects, bytes, 'image/png');
  const all = { ...SIMULATED_MODEL_IDS, ...settings };
  return { ...(await runRecipe(fidelity, { models, objects, input, settings: all })), objects };
}

describe('simulated judge', () => {
  it('finds every fact of a picture in that picture', async () => {
    const reference = await can(GREY);
    const { questions, decided, wrong } = await judge(reference, reference);
    expect(questions).toBeGreaterThanOrEqual(10);
    expect(decided).toBeGreaterThanOrEqual(questions - 1);
    expect(wrong).toEqual([]);
  });

  it('finds the same product on another background', async () => {
    const { wrong } = await judge(await can(GREY), await can([127, 178, 200]));
    expect(wrong).toEqual([]);
  });

  it('asks questions whose right answer is "no" or another choice than "yes"', async () => {
    const { answered } = await judge(await can(GREY), await can(GREY));
    expect(answered.filter(({ expected }) => expected === 'no').length).toBeGreaterThanOrEqual(2);
    expect(answered.filter(({ expected }) => expected !== 'yes').length).toBeGreaterThan(answered.length / 2);
  });

  it('notices a mirrored product by its shape only', async () => {
    const { wrong } = await judge(
      await can(GREY),
      await sharp(await can(GREY))
        .flop()
        .toBuffer(),
    );
    expect(wrong).toContain('Towards which end does more of the product lie, left or right?');
    expect(wrong.filter((question) => /colour/.test(question))).toEqual([]);
  });

  it('notices a turned hue by its colours only, and says what it measured', async () => {
    const turned = await sharp(await can(GREY))
      .modulate({ hue: 130 })
      .toBuffer();
    const { wrong, answered } = await judge(await can(GREY), turned);
    expect(wrong).toContain('Which colour covers the largest part of the product?');
    expect(wrong.filter((question) => /wide|quarter|axis|end|pieces|opening/.test(question))).toEqual([]);
    expect(answered.some(({ evidence }) => /green \d+ %/.test(evidence ?? ''))).toBe(true);
  });

  it('notices a part cut off and a stretched shape', async () => {
    const reference = await can(GREY);
    const cut = await sharp(reference).extract({ left: 0, top: 0, width: 380, height: 600 }).toBuffer();
    expect((await judge(reference, cut)).wrong).toContain('Is the product cut off by an edge of the picture?');
    const wide = await sharp(reference).resize(900, 600, { fit: 'fill' }).toBuffer();
    expect((await judge(reference, wide)).wrong).toContain('How wide is the product compared with its height?');
  });

  it('cannot tell anything of an empty picture', async () => {
    const empty = await sharp({ create: { width: 200, height: 200, channels: 3, background: '#8899aa' } })
      .png()
      .toBuffer();
    expect(await judge(await can(GREY), empty)).toMatchObject({ decided: 0, wrong: [] });
  });
});

describe('simulated pictures', () => {
  it.each([
    ['on white', WHITE],
    ['on colour', [207, 224, 208]],
    ['transparent', undefined],
  ] as const)('come through the whole recipe, %s', async (_, background) => {
    const { outcome } = await runFidelity(await can(background), { maxAttempts: 4 });
    expect(outcome?.rubric?.questions.length).toBeGreaterThanOrEqual(8);
    expect(outcome?.description).toMatch(/^Simulated description/);
    expect(outcome?.attempts.every(({ candidate }) => (candidate?.bytes ?? Infinity) < 200_000)).toBe(true);
  });

  it('are the same for the same request, to the byte', async () => {
    const [first, second] = [await runFidelity(await can(WHITE)), await runFidelity(await can(WHITE))];
    expect(first.outcome).toEqual(second.outcome);
    const at = async (prompt: string) => (await runFidelity(await can(WHITE), { prompt, maxAttempts: 1 })).outcome;
    expect((await at('on a beach'))?.attempts[0]?.candidate).not.toEqual((await at('on oak'))?.attempts[0]?.candidate);
  });

  it('have the wished ratio', async () => {
    const { outcome, objects } = await runFidelity(await can(WHITE), { aspectRatio: '16:9', maxAttempts: 1 });
    const bytes = objects.get(outcome?.attempts[0]?.candidate?.sha256 ?? '');
    expect(await sharp(bytes).metadata()).toMatchObject({ width: 768, height: 432 });
  });
});

describe('simulated service', () => {
  const { models, objects } = simulated();
  const input = stored(objects, new Uint8Array(readFileSync(new URL(import.meta.url))), 'image/png');

  it('counts tokens and names its version', async () => {
    const file = stored(objects, await can(WHITE), 'image/png');
    const model = SIMULATED_MODEL_IDS.imageModel;
    const answer = await models.call({ kind: 'image', model, parts: [{ file }, { text: 'x'.repeat(40) }] }, call);
    expect(answer.modelVersion).toBe('simulated-image-1');
    expect(answer.usage).toEqual({ input: 268, cached: 0, output: 0, outputImage: 1120, thoughts: 0 });
    expect(answer.image?.mimeType).toBe('image/jpeg');
  });

  it('answers plain text honestly', async () => {
    const request = { kind: 'text' as const, model: SIMULATED_MODEL_IDS.textModel, parts: [{ text: 'hello' }] };
    expect((await models.call(request, call)).text).toMatch(/^Simulated answer/);
  });

  it('declines what it cannot do', async () => {
    const model = SIMULATED_MODEL_IDS.textModel;
    const json = { kind: 'json' as const, model, jsonSchema: { properties: { price: {} } }, parts: [{ text: 'x' }] };
    await expect(models.call(json, call)).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(models.call(json, call)).rejects.toThrow(/price/);
    const image = { kind: 'image' as const, model, parts: [{ text: 'a cat' }] };
    await expect(models.call(image, call)).rejects.toMatchObject({ code: 'invalid_request' });
    const text = { kind: 'text' as const, model, parts: [{ file: input }] };
    await expect(models.call(text, call)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('waits by the clock it is given and stops when told', async () => {
    const slept: number[] = [];
    const clock = { sleep: (ms: number) => Promise.resolve(void slept.push(ms)) };
    const slow = simulatedModels({ open: opener(objects), latencyMs: 250, clock });
    const request = { kind: 'text' as const, model: 'simulated-text', parts: [{ text: 'x' }] };
    await slow.call(request, call);
    expect(slept).toEqual([250]);
    await expect(slow.call(request, { ...call, signal: AbortSignal.abort() })).rejects.toThrow();
    expect(await slow.check(['simulated-text'])).toEqual([expect.objectContaining({ ok: true })]);
  });
});

describe.skipIf(!existsSync(PRODUCTS))('real photographs (skipped without ../shared/data/products)', () => {
  it('pass at once, pass after refinement or fail, each for visible reasons', async () => {
    const outcomes = [];
    for (const name of PHOTOS) {
      const { bytes } = await normalizeImage(readFileSync(`${PRODUCTS}${name}.jpg`));
      const { outcome, error } = await runFidelity(new Uint8Array(bytes));
      expect(error, name).toBeUndefined();
      if (outcome !== undefined) outcomes.push(outcome);
      const verdicts = outcome?.attempts.flatMap((attempt) => attempt.verdicts) ?? [];
      expect(verdicts.filter(({ verdict }) => verdict === 'undecided').length).toBeLessThan(verdicts.length / 5);
      expect(verdicts.every(({ evidence }) => /\d|edge/.test(evidence))).toBe(true);
    }
    const passed = outcomes.filter(({ state }) => state === 'passed');
    expect(outcomes).toHaveLength(9);
    expect(passed.length).toBeGreaterThanOrEqual(6);
    expect(passed.filter(({ attempts }) => attempts.length === 1).length).toBeGreaterThanOrEqual(2);
    expect(passed.filter(({ attempts }) => attempts.length > 1).length).toBeGreaterThanOrEqual(1);
    expect(passed.every(({ score }) => (score ?? 0) >= 0.7)).toBe(true);
  });
});
