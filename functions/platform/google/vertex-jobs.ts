import type { BatchJob, GoogleGenAI } from '@google/genai';
import { ProofsheetError } from '../../domain/errors.ts';
import type { Files } from '../ports.ts';
import type { Job, ModelJobs } from '../wave-ports.ts';
import { withinCallLimit } from './call-limit.ts';
import { sentence, translateFailure } from './gemini-errors.ts';
import { jobStateOf, readJobLine, wireRequest } from './gemini-job-lines.ts';
import { connectGemini, type GeminiOptions } from './gemini-models.ts';
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

const ASK_TIMEOUT_MS = 60_000;
const PART_BYTES = 8 * 1024 * 1024;
const JOBS_PER_PAGE = 100;
const MOST_JOBS = 2000;
const MOST_RESULTS = 1000;

/**
 * Jobs of Vertex AI, whose questions and answers are objects in Cloud Storage; pictures are named, not sent. Answers come back beside their
 * questions, whose label says which call they belong to.
 */
export function vertexJobs(options: VertexJobsOptions): ModelJobs {
  const { files, storage, pictures } = options;
  const now = options.now ?? Date.now;
  const connect = connectGemini({ ...options, open: files.open });

  async function ask<T>(what: string, work: (ai: GoogleGenAI, abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    return await withinCallLimit(what, { timeoutMs: ASK_TIMEOUT_MS }, async (signal) => {
      try {
        return await work(connect(), signal);
      } catch (thrown) {
        throw translateFailure(thrown, { model: what, now: now(), secrets: [options.auth.apiKey ?? ''] });
      }
    });
  }
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
    find: (token, model) =>
      ask(model, async (ai, abortSignal) => {
        const found: Job[] = [];
        let seen = 0;
        for await (const job of await ai.batches.list({ config: { pageSize: JOBS_PER_PAGE, abortSignal } })) {
          if (job.displayName === token) found.unshift(jobFrom(job, model));
          seen += 1;
          if (seen >= MOST_JOBS) break;
        }
        return found;
      }),
    async get(name) {
      try {
        return jobFrom({ ...(await look(name)), name }, name);
      } catch (thrown) {
        if (thrown instanceof ProofsheetError && thrown.code === 'model_not_found') return { name, state: 'lost' };
        throw thrown;
      }
    },
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

function jobFrom({ name, state, error, completionStats }: BatchJob, model: string): Job {
  if (name === undefined) {
    const message = sentence(model, 'made a job without a name', 'bad_response');
    throw new ProofsheetError('bad_response', message, { disposition: 'transient' });
  }
  const { successfulCount = 0, failedCount = 0 } = completionStats ?? {};
  return {
    ...{ name, state: jobStateOf(state) },
    ...(completionStats && { completed: Math.max(0, Number(successfulCount)) + Math.max(0, Number(failedCount)) }),
    ...(error?.message !== undefined && { reason: error.message.slice(0, 300) }),
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
