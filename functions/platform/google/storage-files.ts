import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { File, FileMetadata, Storage, StorageOptions } from '@google-cloud/storage';
import { ProofsheetError } from '../../domain/errors.ts';
import type { FileRef } from '../../domain/model-call.ts';
import { ownMark } from '../../domain/own-mark.ts';
import { sha256 } from '../../lib/hash.ts';
import type { FileContent, Files } from '../ports.ts';
import { storageClient } from './storage-client.ts';
import { httpStatus, isBucketMissing, readError, writeError } from './storage-errors.ts';
import { listObjects } from './storage-listing.ts';
import { upload } from './storage-upload.ts';
import { joinUri, type ObjectPlace, parseObjectUri, writablePlace } from './storage-uri.ts';

export interface StorageFilesOptions {
  /** Where `put` keeps objects: `gs://bucket/prefix/ab/<sha256>`. */
  objects: { bucket: string; prefix: string };
  /** Where results go, as gs://…: the first folder below it is a batch's id, and the batch's objects are marked with it. */
  results?: string;
  client?: StorageOptions;
}

interface Context {
  storage: () => Promise<Storage>;
  options: StorageFilesOptions;
}

/** How often an object is looked at when it is replaced between a look and what follows. */
const LOOKS = 3;

const unzip = promisify(gunzip);

/**
 * Files in Cloud Storage; every URI is gs://bucket/name. A URI to read may end in `#generation`: then that version is meant
 * and no other. All that is written carries the mark of `ownMark`. Objects appear whole or not at all, and are durable
 * once a write resolves.
 */
export function storageFiles(options: StorageFilesOptions): Files {
  const context = { storage: storageClient(options.client), options };
  return {
    list: async (root, page) => listObjects(await context.storage(), root, page),
    read: async (uri, { maxBytes }) => readBounded(context, uri, maxBytes),
    async write(uri, content, mimeType) {
      await writeObject(context, uri, content, { mimeType });
    },
    create: async (uri, content, mimeType) => createObject(context, uri, content, mimeType),
    async put(bytes, mimeType, size) {
      const file: FileRef = { sha256: sha256(bytes), mimeType, bytes: bytes.byteLength, ...size };
      const marks = { sha256: file.sha256 };
      // Whoever stored it before stored the same bytes.
      await writeObject(context, storedUri(options, file), bytes, { mimeType, marks, onlyNew: true });
      return file;
    },
    open: async (file) => openStored(context, file),
    copy: async (file, uri) => copyStored(context, file, uri),
    async remove(uri) {
      const object = await objectAt(context, writablePlace(uri));
      await object.delete({ ignoreNotFound: true }).catch((error: unknown) => {
        throw writeError(error, uri);
      });
    },
    join: (base, ...names) => joinUri(base, names),
  };
}

async function objectAt({ storage }: Context, { bucket, name, generation }: ObjectPlace): Promise<File> {
  return (await storage()).bucket(bucket).file(name, generation === undefined ? {} : { generation });
}

async function readBounded(context: Context, uri: string, maxBytes: number): Promise<Uint8Array> {
  const place = parseObjectUri(uri);
  try {
    const object = await objectAt(context, place);
    for (let look = 1; ; look++) {
      const [{ size, generation, contentEncoding }] = await object.getMetadata();
      if (Number(size) > maxBytes) throw tooLarge(uri, `${size}`, maxBytes);
      const bytes = await download(context, { ...place, generation: `${generation}` }).catch((error: unknown) => {
        if (httpStatus(error) === 404 && place.generation === undefined && look < LOOKS) return undefined;
        throw error;
      });
      if (bytes !== undefined) return contentEncoding === 'gzip' ? await unzipBounded(uri, bytes, maxBytes) : bytes;
    }
  } catch (error) {
    if (httpStatus(error) === 404 && place.generation !== undefined)
      throw await lostVersion(context, uri, place, error);
    throw readError(error, uri);
  }
}

