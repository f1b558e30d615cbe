import type { Sharp } from 'sharp';
import { asDamage, decodeInTurn, openPicture, type Strictness } from './decoder.ts';
import { type ImageFacts, inspectImage } from './inspect.ts';
import { pictureEnd } from './picture-end.ts';

/** A picture that every model and browser shows in the same way: JPEG, PNG or WebP, upright, sRGB, 8 bit, one frame. */
export interface NormalizedImage {
  bytes: Uint8Array;
  mimeType: string;
  width: number;
  height: number;
  /** Short phrases, e.g. `CMYK to sRGB`; none when the bytes are the ones that came in. */
  changes: string[];
}

/** Longest side that is sent to a model; more is scaled down by the models themselves. */
const MAX_SIDE = 3072;

/** Two such pictures in base64 and a prompt fit into the 20 MB of one request with inline data. */
const MAX_BYTES = 7_000_000;

/** Warnings of libjpeg about files of known cameras whose pixels are all there. */
const HARMLESS = /Invalid SOS parameters|extraneous bytes before marker/;

/**
 * Decodes a picture once to its end, to prove that it is whole, and changes what would be seen differently by different
 * readers. When nothing needs doing the untouched bytes are passed through, metadata included; bytes behind the end of the
 * picture are always cut off, without encoding it anew. Errors: those of `inspectImage`; corrupt_image also for a picture
 * that is cut off or damaged within.
 */
export async function normalizeImage(bytes: Uint8Array): Promise<NormalizedImage> {
  const facts = await inspectImage(bytes);
  return decodeInTurn(facts.stored.width * facts.stored.height, async () => {
    try {
      return await normalize(bytes, facts);
    } catch (thrown) {
      throw asDamage(thrown);
    }
  });
}

async function normalize(bytes: Uint8Array, facts: ImageFacts): Promise<NormalizedImage> {
  const own = withoutTail(bytes, facts);
  const changes = changesOf(facts);
  try {
    if (changes.length > 0) return await encode(own, facts, changes, 'warning');
    await openPicture(own).raw().toBuffer();
  } catch (thrown) {
    if (!(thrown instanceof Error && HARMLESS.test(thrown.message))) throw thrown;
    return encode(own, facts, [...changes, 'encoding fault of the camera repaired'], 'error');
  }
  if (own.length > MAX_BYTES) return encode(own, facts, ['compressed below 7 MB'], 'warning');
  const cut = own.length < bytes.length ? ['bytes after the end of the picture removed'] : [];
  return { bytes: own, mimeType: facts.mimeType, ...facts.stored, changes: cut };
}

/** The picture alone, as a view of the same bytes. */
function withoutTail(bytes: Uint8Array, { format }: ImageFacts): Uint8Array {
  if (format !== 'jpeg' && format !== 'png' && format !== 'webp') return bytes;
  const end = pictureEnd(bytes, format);
  if (end === undefined) throw asDamage('the end of the picture is missing');
  return end === bytes.length ? bytes : bytes.subarray(0, end);
}

/** What has to be done to the pixels. */
function changesOf(facts: ImageFacts): string[] {
  const { width, height } = facts.displayed;
  const scale = MAX_SIDE / Math.max(width, height);
  const small = (side: number) => Math.max(1, Math.round(side * scale));
  const candidates: [boolean, string][] = [
    [facts.pages > 1, `first of ${facts.pages} ${facts.format === 'tiff' ? 'pages' : 'frames'}`],
    [!['jpeg', 'png', 'webp'].includes(facts.format), `converted from ${facts.format.toUpperCase()}`],
    [facts.orientation !== 1, 'rotated by its EXIF orientation'],
    [!['srgb', 'b-w', 'rgb16', 'grey16'].includes(facts.colourSpace), `${facts.colourSpace.toUpperCase()} to sRGB`],
    [facts.profile === 'other' && facts.colourSpace !== 'cmyk', 'colour profile to sRGB'],
    [facts.bitsPerChannel > 8, `${facts.bitsPerChannel} bit to 8 bit`],
    [scale < 1, `scaled from ${width} × ${height} to ${small(width)} × ${small(height)}`],
  ];
  return candidates.filter(([needed]) => needed).map(([, phrase]) => phrase);
}

/** PNG if there is transparency or it was a PNG, else JPEG; JPEG on white if the PNG would be too heavy to send. */
async function encode(
  bytes: Uint8Array,
  facts: ImageFacts,
  changes: string[],
  strictness: Strictness,
): Promise<NormalizedImage> {
  if (facts.hasAlpha || facts.format === 'png') {
    const png = await pixels(bytes, strictness).png().toBuffer({ resolveWithObject: true });
    if (png.data.length <= MAX_BYTES) return result(png, 'image/png', changes);
  }
  const flat = pixels(bytes, strictness).flatten({ background: 'white' });
  const jpeg = await flat.jpeg({ quality: 92, chromaSubsampling: '4:4:4' }).toBuffer({ resolveWithObject: true });
  return result(jpeg, 'image/jpeg', facts.hasAlpha ? [...changes, 'transparency onto white'] : changes);
}

/** Upright, within the size, 8-bit sRGB by the embedded profile; metadata is dropped with it. */
function pixels(bytes: Uint8Array, strictness: Strictness): Sharp {
  return openPicture(bytes, strictness)
    .autoOrient()
    .resize({ width: MAX_SIDE, height: MAX_SIDE, fit: 'inside', withoutEnlargement: true })
    .toColourspace('srgb');
}

function result(
  encoded: { data: Buffer; info: { width: number; height: number } },
  mimeType: string,
  changes: string[],
): NormalizedImage {
  return { bytes: encoded.data, mimeType, width: encoded.info.width, height: encoded.info.height, changes };
}
