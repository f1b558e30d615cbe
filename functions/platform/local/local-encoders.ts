import { normalized, vectorText } from '../../domain/embedding.ts';
import { LOCAL_ENCODER } from '../../domain/embedding-settings.ts';
import { asProofsheetError, ProofsheetError } from '../../domain/errors.ts';
import type { ModelRequest } from '../../domain/model-call.ts';
import { inBatches } from '../../lib/in-batches.ts';
import type { Files, Models } from '../ports.ts';

/** The parts of `@huggingface/transformers` that are used. It is no dependency: it weighs half a gigabyte, and few need it. */
export interface Transformers {
  env: { localModelPath: string; cacheDir: string };
  AutoProcessor: Loader<(images: unknown[]) => Promise<object>>;
  AutoTokenizer: Loader<(texts: string[], options: object) => object>;
  AutoModel: Loader<Run>;
  CLIPVisionModelWithProjection: Loader<Run>;
  CLIPTextModelWithProjection: Loader<Run>;
  RawImage: { fromBlob(blob: Blob): Promise<unknown> };
}
interface Loader<Loaded> {
  from_pretrained(model: string, options?: object): Promise<Loaded>;
}
type Run = (inputs: object) => Promise<Record<string, Tensor | undefined>>;
interface Tensor {
  dims: readonly number[];
  data: ArrayLike<number>;
}

/** Several at once; the same number of vectors in the same order. */
type Encode<Value> = (values: readonly Value[]) => Promise<Float32Array[]>;
interface Encoder {
  pictures: Encode<Uint8Array>;
  words?: Encode<string>;
}

export interface LocalEncodersOptions {
  open: Files['open'];
  /** Where models are looked for, and where those of the hub are kept. */
  modelDir: string;
  threads: number;
  batchSize: number;
  load?: () => Promise<Transformers>;
}

const LIBRARY: string = '@huggingface/transformers';

/** CLIP and DINOv2 on this machine. Each model is loaded once and prepares pictures as it defines itself. */
export function localEncoders(options: LocalEncodersOptions): Models {
  const encoders = new Map<string, ReturnType<typeof openEncoder>>();
  const load = options.load ?? (async () => (await import(LIBRARY)) as Transformers);
  const encoderOf = (model: string) => {
    const known = encoders.get(model) ?? openEncoder(model, options, load);
    encoders.set(model, known);
    // What failed may be there next time.
    known.catch(() => encoders.delete(model));
    return known;
  };
  return {
    async call(request, { signal }) {
      signal?.throwIfAborted();
      const encoder = await encoderOf(request.model);
      const [part] = request.parts;
      const vector =
        part !== undefined && 'file' in part
          ? await encoder.picture(await options.open(part.file))
          : await encoder.word(request, part?.text ?? '');
      const usage = { input: 0, cached: 0, output: 0, outputImage: 0, thoughts: 0 };
      return { text: vectorText(normalized(vector)), usage, modelVersion: request.model, responseId: '' };
    },
    check: () => Promise.resolve([]),
  };
}

async function openEncoder(
  model: string,
  { modelDir, threads, batchSize }: LocalEncodersOptions,
  load: () => Promise<Transformers>,
) {
  const [, kind = '', name = ''] = LOCAL_ENCODER.exec(model) ?? [];
  const library = await load().catch((cause: unknown) => {
    const message = `The encoder ${model} needs a library that is not installed; run \`npm install --no-save ${LIBRARY}\`, then go on.`;
    throw new ProofsheetError('usage', message, { cause, scope: 'batch' });
  });
  Object.assign(library.env, { localModelPath: modelDir, cacheDir: modelDir });
  const settings = { session_options: { intraOpNumThreads: threads, interOpNumThreads: 1 }, dtype: 'fp32' };
  const open = kind === 'clip' ? openClip : openDino;
  const encoder = await open(library, name, settings).catch((cause: unknown) => {
    const message = `The model of ${model} could not be loaded (${asProofsheetError(cause).message}); check its name and ${modelDir}.`;
    throw new ProofsheetError('usage', message, { cause, scope: 'batch' });
  });
  const { words } = encoder;
  const encodeWord = words && inBatches(batchSize, words);
  return {
    picture: inBatches(batchSize, encoder.pictures),
    word(request: ModelRequest, text: string): Promise<Float32Array> {
      if (encodeWord !== undefined) return encodeWord(text);
      const message = `The encoder ${request.model} knows no words; search by a picture.`;
      return Promise.reject(new ProofsheetError('invalid_request', message));
    },
  };
}

async function openClip(library: Transformers, name: string, settings: object): Promise<Encoder> {
  const processor = await library.AutoProcessor.from_pretrained(name);
  const vision = await library.CLIPVisionModelWithProjection.from_pretrained(name, settings);
  let text: Promise<[Awaited<ReturnType<Transformers['AutoTokenizer']['from_pretrained']>>, Run]> | undefined;
  return {
    async pictures(pictures) {
      const { image_embeds } = await vision(await processor(await imagesOf(library, pictures)));
      return rowsOf(image_embeds);
    },
    async words(words) {
      text ??= Promise.all([
        library.AutoTokenizer.from_pretrained(name),
        library.CLIPTextModelWithProjection.from_pretrained(name, settings),
      ]);
      const [tokenizer, model] = await text;
      const { text_embeds } = await model(tokenizer([...words], { padding: true, truncation: true }));
      return rowsOf(text_embeds);
    },
  };
}

/** The first token of the last layer stands for the picture. */
async function openDino(library: Transformers, name: string, settings: object): Promise<Encoder> {
  const processor = await library.AutoProcessor.from_pretrained(name);
  const model = await library.AutoModel.from_pretrained(name, settings);
  return {
    async pictures(pictures) {
      const { last_hidden_state } = await model(await processor(await imagesOf(library, pictures)));
      return rowsOf(last_hidden_state);
    },
  };
}

async function imagesOf(library: Transformers, pictures: readonly Uint8Array[]): Promise<unknown[]> {
  return await Promise.all(pictures.map((bytes) => library.RawImage.fromBlob(new Blob([bytes.slice()]))));
}

/** The first vector of each row, whether it has one (`[rows, length]`) or several (`[rows, tokens, length]`). */
function rowsOf(tensor: Tensor | undefined): Float32Array[] {
  const { dims = [], data = [] } = tensor ?? {};
  const [rows = 0, length] = [dims[0], dims.at(-1)];
  if (length === undefined || length === 0) throw new ProofsheetError('malformed_answer', 'The model gave no vector.');
  const perRow = data.length / rows;
  return Array.from({ length: rows }, (_, row) =>
    Float32Array.from({ length }, (__, index) => data[row * perRow + index] ?? 0),
  );
}
