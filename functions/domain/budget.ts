import { costOf, type PriceTable } from './cost.ts';
import { type FileRef, type LaneName, type ModelRequest, outputLimitOf, type Usage } from './model-call.ts';

/** What may be spent from an account, in nano-dollars (1e-9 USD). */
export interface Ceiling {
  account: string;
  nano: number;
}

/** Money kept for a call, or for a group of calls, until it is known what they cost. */
export interface Hold {
  /** Who has to end it, such as an item. */
  owner: string;
  /** Of all holds of the owner, ever. */
  call: string;
  nano: number;
  /** Where the money is held. */
  accounts: string[];
}

/** More than anybody spends, and still a whole number. */
export const NO_CEILING = Number.MAX_SAFE_INTEGER;

export function batchAccount(batchId: string): string {
  return `batch:${batchId}`;
}

/** A day ends at midnight UTC. */
export function dayAccount(at: number): string {
  return `day:${new Date(at).toISOString().slice(0, 10)}`;
}

export function msUntilNextDay(at: number): number {
  return DAY_MS - (at % DAY_MS);
}

const DAY_MS = 86_400_000;
/** An answer of the batch lane may come so much later, at another price. */
const LATEST_ANSWER_MS = 3 * DAY_MS;
/** Pictures that one call makes at most, drafts of a thinking model included. */
const MOST_PICTURES = 2;
/** Tokens of a picture whose model says nothing else: one of 2K. */
const PICTURE_TOKENS = 2520;
/** What an image model writes and thinks beside its pictures, at most. */
const WORDS_BESIDE_PICTURES = 8192;
/** Tokens around each part of a request. */
const AROUND_PART = 16;
/** Pictures up to this size are one tile, others as many tiles of 768 pixels as cover them. Source: Gemini API, token counts. */
const ONE_TILE_SIDE = 384;
const TILE_SIDE = 768;
const TOKENS_PER_TILE = 258;
/** A picture of unknown size is taken for one of 2K. */
const UNKNOWN_SIDE = 2048;

/**
 * The most that a call can cost, in nano-dollars; null when its price is not known. Of two prices around a change the higher one counts.
 */
export function mostOf(of: { request: ModelRequest; lane: LaneName; at: number }, prices: PriceTable): number | null {
  const { request, lane, at } = of;
  const usage = mostUsage(request, prices);
  const costs = [at, at + LATEST_ANSWER_MS].map((when) =>
    costOf({ model: request.model, usage, lane, at: when }, prices),
  );
  return costs.reduce((most, cost) => (most === null || cost === null ? null : Math.max(most, cost)), 0);
}

function mostUsage(request: ModelRequest, prices: PriceTable): Usage {
  const texts = [request.system ?? '', request.jsonSchema === undefined ? '' : JSON.stringify(request.jsonSchema)];
  let input = request.parts.length * AROUND_PART + AROUND_PART;
  let inputImage = 0;
  for (const part of request.parts) {
    if ('text' in part) texts.push(part.text);
    else if (isPicture(part.file)) inputImage += pictureTokensOf(part.file, request.model, prices);
    // No token is shorter than a byte, and no page of a document takes fewer bytes than tokens.
    else input += part.file.bytes;
  }
  for (const text of texts) input += Buffer.byteLength(text);
  const isImage = request.kind === 'image';
  const picture = prices.models[request.model]?.picture ?? PICTURE_TOKENS;
  return {
    input: input + inputImage,
    inputImage,
    cached: 0,
    output: isImage ? WORDS_BESIDE_PICTURES : (outputLimitOf(request) ?? 0),
    outputImage: isImage ? MOST_PICTURES * picture : 0,
    thoughts: 0,
  };
}

/** Tokens of a picture in the input. */
export function pictureTokensOf(file: Pick<FileRef, 'width' | 'height'>, model: string, prices: PriceTable): number {
  const fixed = prices.models[model]?.pictureInput;
  if (fixed !== undefined) return fixed;
  const { width = UNKNOWN_SIDE, height = UNKNOWN_SIDE } = file;
  if (width <= ONE_TILE_SIDE && height <= ONE_TILE_SIDE) return TOKENS_PER_TILE;
  return Math.ceil(width / TILE_SIDE) * Math.ceil(height / TILE_SIDE) * TOKENS_PER_TILE;
}

function isPicture(file: FileRef): boolean {
  return file.mimeType.startsWith('image/');
}
