import type { Batch, Item } from '../domain/batch.ts';
import type { ErrorCode } from '../domain/errors.ts';
import type { FileRef } from '../domain/model-call.ts';
import type { Intake } from '../domain/selection.ts';
import { checkPdf, normalizeText } from '../media/document.ts';
import { sniff } from '../media/inspect.ts';
import { normalizeImage } from '../media/normalize.ts';
import { thumbnail } from '../media/thumbnail.ts';
import type { App } from './app.ts';

/** Longest side of the small pictures in lists, in pixels. */
const THUMBNAIL_SIDE = 320;

/** Of a source that is to be looked at only now. */
const UNKNOWN_TYPE = 'application/octet-stream';

export interface PreparedInput {
  input: FileRef;
  thumbnail?: FileRef;
}

/** Reads the source, which must be what was planned (else source_changed), and stores it as the models shall see it. */
export async function prepareInput(
  app: Pick<App, 'files'>,
  batch: Pick<Batch, 'selection'>,
  item: Pick<Item, 'source' | 'contentHash'>,
  intake: Intake,
): Promise<PreparedInput> {
  const source = { uri: item.source, sha256: item.contentHash, mimeType: UNKNOWN_TYPE };
  const bytes = await app.files.open({ ...source, bytes: batch.selection.maxFileBytes });
  const { kind, mimeType } = await sniff(bytes);
  if (intake === 'bytes') return { input: inPlace(item, bytes, mimeType ?? 'text/plain') };
  if (intake === 'document' && kind === 'text') return { input: await prepareText(app, item, bytes) };
  if (intake === 'document' && kind === 'pdf') {
    checkPdf(bytes);
    return { input: inPlace(item, bytes, mimeType) };
  }
  const image = await normalizeImage(bytes);
  const size = { width: image.width, height: image.height };
  const isUntouched = image.changes.length === 0;
  const input = isUntouched
    ? { ...inPlace(item, bytes, image.mimeType), ...size }
    : await app.files.put(image.bytes, image.mimeType, size);
  return { input, thumbnail: await storeThumbnail(app, image.bytes) };
}

async function prepareText(
  app: Pick<App, 'files'>,
  item: Pick<Item, 'source' | 'contentHash'>,
  bytes: Uint8Array,
): Promise<FileRef> {
  const text = normalizeText(bytes);
  return text === bytes ? inPlace(item, bytes, 'text/plain') : await app.files.put(text, 'text/plain');
}

/** An input that needs no change is not copied: it is read where it lies, and proved by its hash each time. */
function inPlace(item: Pick<Item, 'source' | 'contentHash'>, bytes: Uint8Array, mimeType: string): FileRef {
  return { sha256: item.contentHash, mimeType, bytes: bytes.byteLength, uri: item.source };
}

/** A small WebP of a picture, stored. */
export async function storeThumbnail(app: Pick<App, 'files'>, picture: Uint8Array): Promise<FileRef> {
  const small = await thumbnail(picture, { longest: THUMBNAIL_SIDE });
  return await app.files.put(small.bytes, small.mimeType, { width: small.width, height: small.height });
}

const GATE_CODES: ReadonlySet<ErrorCode> = new Set([
  'empty_file',
  'file_too_large',
  'image_too_large',
  'not_an_image',
  'unsupported_format',
  'corrupt_image',
  'unreadable_file',
]);

/** True for what is wrong with the input itself: such an item is refused at the gate (`skipped`), not a failure of the work. */
export function isRefusedAtGate(code: ErrorCode): boolean {
  return GATE_CODES.has(code);
}
