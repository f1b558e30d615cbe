import { ProofsheetError } from '../../domain/errors.ts';
import type { Files } from '../ports.ts';
import type { ModelJobs } from '../wave-ports.ts';
import { readJobLine, wireRequest } from './gemini-job-lines.ts';
import type { GeminiOptions } from './gemini-models.ts';
import { jobClient, jobFrom, lostWhereMissing } from './job-client.ts';
import type { PicturePlace } from './vertex-gecko.ts';

export interface VertexJobsOptions extends Omit<GeminiOptions, 'open'> {
  auth: GeminiOptions['auth'] & { kind: 'vertex' };
  /** Where questions are written, and pictures read from. */
  files: Pick<Files, 'open' | 'readPart'>;
  /** Where Google's side reads pictures. */
  pictures: Pick<PicturePlace, 'uriOf'>;
  /** Objects in Cloud Storage, and a folder for those questions that are not there. */
  storage: Pick<Files, 'list' | 'readPart' | 'write'>;
  folder: string;
}

const PART_BYTES = 8 * 1024 * 1024;
const MOST_RESULTS = 1000;

/**
 * Jobs of Vertex AI, whose questions and answers are objects in Cloud Storage; pictures are named, not sent. Answers come back beside their
 * questions, whose label says which call they belong to.
 */
export function vertexJobs(options: VertexJobsOptions): ModelJobs {
  const { files, storage, pictures } = options;
  const { ask, find } = jobClient({ ...options, open: files.open });
  const look = (name: string) => ask(name, (ai, abortSignal) => ai.batches.get({ name, config: { abortSignal } }));

  return {
    async line({ key, request }) {
      const wire = await wireRequest(request, {
        textOf: async (file) => new TextDecoder().decode(await files.open(file)),
        partOf: async (file) => ({ fileData: { fileUri: await pictures.uriOf(file), mimeType: file.mimeType } }),
      });
      return JSON.stringify({ request: { ...wire, labels: { key } } });
    },
    async upload({ uri, token }) {
      if (uri.startsWith('gs://')) return uri;
      const place = `${options.folder}/${token}.jsonl`;
      await storage.write(place, partsOf(files, uri), 'application/jsonl');
      return place;
    },
    create: ({ token, model, place }) =>
      ask(model, async (ai, abortSignal) => {
        const dest = place.replace(/\.jsonl$/, '_answers');
        const config = { displayName: token, dest, abortSignal };
        return jobFrom(await ai.batches.create({ model, src: place, config }), model);
      }),
    find,
    get: (name) => lostWhereMissing(name, async () => jobFrom({ ...(await look(name)), name }, name)),
    cancel: (name) => ask(name, (ai, abortSignal) => ai.batches.cancel({ name, config: { abortSignal } })),
    async results({ name }) {
      const { outputInfo, dest } = await look(name);
      const folder = (outputInfo?.gcsOutputDirectory ?? dest?.gcsUri)?.replace(/\/+$/, '');
      if (folder === undefined) return nothing();
      const found = await storage.list(folder, { recursive: true, limit: MOST_RESULTS }).catch(noneThere);
      const uris = found.map(({ uri }) => uri).filter((uri) => uri.endsWith('.jsonl'));
      return allOf(storage, uris);
    },
    read: (line) => Promise.resolve(readJobLine(line)),
  };
}

/** A job that ended before it wrote anything. */
function noneThere(thrown: unknown): [] {
  if (thrown instanceof ProofsheetError && thrown.code === 'file_missing') return [];
  throw thrown;
}

async function* allOf(files: Pick<Files, 'readPart'>, uris: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const uri of uris) yield* partsOf(files, uri);
}

async function* partsOf(files: Pick<Files, 'readPart'>, uri: string): AsyncGenerator<Uint8Array> {
  for (let start = 0; ; ) {
    const part = await files.readPart(uri, { start, maxBytes: PART_BYTES });
    if (part.length === 0) return;
    start += part.length;
    yield part;
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  yield* [];
}
