import { ApiError } from '@google/genai';
import { z } from 'zod';
import { ProofsheetError } from '../../domain/errors.ts';
import type { Files } from '../ports.ts';
import type { ModelJobs } from '../wave-ports.ts';
import { sentence } from './gemini-errors.ts';
import { jobStateOf, readJobLine, wireRequest } from './gemini-job-lines.ts';
import { API_VERSION, type GeminiOptions } from './gemini-models.ts';
import { uploadInParts } from './gemini-upload.ts';
import { jobClient, jobFrom, lostWhereMissing, reasonOf } from './job-client.ts';

export interface GeminiJobsOptions extends Omit<GeminiOptions, 'open'> {
  auth: GeminiOptions['auth'] & { kind: 'key' };
  files: Pick<Files, 'open' | 'readPart' | 'list'>;
}

/** Until the first bytes of results; then they may take as long as they do. */
const RESULTS_TIMEOUT_MS = 120_000;
const GOOGLE = 'https://generativelanguage.googleapis.com';

const count = z.coerce.number().int().nonnegative().catch(0);
const outputSchema = z
  .object({
    responsesFile: z.string().optional(),
    inlinedResponses: z.object({ inlinedResponses: z.array(z.unknown()) }).optional(),
  })
  .optional()
  .catch(undefined);
/** The parts of a job that are read here. The SDK leaves out why it failed and how far it is, so it is read past it. */
const jobSchema = z.object({
  name: z.string(),
  metadata: z
    .object({
      state: z.string().optional(),
      batchStats: z.object({ successfulRequestCount: count, failedRequestCount: count }).optional(),
      output: outputSchema,
    })
    .optional(),
  error: z.object({ message: z.string().optional() }).optional(),
  response: outputSchema,
});

/** Jobs of the Gemini API, whose questions and answers go by file. */
export function geminiJobs(options: GeminiJobsOptions): ModelJobs {
  const { files } = options;
  const { ask, find, request, look } = connection(options);
  return {
    line: (call) => lineOf(call, files),
    async upload({ uri, token, model }) {
      const [entry] = await files.list(uri, { recursive: false, limit: 1 });
      const bytes = entry?.bytes ?? 0;
      const place = {
        path: `upload/${API_VERSION.key}/files`,
        displayName: token,
        mimeType: 'application/jsonl',
        bytes,
      };
      const send = (path: string, init: RequestInit) => ask(model, (_, signal) => request(path, { ...init, signal }));
      const part = (start: number, maxBytes: number) => files.readPart(uri, { start, maxBytes });
      return await uploadInParts(place, { send, part });
    },
    async create({ token, model, place }) {
      const job = await ask(model, (ai, abortSignal) =>
        ai.batches.create({ model, src: place, config: { displayName: token, abortSignal } }),
      );
      return jobFrom(job, model);
    },
    find,
    get: (name) =>
      lostWhereMissing(name, async () => {
        const { metadata, error } = await look(name);
        const { batchStats } = metadata ?? {};
        return {
          name,
          state: jobStateOf(metadata?.state),
          ...(batchStats && { completed: batchStats.successfulRequestCount + batchStats.failedRequestCount }),
          ...reasonOf(error),
        };
      }),
    cancel: (name) =>
      ask(name, async (ai, abortSignal) => {
        await ai.batches.cancel({ name, config: { abortSignal } });
      }),
    async results({ name }) {
      const { metadata, response } = await look(name);
      const output = metadata?.output ?? response;
      // Small jobs are answered inside the job although they were asked by file.
      const inlined = output?.inlinedResponses?.inlinedResponses ?? [];
      if (output?.responsesFile === undefined) return linesOf(inlined);
      const path = `${API_VERSION.key}/${output.responsesFile}:download?alt=media`;
      const { body } = await ask(name, (_, signal) => request(path, { signal }), RESULTS_TIMEOUT_MS);
      return uncut(name, body ?? new ReadableStream());
    },
    read: (line) => Promise.resolve(readJobLine(line)),
  };
}

/** How the API is asked: by the SDK, or past it where the SDK leaves things out. */
function connection(options: GeminiJobsOptions) {
  const { auth, files } = options;
  const base = (options.baseUrl ?? GOOGLE).replace(/\/+$/, '');
  const { ask, find } = jobClient({ ...options, open: files.open });

  async function request(path: string, init: RequestInit = {}): Promise<Response> {
    const url = path.startsWith('http') ? path : `${base}/${path}`;
    const response = await fetch(url, { ...init, headers: { ...init.headers, 'x-goog-api-key': auth.apiKey } });
    if (response.ok) return response;
    throw new ApiError({ status: response.status, message: await response.text() });
  }

  async function look(name: string) {
    const body = await ask(name, async (_, signal) => (await request(`${API_VERSION.key}/${name}`, { signal })).json());
    return jobSchema.parse(body);
  }
  return { ask, find, request, look };
}

async function lineOf(
  { key, request }: Parameters<ModelJobs['line']>[0],
  files: GeminiJobsOptions['files'],
): Promise<string> {
  const wire = await wireRequest(request, {
    textOf: async (file) => new TextDecoder().decode(await files.open(file)),
    async partOf(file) {
      const bytes = await files.open(file);
      const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
      return { inlineData: { mimeType: file.mimeType, data } };
    },
  });
  return JSON.stringify({ key, request: wire });
}

async function* linesOf(answers: readonly unknown[]): AsyncIterable<Uint8Array> {
  for (const answer of answers) yield new TextEncoder().encode(`${JSON.stringify(answer)}\n`);
}

async function* uncut(name: string, body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  try {
    yield* body;
  } catch (cause) {
    const message = sentence(name, 'broke off in the middle of its results', 'network');
    throw new ProofsheetError('network', message, { disposition: 'transient', cause });
  }
}
