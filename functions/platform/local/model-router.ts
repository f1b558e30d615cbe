import { LOCAL_ENCODER } from '../../domain/embedding-settings.ts';
import { ProofsheetError } from '../../domain/errors.ts';
import type { Models } from '../ports.ts';

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
  const isSimulated = (model: string) => (Object.values(SIMULATED_MODEL_IDS) as string[]).includes(model);
  const answering = (model: string) => {
    if (isSimulated(model)) return simulated;
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

const HOW_TO = 'set GEMINI_API_KEY (or GOOGLE_API_KEY, or Vertex AI as in the README)';

const unconfigured: Models = {
  call(request) {
    const message = `No key or project is configured for the model ${request.model}; ${HOW_TO}, then resume.`;
    return Promise.reject(new ProofsheetError('auth_failed', message, { scope: 'batch' }));
  },
  check: () =>
    Promise.resolve([{ what: 'API key', ok: false, message: `not set; ${HOW_TO}, or go on with --simulate` }]),
};
