import { solidPng } from './png.ts';

/** A part of an answer as the REST API writes it. */
export interface ReplyPart {
  text?: string;
  thought?: boolean;
  inlineData?: { mimeType: string; data: string };
}

export interface ReplyUsage {
  promptTokenCount?: number;
  cachedContentTokenCount?: number;
  toolUsePromptTokenCount?: number;
  candidatesTokenCount?: number;
  thoughtsTokenCount?: number;
  totalTokenCount?: number;
  candidatesTokensDetails?: { modality: string; tokenCount: number }[];
}

/** Body of a 200 answer; anything JSON can hold, so that odd shapes can be sent too. */
export type Reply = Record<string, unknown>;

interface ReplyOptions {
  usage?: ReplyUsage;
  modelVersion?: string;
  responseId?: string;
  finishReason?: string;
}

/** Tokens of a picture of 1K, as image models count it. */
const IMAGE_TOKENS = 1120;

/** A whole answer of the given parts. Without `usage`, tokens are counted roughly as the service would. */
export function partsReply(parts: readonly ReplyPart[], options: ReplyOptions = {}): Reply {
  return {
    candidates: [{ content: { role: 'model', parts }, finishReason: options.finishReason ?? 'STOP', index: 0 }],
    usageMetadata: options.usage ?? usageOf(parts),
    modelVersion: options.modelVersion ?? 'fake-model-001',
    responseId: options.responseId ?? 'reply-1',
  };
}

export function textReply(text: string, options: ReplyOptions = {}): Reply {
  return partsReply([{ text }], options);
}

export function jsonReply(value: unknown, options: ReplyOptions = {}): Reply {
  return textReply(JSON.stringify(value), options);
}

export function imageReply(bytes: Uint8Array = SMALL_PNG, options: ReplyOptions = {}): Reply {
  return partsReply([imagePart(bytes)], options);
}

export function imagePart(bytes: Uint8Array, mimeType = 'image/png'): ReplyPart {
  return { inlineData: { mimeType, data: Buffer.from(bytes).toString('base64') } };
}

/** A candidate that ended for a reason other than STOP, by default without any content. */
export function declinedReply(finishReason: string, more: { parts?: ReplyPart[]; finishMessage?: string } = {}): Reply {
  const { parts, finishMessage } = more;
  return {
    candidates: [
      { finishReason, index: 0, ...(finishMessage && { finishMessage }), ...(parts && { content: { parts } }) },
    ],
    usageMetadata: { promptTokenCount: 300, totalTokenCount: 300 },
    modelVersion: 'fake-model-001',
    responseId: 'reply-1',
  };
}

/** A prompt that was blocked: no candidate at all. */
export function blockedReply(blockReason: string, blockReasonMessage?: string): Reply {
  return {
    promptFeedback: { blockReason, ...(blockReasonMessage && { blockReasonMessage }) },
    usageMetadata: { promptTokenCount: 300, totalTokenCount: 300 },
    modelVersion: 'fake-model-001',
    responseId: 'reply-1',
  };
}

/** Something that goes wrong with one call. `error` is an error answer in JSON. */
export type Fault =
  | { kind: 'error'; http: number; body: unknown }
  /** A page of something else, by default with status 200. */
  | { kind: 'html'; http?: number; html?: string }
  /** `cut` and `stall` send half an answer, then close the connection or nothing more; `hang` sends nothing at all. */
  | { kind: 'reset' | 'cut' | 'stall' | 'hang' | 'broken-json' };

/** An error answer in Google's shape. */
export function googleError(http: number, status: string, message: string, details: unknown[] = []): Fault {
  const error = { code: http, message, status, ...(details.length > 0 && { details }) };
  return { kind: 'error', http, body: { error } };
}

/** 429, by default of a minute's quota and with `retryDelay` (such as `31s`) where given. */
export function rateLimited(options: { retryDelay?: string; quotaId?: string; message?: string } = {}): Fault {
  const quotaId = options.quotaId ?? 'GenerateRequestsPerMinutePerProjectPerModel';
  const details: unknown[] = [
    { '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations: [{ quotaId, quotaValue: '10' }] },
  ];
  if (options.retryDelay !== undefined) {
    details.push({ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: options.retryDelay });
  }
  return googleError(429, 'RESOURCE_EXHAUSTED', options.message ?? 'You exceeded your current quota.', details);
}

export function dailyQuota(): Fault {
  return rateLimited({ quotaId: 'GenerateRequestsPerDayPerProjectPerModel', retryDelay: '31s' });
}

export const SMALL_PNG = solidPng(32, 32, [200, 60, 40]);

function usageOf(parts: readonly ReplyPart[]): ReplyUsage {
  const images = parts.filter((part) => part.inlineData !== undefined && part.thought !== true).length * IMAGE_TOKENS;
  const letters = parts.reduce((sum, part) => sum + (part.thought ? 0 : (part.text?.length ?? 0)), 0);
  const text = Math.ceil(letters / 4);
  const thoughts = parts.some((part) => part.thought) ? 100 : 0;
  return {
    promptTokenCount: 300,
    candidatesTokenCount: images + text,
    ...(thoughts > 0 && { thoughtsTokenCount: thoughts }),
    totalTokenCount: 300 + images + text + thoughts,
    candidatesTokensDetails: [
      ...(images > 0 ? [{ modality: 'IMAGE', tokenCount: images }] : []),
      ...(text > 0 ? [{ modality: 'TEXT', tokenCount: text }] : []),
    ],
  };
}
