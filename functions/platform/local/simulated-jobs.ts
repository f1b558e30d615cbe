import { z } from 'zod';
import { asProofsheetError, ProofsheetError } from '../../domain/errors.ts';
import { type ModelRequest, modelRequestSchema, paidAnswerSchema } from '../../domain/model-call.ts';
import type { Clock, Files, Models } from '../ports.ts';
import type { ModelJobs } from '../wave-ports.ts';

const PREFIX = 'simulated-jobs/';
/** Pretended time of a job. */
const TAKES_MS = 1500;
const PART_BYTES = 4 * 1024 * 1024;

/** All of a job is in its name, so that any process knows it and nothing is kept. */
const jobSchema = z.object({ input: z.string(), at: z.number() });
const lineSchema = z.object({ key: z.string(), request: modelRequestSchema });
const simulatedAnswerSchema = paidAnswerSchema.extend({
  text: z.string().optional(),
  image: z.object({ base64: z.string(), mimeType: z.string() }).optional(),
});
/** What the model answered, or why it did not. */
const answerSchema = z.object({ key: z.string(), simulated: z.union([simulatedAnswerSchema, z.string()]) });

export interface SimulatedJobsOptions {
  models: Pick<Models, 'call'>;
  files: Pick<Files, 'readPart'>;
  clock: Pick<Clock, 'now'>;
}

/** Jobs whose questions are answered by the simulated models when the results are read; nothing is paid, so one made twice does no harm. */
export function simulatedJobs({ models, files, clock }: SimulatedJobsOptions): ModelJobs {
  const stateOf = (name: string) => (clock.now() < jobOf(name).at + TAKES_MS ? 'running' : 'succeeded');
  return {
    line: ({ key, request }) => Promise.resolve(JSON.stringify({ key, request })),
    upload: ({ uri }) => Promise.resolve(uri),
    create: ({ place }) => {
      const job = JSON.stringify({ input: place, at: clock.now() });
      return Promise.resolve({ name: `${PREFIX}${Buffer.from(job).toString('base64url')}`, state: 'queued' });
    },
    find: () => Promise.resolve([]),
    get: (name) => Promise.resolve({ name, state: stateOf(name) }),
    cancel: () => Promise.resolve(),
    results: ({ name }) => Promise.resolve(answers(jobOf(name).input, { models, files, clock })),
    read: (line) => Promise.resolve(answerFrom(line)),
  };
}

export function isSimulatedJob(name: string): boolean {
  return name.startsWith(PREFIX);
}

function jobOf(name: string): z.infer<typeof jobSchema> {
  return jobSchema.parse(JSON.parse(Buffer.from(name.slice(PREFIX.length), 'base64url').toString()));
}

async function* answers(input: string, { models, files }: SimulatedJobsOptions): AsyncIterable<Uint8Array> {
  let rest = Buffer.alloc(0);
  for (let start = 0; ; ) {
    const part = await files.readPart(input, { start, maxBytes: PART_BYTES });
    if (part.length === 0) break;
    start += part.length;
    rest = Buffer.concat([rest, part]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const { key, request } = lineSchema.parse(JSON.parse(rest.subarray(0, end).toString()));
      rest = rest.subarray(end + 1);
      yield Buffer.from(`${JSON.stringify({ key, ...(await answerTo(models, request)) })}\n`);
    }
  }
}

async function answerTo(models: Pick<Models, 'call'>, request: ModelRequest): Promise<object> {
  try {
    const { image, ...answer } = await models.call(request, { timeoutMs: 60_000, lane: 'batch' });
    const base64 = image && Buffer.from(image.bytes).toString('base64');
    return { simulated: { ...answer, ...(image && { image: { base64, mimeType: image.mimeType } }) } };
  } catch (thrown) {
    return { simulated: asProofsheetError(thrown).message };
  }
}

function answerFrom(line: string): Awaited<ReturnType<ModelJobs['read']>> {
  const parsed = answerSchema.safeParse(parsedJson(line));
  if (!parsed.success) return undefined;
  const { key, simulated } = parsed.data;
  return {
    key,
    answerTo() {
      if (typeof simulated === 'string') throw new ProofsheetError('invalid_request', simulated);
      const { image, text, ...paid } = simulated;
      const bytes = image && { bytes: Buffer.from(image.base64, 'base64'), mimeType: image.mimeType };
      return { ...paid, ...(text !== undefined && { text }), ...(bytes && { image: bytes }) };
    },
  };
}

function parsedJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
