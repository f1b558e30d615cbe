import { ProofsheetError } from '../../domain/errors.ts';
import type { Models } from '../ports.ts';

/** Models of a simulated run, by the setting they stand in for. */
export const SIMULATED_MODEL_IDS = {
  textModel: 'simulated-text',
  imageModel: 'simulated-image',
  judgeModel: 'simulated-judge',
} as const;

/** What a simulated run uses whatever else is set: its models, and the judge that needs nothing but a model. */
export const SIMULATED_SETTINGS = { ...SIMULATED_MODEL_IDS, judge: 'rubric' } as const;

/**
 * Simulated model ids are answered by this process, all others by the real service, so that a batch is resumed with the models
 * it began with. Without a real service a real model stops the batch.
 */
export function modelRouter(simulated: Models, real: Models | undefined): Models {
  const service = real ?? unconfigured;
  const isSimulated = (model: string) => (Object.values(SIMULATED_MODEL_IDS) as string[]).includes(model);
  return {
    call: (request, options) => (isSimulated(request.model) ? simulated : service).call(request, options),
    check: (models) => service.check(models),
  };
}

const HOW_TO = 'set GEMINI_API_KEY (or GOOGLE_API_KEY, or Vertex AI as in the README)';

const unconfigured: Models = {
  call(request) {
    const message = `No key or project is configured for the model ${request.model}; ${HOW_TO}, then resume.`;
    return Promise.reject(new ProofsheetError('auth_failed', message, { scope: 'batch' }));
  },
  check: () =>
    Promise.resolve([{ what: 'API key', ok: false, message: `not set; ${HOW_TO}, or go on with --simulate` }]),
};
