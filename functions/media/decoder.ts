import sharp, { type Sharp } from 'sharp';
import { ProofsheetError } from '../domain/errors.ts';

/*
 * Settings of the decoder, for the whole process:
 * - Only buffers of these six formats reach a decoder. All other loaders (SVG and its XML parser, PDF, ImageMagick, files by
 *   path) are closed, so a file that pretends to be something else meets no parser.
 * - No operation cache: no picture is opened twice in the same way, and the cache would keep decoded pixels in memory.
 * - One thread per picture: pictures are worked on side by side already, and threads multiply memory.
 * Raw pixels and pictures that sharp draws itself (`create`, `text`) need no loader and stay open to everybody.
 */
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Tiff', 'Heif'].map((name) => `VipsForeignLoad${name}Buffer`),
});
sharp.cache(false);
sharp.concurrency(1);

/** Most pixels of a picture that is decoded. */
export const MAX_PIXELS = 50_000_000;

/** Decodes above this take turns: several progressive pictures of 50 megapixels at once would need gigabytes. */
const HEAVY_PIXELS = 12_000_000;

/**
 * What counts as damage. `warning` also catches corrupt data in the middle; `error` still catches a picture that is cut off.
 */
export type Strictness = 'warning' | 'error';

/** First page of the picture, not decoded yet. Bytes of any format but the six end in an error from sharp. */
export function openPicture(bytes: Uint8Array, strictness: Strictness = 'warning'): Sharp {
  return sharp(bytes, { limitInputPixels: MAX_PIXELS, failOn: strictness, pages: 1 });
}

/** What the header says; nothing is decoded, so a picture of any claimed size costs no memory. */
export function readHeader(bytes: Uint8Array): ReturnType<Sharp['metadata']> {
  return sharp(bytes, { limitInputPixels: false, pages: 1 }).metadata();
}

let lastHeavy: Promise<unknown> = Promise.resolve();

/** Runs a decode of `pixels` pixels; large ones one after the other. */
export function decodeInTurn<T>(pixels: number, decode: () => Promise<T>): Promise<T> {
  if (pixels <= HEAVY_PIXELS) return decode();
  const mine = lastHeavy.then(decode);
  lastHeavy = mine.catch(() => undefined);
  return mine;
}

/** An error of the decoder as `corrupt_image`. */
export function asDamage(thrown: unknown): ProofsheetError {
  if (thrown instanceof ProofsheetError) return thrown;
  const reason = thrown instanceof Error ? (thrown.message.split('\n')[0] ?? '').trim() : String(thrown);
  return new ProofsheetError(
    'corrupt_image',
    `The picture is damaged or cut off (${reason}); export or upload it again.`,
    { cause: thrown },
  );
}
