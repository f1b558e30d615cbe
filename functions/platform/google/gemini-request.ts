import type { Content, Part as GeminiPart, GenerateContentConfig } from '@google/genai';
import { type FileRef, type ModelRequest, outputLimitOf } from '../../domain/model-call.ts';
import { toGeminiSchema } from './gemini-schema.ts';

/** Reads a stored file. */
export type OpenFile = (file: FileRef) => Promise<Uint8Array>;

/** A request in the words of the API, files read in and put where `data` says, by default in base64. Errors are those of `open`. */
export async function toGeminiRequest(
  request: ModelRequest,
  open: OpenFile,
  data?: (bytes: Uint8Array) => string,
): Promise<{ model: string; contents: Content[]; config: GenerateContentConfig }> {
  const parts: GeminiPart[] = [];
  for (const part of request.parts) {
    if ('text' in part) parts.push({ text: part.text });
    else parts.push(filePart(part.file, await open(part.file), data));
  }
  return { model: request.model, contents: [{ role: 'user', parts }], config: configOf(request) };
}

function configOf(request: ModelRequest): GenerateContentConfig {
  const config: GenerateContentConfig = {};
  if (request.system !== undefined) config.systemInstruction = request.system;
  const outputLimit = outputLimitOf(request);
  if (outputLimit !== undefined) config.maxOutputTokens = outputLimit;
  if (request.kind === 'json') {
    config.responseMimeType = 'application/json';
    if (request.jsonSchema !== undefined) config.responseJsonSchema = toGeminiSchema(request.jsonSchema);
  }
  if (request.kind === 'image') {
    // Image models refuse IMAGE alone; the words are not used.
    config.responseModalities = ['TEXT', 'IMAGE'];
    // Of the image options only aspectRatio and imageSize are taken by both APIs; the others make the SDK throw.
    if (request.aspectRatio !== undefined) config.imageConfig = { aspectRatio: request.aspectRatio };
  }
  return config;
}

/** Texts go as text: not every model takes them as files, and none takes all their types. */
export function filePart(
  { mimeType }: FileRef,
  bytes: Uint8Array,
  data: (bytes: Uint8Array) => string = base64Of,
): GeminiPart {
  if (mimeType === 'text/plain') return { text: new TextDecoder().decode(bytes) };
  return { inlineData: { mimeType, data: data(bytes) } };
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
