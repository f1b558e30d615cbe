import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { dot, vectorFromText } from '../../functions/domain/embedding.ts';
import { localEncoders, type Transformers } from '../../functions/platform/local/local-encoders.ts';
import { PRODUCTS } from '../support/embedding-world.ts';
import { failureOf, requestOf, STANDARD, storedFile } from '../support/gemini-setup.ts';
import { writeMeanColourModel } from '../support/onnx-model.ts';
import { solidPng } from '../support/png.ts';
import { tempHome } from '../support/temp-home.ts';

const OPTIONS = { modelDir: '/models', threads: 2, batchSize: 4 };
const { file, open } = storedFile(readFileSync(join(PRODUCTS, 'mug.jpg')), 'image/jpeg');
const pictureBy = (model: string) => requestOf('embed', { model, parts: [{ file }] });

/** The library as far as it is used, with models that say how many pictures or words they were given. */
function library() {
  const loaded: string[] = [];
  const batches: number[] = [];
  const answering = (field: string, dims: number[]) => async (model: string) => {
    loaded.push(`${field} ${model}`);
    return async ({ given }: { given?: number }) => {
      batches.push(given ?? 0);
      const [, ...rest] = dims;
      const perRow = rest.reduce((product, size) => product * size, 1);
      const data = Float32Array.from({ length: (given ?? 0) * perRow }, (_, n) => (n % perRow) + 1);
      return { [field]: { dims: [given ?? 0, ...rest], data } };
    };
  };
  const transformers: Transformers = {
    env: { localModelPath: '', cacheDir: '' },
    AutoProcessor: { from_pretrained: async () => async (images) => ({ given: images.length }) },
    AutoTokenizer: { from_pretrained: async () => (texts) => ({ given: texts.length }) },
    AutoModel: { from_pretrained: answering('last_hidden_state', [0, 5, 3]) },
    CLIPVisionModelWithProjection: { from_pretrained: answering('image_embeds', [0, 2]) },
    CLIPTextModelWithProjection: { from_pretrained: answering('text_embeds', [0, 2]) },
    RawImage: { fromBlob: async (blob) => blob.size },
  };
  return { transformers, loaded, batches, load: async () => transformers };
}

it('says in one sentence what to install', async () => {
  const load = () => Promise.reject(new Error("Cannot find package '@huggingface/transformers'"));
  const models = localEncoders({ ...OPTIONS, open, load });
  const failure = await failureOf(models.call(pictureBy('clip:some/model'), STANDARD));
  expect(failure).toMatchObject({ code: 'usage', scope: 'batch' });
  expect(failure.message).toBe(
    'The encoder clip:some/model needs a library that is not installed; run `npm install --no-save @huggingface/transformers`, then go on.',
  );
});

it('gives vectors of length 1: of CLIP the projected ones, of DINOv2 the first token', async () => {
  const models = localEncoders({ ...OPTIONS, open, load: library().load });
  const vectorOf = async (request: Parameters<typeof models.call>[0]) =>
    vectorFromText((await models.call(request, STANDARD)).text ?? '');
  const clip = await vectorOf(pictureBy('clip:a'));
  expect([...clip].map((value) => value.toFixed(3))).toEqual(['0.447', '0.894']);
  const words = await vectorOf(requestOf('embed', { model: 'clip:a', parts: [{ text: 'red bag' }] }));
  expect(dot(words, clip)).toBeCloseTo(1, 5);
  expect([...(await vectorOf(pictureBy('dinov2:b')))].map((value) => value.toFixed(3))).toEqual([
    '0.267',
    '0.535',
    '0.802',
  ]);
  const failure = await failureOf(models.call(requestOf('embed', { model: 'dinov2:b' }), STANDARD));
  expect(failure.message).toContain('knows no words');
});

it('loads a model once and works on pictures that come together in batches', async () => {
  const { load, loaded, batches, transformers } = library();
  const models = localEncoders({ ...OPTIONS, open, load });
  await Promise.all(Array.from({ length: 9 }, () => models.call(pictureBy('clip:a'), STANDARD)));
  expect(loaded).toEqual(['image_embeds a']);
  expect(transformers.env).toEqual({ localModelPath: '/models', cacheDir: '/models' });
  expect(batches.reduce((sum, count) => sum + count, 0)).toBe(9);
  expect(Math.max(...batches)).toBe(4);
});

const LIBRARY: string = '@huggingface/transformers';
const installed = await import(LIBRARY).then(
  () => true,
  () => false,
);
const reason = installed ? '' : ` (skipped: ${LIBRARY} is not installed)`;

it.skipIf(!installed)(`runs models of both kinds by the library itself${reason}`, async () => {
  const modelDir = await tempHome();
  const clip = { file: 'vision_model.onnx', output: 'image_embeds', config: { model_type: 'clip' }, size: 32 };
  const dino = { file: 'model.onnx', output: 'last_hidden_state', config: { model_type: 'dinov2' }, size: 28 };
  writeMeanColourModel(join(modelDir, 'small-clip'), clip);
  writeMeanColourModel(join(modelDir, 'small-dino'), dino);
  const red = storedFile(solidPng(40, 60, [255, 0, 0]), 'image/png');
  const models = localEncoders({ ...OPTIONS, modelDir, open: red.open });
  for (const model of ['clip:small-clip', 'dinov2:small-dino']) {
    const request = requestOf('embed', { model, parts: [{ file: red.file }] });
    const answers = await Promise.all([1, 2, 3].map(() => models.call(request, STANDARD)));
    for (const { text } of answers) {
      expect([...vectorFromText(text ?? '')].map((value) => value.toFixed(2))).toEqual(['0.58', '-0.58', '-0.58']);
    }
  }
});
