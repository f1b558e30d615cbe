import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { File, Storage } from '@google-cloud/storage';
import { ProofsheetError } from '../../domain/errors.ts';
import { backoffMs } from '../../domain/retry.ts';
import { objectAt } from './storage-client.ts';
import { httpStatus, isPassing, readError } from './storage-errors.ts';
import { type ObjectPlace, parseObjectUri } from './storage-uri.ts';

/** How often an object is looked at when it is replaced between the look and the download. */
const LOOKS = 3;
const DOWNLOADS = 4;

/** Largest content of an object with `Content-Encoding: gzip` of which parts are read. */
const MAX_UNZIPPED = 64 * 1024 * 1024;

interface Part {
  start: number;
  end: number;
}

type LibraryRequest = ReturnType<File['interceptors'][number]['request']>;

const unzip = promisify(gunzip);

/**
 * An object's bytes, at most `maxBytes` of them; the version of the URI if it names one. Errors: file_missing,
 * source_changed (another version took the place of the named one), unreadable_file, file_too_large.
 */
export async function readObject(storage: Storage, uri: string, maxBytes: number): Promise<Uint8Array> {
  return await withVersion(storage, uri, async ({ version, size, isGzip }) => {
    if (size > maxBytes) throw tooLarge(uri, `${size}`, maxBytes);
    const bytes = await download(storage, version);
    return isGzip ? await unzipBounded(uri, bytes, maxBytes) : bytes;
  });
}

/** The bytes from `start` on, at most `maxBytes` of them. Errors as `readObject`. */
export async function readObjectPart(
  storage: Storage,
  uri: string,
  { start, maxBytes }: { start: number; maxBytes: number },
): Promise<Uint8Array> {
  return await withVersion(storage, uri, async ({ version, size, isGzip }) => {
    if (isGzip) {
      // Compressed bytes can be read from the beginning only.
      if (size > MAX_UNZIPPED) throw tooLarge(uri, `${size}`, MAX_UNZIPPED);
      const bytes = await unzipBounded(uri, await download(storage, version), MAX_UNZIPPED);
      return bytes.subarray(start, start + maxBytes);
    }
    const end = Math.min(size, start + maxBytes);
    return start >= end ? new Uint8Array() : await download(storage, version, { start, end });
  });
}

interface Version {
  version: ObjectPlace;
  size: number;
  /** Stored compressed, and meant to be read unpacked. */
  isGzip: boolean;
}

/** Looks which version there is and works with it; once more if it is replaced in between. */
async function withVersion<T>(storage: Storage, uri: string, work: (found: Version) => Promise<T>): Promise<T> {
  const place = parseObjectUri(uri);
  try {
    const object = objectAt(storage, place);
    for (let look = 1; ; look++) {
      const [{ size, generation, contentEncoding }] = await object.getMetadata();
      const version = { ...place, generation: `${generation}` };
      const isGzip = contentEncoding === 'gzip';
      const result = await work({ version, size: Number(size), isGzip }).then(
        (value) => ({ value }),
        (error: unknown) => {
          if (httpStatus(error) === 404 && place.generation === undefined && look < LOOKS) return undefined;
          throw error;
        },
      );
      if (result !== undefined) return result.value;
    }
  } catch (error) {
    if (httpStatus(error) === 404 && place.generation !== undefined)
      throw await lostVersion(storage, uri, place, error);
    throw readError(error, uri);
  }
}

/** Repeats what failed for the moment, also a download that broke off in the middle, which the client library does not. */
async function download(storage: Storage, version: ObjectPlace, part?: Part): Promise<Uint8Array> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await downloadOnce(storage, version, part);
    } catch (error) {
      if (attempt === DOWNLOADS || !isPassing(error)) throw error;
      await sleep(backoffMs({ baseMs: 500, n: attempt, random: Math.random() }));
    }
  }
}

/**
 * One version, compared with its checksum, or a part of it, compared with its length. As it is stored: the client library
 * would unpack without a bound.
 */
async function downloadOnce(storage: Storage, version: ObjectPlace, part: Part | undefined): Promise<Uint8Array> {
  const object = objectAt(storage, version);
  // When the client library repeats a download, its first try throws where nobody can catch it.
  object.interceptors.push({ request: (request: LibraryRequest) => ({ ...request, maxRetries: 0 }) });
  // The library's `end` is the last byte, ours the one behind it.
  const range = part && { start: part.start, end: part.end - 1 };
  const stream = object.createReadStream({ decompress: false, ...range });
  // The layers of the client library listen to a response more than ten times, which Node takes for a leak.
  stream.on('response', (response: Readable) => response.setMaxListeners(30));
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  if (part !== undefined && bytes.length !== part.end - part.start) throw new Error('the download broke off');
  return bytes;
}

async function unzipBounded(uri: string, bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  try {
    return await unzip(bytes, { maxOutputLength: maxBytes });
  } catch (cause) {
    if (cause instanceof RangeError) throw tooLarge(uri, 'more', maxBytes);
    throw new ProofsheetError('unreadable_file', `${uri} is said to be gzip and is not; upload it again.`, { cause });
  }
}

function tooLarge(uri: string, bytes: string, maxBytes: number): ProofsheetError {
  return new ProofsheetError(
    'file_too_large',
    `${uri} has ${bytes} bytes, ${maxBytes} are allowed; raise --max-file-size or shrink it.`,
  );
}

/** A version is gone because another took its place (source_changed) or because the object was deleted (file_missing). */
async function lostVersion(
  storage: Storage,
  uri: string,
  { bucket, name }: ObjectPlace,
  cause: unknown,
): Promise<ProofsheetError> {
  const [isReplaced] = await objectAt(storage, { bucket, name })
    .exists()
    .catch((error: unknown) => {
      throw readError(error, uri);
    });
  if (!isReplaced) return readError(cause, uri);
  return new ProofsheetError('source_changed', `${uri} was replaced; run again to take the new version.`, { cause });
}
