import { fileTypeFromBuffer } from 'file-type';
import type { Metadata } from 'sharp';
import { ProofsheetError } from '../domain/errors.ts';
import { decodeText, textEncodingOf } from '../lib/text-encoding.ts';
import { looksLikeSrgb } from './colour-profile.ts';
import { asDamage, MAX_PIXELS, readHeader } from './decoder.ts';

/** What a file is by its content. `text` is one whose encoding is known. The name plays no part. */
export type Sniffed =
  | { kind: 'image'; mimeType: string }
  | { kind: 'text' | 'pdf'; mimeType: string }
  | { kind: 'other'; mimeType?: string };

export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'avif' | 'tiff';

/** What the header of an accepted picture says. Sizes in pixels. */
export interface ImageFacts {
  mimeType: string;
  format: ImageFormat;
  /** As stored, before the EXIF orientation is applied. */
  stored: { width: number; height: number };
  /** As a viewer shows it. */
  displayed: { width: number; height: number };
  /** EXIF orientation, 1 (upright) to 8. */
  orientation: number;
  /** libvips' name: `srgb`, `b-w`, `cmyk`, `rgb16`, `grey16`, … */
  colourSpace: string;
  bitsPerChannel: number;
  hasAlpha: boolean;
  /** Embedded ICC profile; `other` means that the colours are wrong to a reader that ignores it (wide gamut, CMYK, …). */
  profile: 'none' | 'srgb' | 'other';
  /** Frames of an animation or pages of a TIFF. */
  pages: number;
}

/**
 * Formats by decision:
 *
 * | format                    | decision                                                       |
 * |---------------------------|----------------------------------------------------------------|
 * | JPEG, PNG, WebP           | accepted (first frame if animated)                             |
 * | GIF                       | first frame, converted: models take no GIF                     |
 * | AVIF                      | converted, up to 16 megapixels: decoding costs memory per pixel|
 * | TIFF                      | first page, converted                                          |
 * | SVG                       | refused: a program for drawing, and XML may reach for the net  |
 * | HEIC, JPEG XL, BMP, raw … | refused: no decoder here that is worth its attack surface      |
 */
const ACCEPTED: Record<string, { format: ImageFormat; loader: string; maxPixels: number }> = {
  'image/jpeg': { format: 'jpeg', loader: 'jpeg', maxPixels: MAX_PIXELS },
  'image/png': { format: 'png', loader: 'png', maxPixels: MAX_PIXELS },
  'image/apng': { format: 'png', loader: 'png', maxPixels: MAX_PIXELS },
  'image/webp': { format: 'webp', loader: 'webp', maxPixels: MAX_PIXELS },
  'image/gif': { format: 'gif', loader: 'gif', maxPixels: MAX_PIXELS },
  'image/tiff': { format: 'tiff', loader: 'tiff', maxPixels: MAX_PIXELS },
  'image/avif': { format: 'avif', loader: 'heif', maxPixels: 16_000_000 },
};

/** Kind by content. Text is looked for first: a text that begins with `BM` or `GIF8` is no picture. */
export async function sniff(bytes: Uint8Array): Promise<Sniffed> {
  if (bytes.length === 0) return { kind: 'other' };
  if (startsWith(bytes, '%PDF-')) return { kind: 'pdf', mimeType: 'application/pdf' };
  const encoding = textEncodingOf(bytes);
  if (encoding !== undefined) {
    const isDrawing = isSvg(decodeText(bytes.subarray(0, SVG_HEAD_BYTES), encoding));
    return isDrawing ? SVG : { kind: 'text', mimeType: 'text/plain' };
  }
  // A file built to confuse the parser counts as unknown.
  const found = await fileTypeFromBuffer(bytes).catch(() => undefined);
  if (found === undefined) return { kind: 'other' };
  if (found.mime.startsWith('image/')) return { kind: 'image', mimeType: found.mime };
  return { kind: 'other', mimeType: found.mime };
}

/**
 * Facts of a picture from its header, within the limits on pixels; nothing is decoded. Errors: empty_file, not_an_image,
 * unsupported_format, image_too_large, corrupt_image.
 */
