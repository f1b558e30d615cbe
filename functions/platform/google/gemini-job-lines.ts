import { ApiError } from '@google/genai';
import { z } from 'zod';
import { ProofsheetError } from '../../domain/errors.ts';
import type { FileRef, ModelRequest } from '../../domain/model-call.ts';
import type { JobState } from '../../domain/wave.ts';
import type { JobAnswer } from '../wave-ports.ts';
import { readAnswer } from './gemini-answer.ts';
import { toBatchSchema } from './gemini-batch-schema.ts';
import { sentence, translateFailure } from './gemini-errors.ts';
import { toGeminiSchema } from './gemini-schema.ts';

/** A file as the service gets it: its bytes, or where it reads them itself. */
export type FilePart =
  | { inlineData: { mimeType: string; data: string } }
  | { fileData: { mimeType: string; fileUri: string } };

/** A request as the REST API takes it, which is not quite how the SDK does. */
export async function wireRequest(
  request: ModelRequest,
  of: { partOf(file: FileRef): Promise<FilePart>; textOf(file: FileRef): Promise<string> },
): Promise<Record<string, unknown>> {
  const parts: unknown[] = [];
  for (const part of request.parts) {
    if ('text' in part) parts.push({ text: part.text });
    else if (part.file.mimeType === 'text/plain') parts.push({ text: await of.textOf(part.file) });
    else parts.push(await of.partOf(part.file));
  }
  return {
    contents: [{ role: 'user', parts }],
    ...(request.system !== undefined && { systemInstruction: { parts: [{ text: request.system }] } }),
    generationConfig: generationConfig(request),
  };
}

function generationConfig(request: ModelRequest): Record<string, unknown> {
  const { kind, maxOutputTokens, jsonSchema, aspectRatio } = request;
  const schema = jsonSchema && toBatchSchema(toGeminiSchema(jsonSchema));
  return {
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(kind === 'json' && { responseMimeType: 'application/json', ...(schema && { responseSchema: schema }) }),
    ...(kind === 'image' && {
      responseModalities: ['TEXT', 'IMAGE'],
      ...(aspectRatio && { imageConfig: { aspectRatio } }),
    }),
  };
}

const lineSchema = z.object({
  key: z.string().optional(),
  /** Vertex AI gives the request back; only its label says whose it was. */
  request: z
    .object({ labels: z.object({ key: z.string() }) })
    .optional()
    .catch(undefined),
  metadata: z.object({ key: z.string() }).optional().catch(undefined),
  response: z.unknown().optional(),
  error: z.unknown().optional(),
  status: z.unknown().optional(),
});

/** A line of results, of either API, in a file or inside the job. */
export function readJobLine(line: string): JobAnswer | undefined {
  const parsed = lineSchema.safeParse(parse(line));
  if (!parsed.success) return undefined;
  const { key: own, request, metadata, response, error, status } = parsed.data;
  const key = own ?? request?.labels.key ?? metadata?.key;
  if (key === undefined) return undefined;
  const failure = error ?? (hasContent(response) ? undefined : status);
  return {
    key,
    answerTo(asked) {
      if (failure !== undefined && failure !== '') throw failureOf(failure, asked);
      return readAnswer(response, asked);
    },
  };
}

function hasContent(response: unknown): boolean {
  return typeof response === 'object' && response !== null && Object.keys(response).length > 0;
}

/** HTTP statuses of google.rpc codes, from 1. */
const RPC_AS_HTTP = [499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];

const statusSchema = z.object({
  code: z.coerce.number().int().optional(),
  message: z.string().optional(),
  status: z.string().optional(),
  details: z.array(z.unknown()).optional(),
});

function failureOf(failure: unknown, { model }: ModelRequest): ProofsheetError {
  const status = statusSchema.safeParse(failure);
  if (!status.success) {
    const what = `refused a call of a job (${String(failure).slice(0, 200)})`;
    return new ProofsheetError('server_error', sentence(model, what, 'server_error'), { disposition: 'transient' });
  }
  const { code = 500 } = status.data;
  const http = code < 100 ? (RPC_AS_HTTP[code - 1] ?? 500) : code;
  const message = JSON.stringify({ error: { ...status.data, code: http } });
  return translateFailure(new ApiError({ message, status: http }), { model, now: 0, secrets: [] });
}

const STATES: Readonly<Record<string, JobState>> = {
  QUEUED: 'queued',
  PENDING: 'pending',
  RUNNING: 'running',
  PAUSED: 'paused',
  UPDATING: 'updating',
  CANCELLING: 'cancelling',
  SUCCEEDED: 'succeeded',
  PARTIALLY_SUCCEEDED: 'partially_succeeded',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  EXPIRED: 'expired',
};

/** `JOB_STATE_RUNNING` or `BATCH_STATE_RUNNING`; one that is not known is no end. */
export function jobStateOf(name: string | undefined): JobState {
  return STATES[(name ?? '').replace(/^(JOB|BATCH)_STATE_/, '')] ?? 'pending';
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