/** One version, compared with its checksum. As it is stored: the client library would unpack without a bound. */
async function download(context: Context, version: ObjectPlace): Promise<Uint8Array> {
  const [bytes] = await (await objectAt(context, version)).download({ decompress: false });
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
  context: Context,
  uri: string,
  { bucket, name }: ObjectPlace,
  cause: unknown,
): Promise<ProofsheetError> {
  const [isReplaced] = await (await objectAt(context, { bucket, name })).exists().catch((error: unknown) => {
    throw readError(error, uri);
  });
  if (!isReplaced) return readError(cause, uri);
  return new ProofsheetError('source_changed', `${uri} was replaced; run again to take the new version.`, { cause });
}

interface Writing {
  mimeType: string;
  /** Metadata beside the own mark. */
  marks?: Record<string, string>;
  /** Never replaces. */
  onlyNew?: boolean;
}

/** False if `onlyNew` is asked for and there is an object. */
async function writeObject(context: Context, uri: string, content: FileContent, writing: Writing): Promise<boolean> {
  return await upload(await objectAt(context, writablePlace(uri)), content, {
    contentType: writing.mimeType,
    metadata: { ...ownMark(batchIdOf(context.options, uri)), ...writing.marks },
    ...(writing.onlyNew && { preconditionOpts: { ifGenerationMatch: 0 } }),
  });
}

/** The answer to a first try can be lost, and the second finds an object: it is told by a mark whether it is the own one. */
async function createObject(context: Context, uri: string, content: FileContent, mimeType: string): Promise<boolean> {
  const creation = randomUUID();
  if (await writeObject(context, uri, content, { mimeType, marks: { creation }, onlyNew: true })) return true;
  const there = await metadataOf(await objectAt(context, writablePlace(uri)), uri);
  return there?.metadata?.creation === creation;
}

async function metadataOf(object: File, uri: string): Promise<FileMetadata | undefined> {
  try {
    const [metadata] = await object.getMetadata();
    return metadata;
  } catch (error) {
    if (httpStatus(error) === 404) return undefined;
    throw writeError(error, uri);
  }
}

async function openStored({ storage, options }: Context, file: FileRef): Promise<Uint8Array> {
  const uri = storedUri(options, file);
  const bytes = await readBounded({ storage, options }, uri, file.bytes).catch((thrown: unknown) => {
    const error = readError(thrown, uri);
    throw error.code === 'file_missing' || error.code === 'file_too_large' ? missingObject(uri, error) : error;
  });
  if (bytes.byteLength !== file.bytes) throw missingObject(uri, undefined);
  return bytes;
}

/**
 * A copy within the service. Results are rendered again and again, and every new version raises an event and is kept for a
 * while by soft deletion; so a copy that is there is left alone.
 */
async function copyStored(context: Context, file: FileRef, uri: string): Promise<void> {
  const from = storedUri(context.options, file);
  const [source, target] = [await objectAt(context, parseObjectUri(from)), await objectAt(context, writablePlace(uri))];
  const metadata = { ...ownMark(batchIdOf(context.options, uri)), sha256: file.sha256 };
  let ifGenerationMatch: number | string = 0;
  for (let look = 1; ; look++) {
    try {
      await source.copy(target, { contentType: file.mimeType, metadata, preconditionOpts: { ifGenerationMatch } });
      return;
    } catch (error) {
      if (httpStatus(error) === 404 && !isBucketMissing(error)) throw missingObject(from, error);
      if (httpStatus(error) !== 412 || look === LOOKS) throw writeError(error, uri);
    }
    const there = await metadataOf(target, uri);
    if (there?.metadata?.sha256 === file.sha256 && there.contentType === file.mimeType) return;
    ifGenerationMatch = there?.generation ?? 0;
  }
}

function storedUri({ objects: { bucket, prefix } }: StorageFilesOptions, file: FileRef): string {
  return joinUri(`gs://${bucket}/${prefix}`, [file.sha256.slice(0, 2), file.sha256]);
}

function batchIdOf({ results }: StorageFilesOptions, uri: string): string | undefined {
  if (results === undefined) return undefined;
  const root = `${joinUri(results, [])}/`;
  if (!uri.startsWith(root)) return undefined;
  const [batchId, ...rest] = uri.slice(root.length).split('/');
  return rest.length === 0 ? undefined : batchId;
}

function missingObject(uri: string, cause: unknown): ProofsheetError {
  return new ProofsheetError(
    'storage',
    `The stored object ${uri} is missing or damaged; restore it or run again with --force.`,
    { cause },
  );
}