export async function inspectImage(bytes: Uint8Array): Promise<ImageFacts> {
  if (bytes.length === 0) throw new ProofsheetError('empty_file', 'The file has no bytes; upload it again.');
  const sniffed = await sniff(bytes);
  if (sniffed.kind !== 'image') throw notAnImage(sniffed);
  const accepted = ACCEPTED[sniffed.mimeType];
  if (accepted === undefined) throw unsupported(sniffed.mimeType);
  const header = await readHeader(bytes).catch((thrown: unknown) => {
    throw asDamage(thrown);
  });
  if (header.format !== accepted.loader) throw asDamage(`not a ${accepted.format} picture after its first bytes`);
  checkPixels(header, accepted);
  return factsOf(header, accepted.format, sniffed.mimeType === 'image/apng' ? framesOfApng(bytes) : 1);
}

const SVG_HEAD_BYTES = 4096;
const SVG: Sniffed = { kind: 'image', mimeType: 'image/svg+xml' };

const KIND_NAMES = { text: 'a text', pdf: 'a PDF document', other: 'of another kind' } as const;

function notAnImage(sniffed: { kind: 'text' | 'pdf' | 'other'; mimeType?: string }): ProofsheetError {
  const kind =
    sniffed.kind === 'other' && sniffed.mimeType !== undefined
      ? `of the kind ${sniffed.mimeType}`
      : KIND_NAMES[sniffed.kind];
  return new ProofsheetError('not_an_image', `The file is ${kind}, not a picture; replace it by a JPEG, PNG or WebP.`);
}

function unsupported(mimeType: string): ProofsheetError {
  const name = mimeType
    .replace(/^image\/(x-|vnd\.)?/, '')
    .replace('svg+xml', 'svg')
    .toUpperCase();
  return new ProofsheetError(
    'unsupported_format',
    `The picture is in the format ${name}, which is not taken; export it as JPEG, PNG or WebP.`,
  );
}

function checkPixels(header: Metadata, accepted: { format: ImageFormat; maxPixels: number }): void {
  const pixels = header.width * header.height;
  if (pixels <= accepted.maxPixels) return;
  const limit = `${accepted.maxPixels / 1e6} megapixels${accepted.format === 'avif' ? ' for AVIF' : ''}`;
  throw new ProofsheetError(
    'image_too_large',
    `The picture has ${header.width} × ${header.height} pixels, above the limit of ${limit}; export it smaller.`,
  );
}

function factsOf(header: Metadata, format: ImageFormat, frames: number): ImageFacts {
  return {
    mimeType: `image/${format}`,
    format,
    stored: { width: header.width, height: header.height },
    displayed: { width: header.autoOrient.width, height: header.autoOrient.height },
    orientation: header.orientation ?? 1,
    colourSpace: header.space,
    bitsPerChannel: { uchar: 8, char: 8, ushort: 16, short: 16 }[header.depth as string] ?? 32,
    hasAlpha: header.hasAlpha,
    profile: header.icc === undefined ? 'none' : looksLikeSrgb(header.icc) ? 'srgb' : 'other',
    pages: header.pages ?? frames,
  };
}

/** Read here because the decoder knows only the first frame. The animation's chunk begins with their number. */
function framesOfApng(bytes: Uint8Array): number {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return data.readUInt32BE(data.indexOf('acTL') + 4);
}

/** A text whose first element, after any byte order mark, prolog, comments and doctype, is `svg`. */
function isSvg(text: string): boolean {
  let head = text.trimStart();
  while (/^<[?!]/.test(head)) {
    const end = head.startsWith('<!--') ? head.indexOf('-->') + 2 : endOfDeclaration(head);
    if (end < 2) return /<svg[\s>:]/i.test(head);
    head = head.slice(end + 1).trimStart();
  }
  return /^<(\w+:)?svg[\s/>]/i.test(head);
}

/** A doctype may hold declarations of its own in brackets. */
function endOfDeclaration(head: string): number {
  const close = head.indexOf('>');
  const bracket = head.indexOf('[');
  return bracket !== -1 && bracket < close ? head.indexOf('>', head.indexOf(']')) : close;
}

function startsWith(bytes: Uint8Array, magic: string): boolean {
  return Buffer.from(bytes.subarray(0, magic.length)).toString('latin1') === magic;
}
