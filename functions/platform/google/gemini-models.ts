import { type GenerateContentResponse, GoogleGenAI, type GoogleGenAIOptions, ServiceTier } from '@google/genai';
import { ProofsheetError } from '../../domain/errors.ts';
import type { LaneName, ModelRequest } from '../../domain/model-call.ts';
import type { CallOptions, Models } from '../ports.ts';
import { withinCallLimit } from './call-limit.ts';
import { readAnswer } from './gemini-answer.ts';
import { readEmbedding, toEmbedRequest } from './gemini-embedding.ts';
import { translateFailure } from './gemini-errors.ts';
import { type OpenFile, toGeminiRequest } from './gemini-request.ts';
import { inlineFiles } from './inline-files.ts';

export type GeminiAuth =
  | { kind: 'key'; apiKey: string }
  | {
      kind: 'vertex';
      /** May be left out, or empty, with an API key (Vertex AI in express mode); the location is then not used. */
      project?: string;
      location?: string;
      /** Without a key, the application default credentials are used, or those of `authClient`. */
      apiKey?: string;
      authClient?: NonNullable<GoogleGenAIOptions['googleAuthOptions']>['authClient'];
    };

export interface GeminiOptions {
  auth: GeminiAuth;
  /** Address of the API, where it is not Google's own. */
  baseUrl?: string;
  open: OpenFile;
  /** Milliseconds since 1970. */
  now?: () => number;
}

/** Said outright, for the SDK's default has changed before. Batch jobs are documented for these; one version serves all lanes. */
export const API_VERSION = { key: 'v1beta', vertex: 'v1beta1' } as const;
const CHECK_TIMEOUT_MS = 15_000;

/** Models behind the Gemini API or Vertex AI. One call is one request: the SDK neither retries nor continues by itself. */
export function geminiModels(options: GeminiOptions): Models {
  const now = options.now ?? Date.now;
  const secrets = [options.auth.apiKey ?? '', options.auth.apiKey?.trim() ?? ''];
  const connect = connectGemini(options);

  async function send<T>(
    model: string,
    limit: Pick<CallOptions, 'timeoutMs' | 'signal'>,
    request: (client: GoogleGenAI, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return await withinCallLimit(model, limit, async (signal) => {
      try {
        return await request(connect(), signal);
      } catch (thrown) {
        throw translateFailure(thrown, { model, now: now(), secrets });
      }
    });
  }

  async function look(model: string): Promise<{ model: string; error?: ProofsheetError }> {
    try {
      await send(model, { timeoutMs: CHECK_TIMEOUT_MS }, (ai, abortSignal) =>
        ai.models.get({ model, config: { abortSignal } }),
      );
      return { model };
    } catch (error) {
      if (error instanceof ProofsheetError) return { model, error };
      throw error;
    }
  }

  return {
    async call(request, callOptions) {
      if (callOptions.lane === 'batch') {
        throw new ProofsheetError(
          'internal',
          `A call of ${request.model} in the batch lane was sent as a single call.`,
        );
      }
      if (request.kind === 'embed')
        return readEmbedding(await send(request.model, callOptions, embed(request, options.open)), request);
      const raw = await send(request.model, callOptions, generate(request, callOptions.lane, options.open));
      return readAnswer(raw, request);
    },

    async check(models) {
      const looks = await Promise.all([...new Set(models)].map(look));
      const found = looks.map(({ model, error }) => ({
        what: `model ${model}`,
        ok: error === undefined,
        message: error?.message ?? 'available',
      }));
      return [accessOf(options.auth, looks), ...found];
    },
  };
}

/** The SDK's client, made when it is first used. */
export function connectGemini(options: GeminiOptions): () => GoogleGenAI {
  let client: GoogleGenAI | undefined;
  return () => {
    client ??= quietly(() => new GoogleGenAI(clientOptions(options)));
    return client;
  };
}

function clientOptions({ auth, baseUrl }: GeminiOptions): GoogleGenAIOptions {
  return {
    // Said outright, for the SDK would otherwise go by GOOGLE_GENAI_USE_ENTERPRISE and its alias.
    enterprise: auth.kind === 'vertex',
    apiVersion: API_VERSION[auth.kind],
    ...(auth.apiKey !== undefined && { apiKey: auth.apiKey }),
    ...(auth.kind === 'vertex' && auth.project && { project: auth.project, location: auth.location ?? 'global' }),
    ...(auth.kind === 'vertex' && auth.authClient && { googleAuthOptions: { authClient: auth.authClient } }),
    ...(baseUrl !== undefined && { httpOptions: { baseUrl } }),
  };
}

/**
 * The SDK's constructor comments on environment variables that do not count here, partly on standard output, where it
 * would spoil a command's JSON.
 */
function quietly<T>(make: () => T): T {
  const { debug, warn } = console;
  console.debug = () => {};
  console.warn = () => {};
  try {
    return make();
  } finally {
    Object.assign(console, { debug, warn });
  }
}

/** Files are read when the request goes out, so that only calls under way hold their bytes. */
function generate(request: ModelRequest, lane: LaneName, open: OpenFile) {
  return async (client: GoogleGenAI, abortSignal: AbortSignal): Promise<GenerateContentResponse> => {
    const files = inlineFiles();
    const { model, contents, config } = await toGeminiRequest(request, open, files.mark);
    abortSignal.throwIfAborted();
    return client.models.generateContent({
      model,
      contents,
      config: {
        ...config,
        ...(lane === 'flex' && { serviceTier: ServiceTier.FLEX }),
        abortSignal,
        httpOptions: { fetch: files.fetch },
        // On by default: it would send further paid requests that nobody counts.
        automaticContinuation: false,
      },
    });
  };
}

function embed(request: ModelRequest, open: OpenFile) {
  return async (client: GoogleGenAI, abortSignal: AbortSignal): Promise<unknown> => {
    const { config, ...what } = await toEmbedRequest(request, open);
    abortSignal.throwIfAborted();
    return client.models.embedContent({ ...what, config: { ...config, abortSignal } });
  };
}

/** What the looks at the models say about the key or credentials: an answer about the model means they were accepted. */
function accessOf(
  auth: GeminiAuth,
  looks: readonly { error?: ProofsheetError }[],
): { what: string; ok: boolean; message: string } {
  const what = auth.apiKey === undefined ? 'Google Cloud credentials' : 'API key';
  const errors = looks.flatMap(({ error }) => error ?? []);
  const refusal = errors.find(({ code }) => code === 'auth_failed');
  const accepted = looks.some(({ error }) => error === undefined || error.code === 'model_not_found');
  if (refusal === undefined && accepted) return { what, ok: true, message: 'accepted' };
  return { what, ok: false, message: (refusal ?? errors[0])?.message ?? 'no model is set to try it with' };
}
