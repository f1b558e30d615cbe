import { createHash } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { ProofsheetError } from '../../functions/domain/errors.ts';
import type { FileRef, ModelRequest } from '../../functions/domain/model-call.ts';
import { type GeminiOptions, geminiModels } from '../../functions/platform/google/gemini-models.ts';
import type { CallOptions, Models } from '../../functions/platform/ports.ts';
import { type GeminiServer, type GeminiServerOptions, startGeminiServer } from './gemini-server.ts';

export const API_KEY = 'AIzaTestKey-never-to-be-shown-0123456789';

/** A server of the test's own and models that ask it; the server ends with the test. */
export async function geminiSetup(
  server: GeminiServerOptions = {},
  options: Partial<GeminiOptions> = {},
): Promise<{ server: GeminiServer; models: Models }> {
  const started = await startGeminiServer(server);
  onTestFinished(() => started.close());
  const models = geminiModels({
    auth: { kind: 'key', apiKey: API_KEY },
    baseUrl: started.url,
    open: () => Promise.reject(new Error('no file is expected to be read')),
    ...options,
  });
  return { server: started, models };
}

export const STANDARD: CallOptions = { timeoutMs: 20_000, lane: 'standard' };

export function requestOf(kind: ModelRequest['kind'], more: Partial<ModelRequest> = {}): ModelRequest {
  return { kind, model: `fake-${kind}`, parts: [{ text: 'What is this?' }], ...more };
}

/** A reference to bytes and the `open` that finds them. */
export function storedFile(bytes: Uint8Array, mimeType: string): { file: FileRef; open: GeminiOptions['open'] } {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return {
    file: { sha256, mimeType, bytes: bytes.length },
    open: (file) => (file.sha256 === sha256 ? Promise.resolve(bytes) : Promise.reject(new Error('unknown file'))),
  };
}

/** The ProofsheetError that a promise fails with. */
export async function failureOf(promise: Promise<unknown>): Promise<ProofsheetError> {
  const outcome = await promise.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  if (outcome instanceof ProofsheetError) return outcome;
  throw new Error('expected a ProofsheetError', { cause: outcome });
}
