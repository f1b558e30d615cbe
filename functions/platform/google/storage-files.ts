import { randomUUID } from 'node:crypto';
import type { File, FileMetadata, Storage, StorageOptions } from '@google-cloud/storage';
import { ProofsheetError } from '../../domain/errors.ts';
import type { FileRef } from '../../domain/model-call.ts';
import { ownMark } from '../../domain/own-mark.ts';
import { contentHash, sha256 } from '../../lib/hash.ts';
import type { FileContent, Files } from '../ports.ts';
import { objectAt, storageClient, withDeadline } from './storage-client.ts';
import { httpStatus, isBucketMissing, readError, writeError } from './storage-errors.ts';
import { listObjects } from './storage-listing.ts';
import { readObject, readObjectPart } from './storage-read.ts';
import { upload } from './storage-upload.ts';
import { joinUri, parseObjectUri, writablePlace } from './storage-uri.ts';

export interface StorageFilesOptions {
  /** Where `put` keeps objects: `gs://bucket/prefix/ab/<sha256>`. */
  objects: { bucket: string; prefix: string };
  /** Where results go, as gs://…: the first folder below it is a batch's id, and the batch's objects are marked with it. */
  results?: string;
  client?: StorageOptions;
  timeoutMs?: number;
}

interface Context {
  storage: Storage;
  options: StorageFilesOptions;
}

/** For one method, repeated requests included. */
const TIMEOUT_MS = 180_000;
/** How often a copy is tried when others write the same place at once. */
const LOOKS = 3;

/**
 * Files in Cloud Storage; every URI is gs://bucket/name. A URI to read may end in `#generation`: then that version is meant
 * and no other. All that is written carries the mark of `ownMark`. Objects appear whole or not at all, and are durable
 * once a write resolves.
 */
export function storageFiles(options: StorageFilesOptions): Files {
  const connect = storageClient(options.client);
  /** The work on one object, or its failure once the time is over. */
  async function inTime<T>(uri: string, work: (context: Context) => Promise<T>): Promise<T> {
    const context = { storage: await connect(), options };
    return await withDeadline(uri, options.timeoutMs ?? TIMEOUT_MS, work(context));
  }
  return {
    list: (root, page) => inTime(root, ({ storage }) => listObjects(storage, root, page)),
    read: (uri, { maxBytes }) => inTime(uri, ({ storage }) => readObject(storage, uri, maxBytes)),
    readPart: (uri, part) => inTime(uri, ({ storage }) => readObjectPart(storage, uri, part)),
    async write(uri, content, mimeType) {
      const work = (context: Context) => writeObject(context, uri, content, { mimeType });
      await (isWhole(content) ? inTime(uri, work) : work({ storage: await connect(), options }));
    },
    async create(uri, content, mimeType) {
      const work = (context: Context) => createObject(context, uri, content, mimeType);
      return await (isWhole(content) ? inTime(uri, work) : work({ storage: await connect(), options }));
    },
    async put(bytes, mimeType, size) {
      const file: FileRef = { sha256: sha256(bytes), mimeType, bytes: bytes.byteLength, ...size };
      const uri = storedUri(options, file);
      const marks = { sha256: file.sha256 };
      // Whoever stored it before stored the same bytes.
      await inTime(uri, (context) => writeObject(context, uri, bytes, { mimeType, marks, onlyNew: true }));
      return file;
    },
    async has(digest) {
      const uri = objectPlace(options, digest);
      return await inTime(uri, ({ storage }) => isThere(storage, uri));
    },
    open: (file) => inTime(storedUri(options, file), (context) => openStored(context, file)),
    copy: (file, uri) =>
      inTime(uri, (context) => (file.uri === undefined ? copyStored : copyInPlace)(context, file, uri)),
    remove: (uri) => inTime(uri, ({ storage }) => removeObject(storage, uri)),
    join: (base, ...names) => joinUri(base, names),
  };
}

/** A stream may take as long as whoever makes it. */
function isWhole(content: FileContent): boolean {
  return typeof content === 'string' || content instanceof Uint8Array;
}

async function removeObject(storage: Storage, uri: string): Promise<void> {
  const object = objectAt(storage, writablePlace(uri));
  await object.delete({ ignoreNotFound: true }).catch((error: unknown) => {
    throw writeError(error, uri);
  });
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
  return await upload(objectAt(context.storage, writablePlace(uri)), content, {
    contentType: writing.mimeType,
    metadata: { ...ownMark(batchIdOf(context.options, uri)), ...writing.marks },
    ...(writing.onlyNew && { preconditionOpts: { ifGenerationMatch: 0 } }),
  });
}

/** The answer to a first try can be lost, and the second finds an object: it is told by a mark whether it is the own one. */
async function createObject(context: Context, uri: string, content: FileContent, mimeType: string): Promise<boolean> {
  const creation = randomUUID();
  if (await writeObject(context, uri, content, { mimeType, marks: { creation }, onlyNew: true })) return true;
  const there = await metadataOf(objectAt(context.storage, writablePlace(uri)), uri);
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
  if (file.uri !== undefined) return await openInPlace(storage, file, uri);
  const bytes = await readObject(storage, uri, file.bytes).catch((thrown: unknown) => {
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
async function openInPlace(storage: Context['storage'], file: FileRef, uri: string): Promise<Uint8Array> {
  const bytes = await readObject(storage, uri, file.bytes).catch((thrown: unknown) => {
    const error = readError(thrown, uri);
    throw error.code === 'file_too_large' ? changedSource(uri) : error;
  });
  if (contentHash(bytes) !== file.sha256) throw changedSource(uri);
  return bytes;
}

function changedSource(uri: string): ProofsheetError {
  return new ProofsheetError(
    'source_changed',
    `${uri} was replaced while it was in work; run again to take the new version.`,
  );
}

async function copyStored(context: Context, file: FileRef, uri: string): Promise<void> {
  const from = storedUri(context.options, file);
  const source = objectAt(context.storage, parseObjectUri(from));
  const target = objectAt(context.storage, writablePlace(uri));
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

/** By way of this process, so that what arrives is proved to be what was meant. */
async function copyInPlace(context: Context, file: FileRef, uri: string): Promise<void> {
  const bytes = await openStored(context, file);
  await writeObject(context, uri, bytes, { mimeType: file.mimeType, marks: { sha256: file.sha256 } });
}

/** Where a stored file is. */
export function storedUri(options: Pick<StorageFilesOptions, 'objects'>, file: FileRef): string {
  return file.uri ?? objectPlace(options, file.sha256);
}

function objectPlace({ objects: { bucket, prefix } }: Pick<StorageFilesOptions, 'objects'>, digest: string): string {
  return joinUri(`gs://${bucket}/${prefix}`, [digest.slice(0, 2), digest]);
}

async function isThere(storage: Storage, uri: string): Promise<boolean> {
  const [exists] = await objectAt(storage, parseObjectUri(uri))
    .exists()
    .catch((error: unknown) => {
      throw readError(error, uri);
    });
  return exists;
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
