import { createHash } from 'node:crypto';
import type { File, SaveData, SaveOptions } from '@google-cloud/storage';
import type { FileContent } from '../ports.ts';
import { httpStatus, writeError } from './storage-errors.ts';

/** Content up to this many bytes goes up in one request, which can be repeated as a whole. Also the size of a stream's chunks. */
const CHUNK_BYTES = 8 * 1024 * 1024;

export interface UploadOptions {
  contentType: string;
  /** Of the caller's own making, beside what the service has. */
  metadata: Record<string, string>;
  preconditionOpts?: { ifGenerationMatch: number };
}

/**
 * Makes an object of text, bytes or a stream, whole or not at all; false if its precondition does not hold. Longer streams
 * go up in chunks that are repeated one by one; so much of them is in memory. An error of the stream is thrown as it is.
 */
export async function upload(file: File, content: FileContent, options: UploadOptions): Promise<boolean> {
  if (typeof content === 'string' || content instanceof Uint8Array) return await uploadWhole(file, content, options);
  const source = content[Symbol.asyncIterator]();
  const { chunks, isWhole } = await gather(source);
  if (isWhole) return await uploadWhole(file, Buffer.concat(chunks), options);
  let broken: { error: unknown } | undefined;
  async function* stream(): AsyncGenerator<Buffer> {
    try {
      yield* chunks.splice(0);
      for (let next = await source.next(); next.done !== true; next = await source.next())
        yield Buffer.from(next.value);
    } catch (error) {
      broken = { error };
      throw error;
    } finally {
      await source.return?.();
    }
  }
  const { metadata, ...rest } = options;
  const chunked = { ...rest, resumable: true, chunkSize: CHUNK_BYTES, metadata: { metadata } };
  return await save(file, stream(), chunked).catch((error: unknown) => {
    throw broken === undefined ? error : broken.error;
  });
}

async function save(file: File, data: SaveData, options: SaveOptions): Promise<boolean> {
  try {
    await file.save(data, options);
    return true;
  } catch (error) {
    if (options.preconditionOpts !== undefined && httpStatus(error) === 412) return false;
    throw writeError(error, `gs://${file.bucket.name}/${file.name}`);
  }
}

/** The service compares the checksum before it makes the object; the client library would delete it afterwards. */
async function uploadWhole(file: File, content: string | Uint8Array, options: UploadOptions): Promise<boolean> {
  const { metadata, ...rest } = options;
  const md5Hash = createHash('md5').update(content).digest('base64');
  const bytes = typeof content === 'string' ? content : Buffer.from(content.buffer, content.byteOffset, content.length);
  return await save(file, bytes, { ...rest, resumable: false, validation: false, metadata: { md5Hash, metadata } });
}

/** Takes chunks until the stream ends or there is more than one request should hold. */
async function gather(source: AsyncIterator<string | Uint8Array>): Promise<{ chunks: Buffer[]; isWhole: boolean }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  while (bytes <= CHUNK_BYTES) {
    const next = await source.next();
    if (next.done === true) return { chunks, isWhole: true };
    const chunk = Buffer.from(next.value);
    chunks.push(chunk);
    bytes += chunk.length;
  }
  return { chunks, isWhole: false };
}
