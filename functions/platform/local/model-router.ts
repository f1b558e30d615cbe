import { LOCAL_ENCODER } from '../../domain/embedding-settings.ts';
import { ProofsheetError } from '../../domain/errors.ts';
import type { Models } from '../ports.ts';
import type { ModelJobs } from '../wave-ports.ts';
import { isSimulatedJob } from './simulated-jobs.ts';

/** Models of a simulated run, by the setting they stand in for. */
export const SIMULATED_MODEL_IDS = {
  textModel: 'simulated-text',
  imageModel: 'simulated-image',
  judgeModel: 'simulated-judge',
  semanticModel: 'simulated-semantic-1',
  visualModel: 'simulated-visual-1',
} as const;

/** What a simulated run uses whatever else is set: its models, and the judge that needs nothing but a model. */
export const SIMULATED_SETTINGS = { ...SIMULATED_MODEL_IDS, judge: 'rubric' } as const;

/**
 * Simulated model ids and encoders of this machine are answered by this process, all others by the real service, so that a batch is
 * resumed with the models it began with. Without a real service a real model stops the batch.
 */
export function modelRouter(simulated: Models, real: Models | undefined, encoders = noEncoders): Models {
  const service = real ?? unconfigured;
  const answering = (model: string) => {
    if (isSimulatedModel(model)) return simulated;
    return LOCAL_ENCODER.test(model) ? encoders : service;
  };
  return {
    call: (request, options) => answering(request.model).call(request, options),
    check: (models) => service.check(models),
  };
}

const noEncoders: Models = {
  call(request) {
    const message = `The encoder ${request.model} runs on one machine only; set EMBEDDING_MODEL to gemini-embedding-2.`;
    return Promise.reject(new ProofsheetError('usage', message, { scope: 'batch' }));
  },
  check: () => Promise.resolve([]),
};

function isSimulatedModel(model: string): boolean {
  return (Object.values(SIMULATED_MODEL_IDS) as string[]).includes(model);
}

const HOW_TO = 'set GEMINI_API_KEY (or GOOGLE_API_KEY, or Vertex AI as in the README)';

function noService(model: string): Promise<never> {
  const message = `No key or project is configured for ${model}; ${HOW_TO}, then resume.`;
  return Promise.reject(new ProofsheetError('auth_failed', message, { scope: 'batch' }));
}

const unconfigured: Models = {
  call: ({ model }) => noService(`the model ${model}`),
  check: () =>
    Promise.resolve([{ what: 'API key', ok: false, message: `not set; ${HOW_TO}, or go on with --simulate` }]),
};

/** As `modelRouter`, for jobs: which side they belong to is known by the model, the job's name or the line's shape. */
export function jobsRouter(simulated: ModelJobs, real: ModelJobs | undefined): ModelJobs {
  const service = real ?? unconfiguredJobs;
  const of = (model: string) => (isSimulatedModel(model) ? simulated : service);
  const holder = (name: string) => (isSimulatedJob(name) ? simulated : service);
  return {
    line: (call) => of(call.request.model).line(call),
    upload: (input) => of(input.model).upload(input),
    create: (job) => of(job.model).create(job),
    find: (token, model) => of(model).find(token, model),
    get: (name) => holder(name).get(name),
    cancel: (name) => holder(name).cancel(name),
    results: (job) => holder(job.name).results(job),
    read: async (line) => (await simulated.read(line)) ?? (await service.read(line)),
  };
}

function noJobs(what: string): Promise<never> {
  const needs = 'The batch lane needs GEMINI_API_KEY, or Vertex AI and a bucket (JUDGE_BUCKET on one machine)';
  const message = `${needs} for ${what}; set it, then resume, or cancel and run with another lane.`;
  return Promise.reject(new ProofsheetError('auth_failed', message, { scope: 'batch' }));
}

const unconfiguredJobs: ModelJobs = {
  line: ({ request }) => noJobs(`the model ${request.model}`),
  upload: ({ model }) => noJobs(`the model ${model}`),
  create: ({ model }) => noJobs(`the model ${model}`),
  find: (_, model) => noJobs(`the model ${model}`),
  get: (name) => noJobs(`the job ${name}`),
  cancel: (name) => noJobs(`the job ${name}`),
  results: ({ name }) => noJobs(`the job ${name}`),
  read: () => Promise.resolve(undefined),
};
