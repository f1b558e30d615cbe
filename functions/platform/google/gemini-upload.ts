import { z } from 'zod';
import { ProofsheetError } from '../../domain/errors.ts';

/** Parts of an upload are multiples of 256 KiB. */
const PART_BYTES = 8 * 1024 * 1024;
/** How often a part that broke off is gone on with. */
const MOST_BREAKS = 5;

const uploadedSchema = z.object({ file: z.object({ name: z.string() }) });

interface Upload {
  /** Path of the API where uploads begin. */
  path: string;
  displayName: string;
  mimeType: string;
  bytes: number;
}

/**
 * The resumable upload of the Files API, part by part, so that no more than one is in memory; after a part that broke off it goes
 * on where the service says. Gives the file's name.
 */
export async function uploadInParts(
  { path, displayName, mimeType, bytes }: Upload,
  by: {
    /** Fails with ProofsheetError. */
    send(url: string, init: RequestInit): Promise<Response>;
    part(start: number, maxBytes: number): Promise<Uint8Array>;
  },
): Promise<string> {
  const begun = await by.send(path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'X-Goog-Upload-Protocol': 'resumable',
      'X-Goog-Upload-Command': 'start',
      'X-Goog-Upload-Header-Content-Length': String(bytes),
      'X-Goog-Upload-Header-Content-Type': mimeType,
    },
    body: JSON.stringify({ file: { displayName, mimeType } }),
  });
  const url = begun.headers.get('x-goog-upload-url');
  if (url === null) throw noUpload('did not say where to');
  let breaks = 0;
  for (let start = 0; ; ) {
    const part = await by.part(start, PART_BYTES);
    const isLast = start + part.length >= bytes;
    const command = isLast ? 'upload, finalize' : 'upload';
    try {
      const headers = { 'X-Goog-Upload-Command': command, 'X-Goog-Upload-Offset': String(start) };
      const answer = await by.send(url, { method: 'POST', headers, body: Buffer.from(part) });
      if (isLast) return uploadedSchema.parse(await answer.json()).file.name;
      start += part.length;
    } catch (thrown) {
      breaks += 1;
      const mayGoOn = thrown instanceof ProofsheetError && thrown.disposition === 'transient' && breaks <= MOST_BREAKS;
      if (!mayGoOn) throw thrown;
      start = await received(url, by.send);
    }
  }
}

async function received(url: string, send: (url: string, init: RequestInit) => Promise<Response>): Promise<number> {
  const answer = await send(url, { method: 'POST', headers: { 'X-Goog-Upload-Command': 'query' } });
  const isActive = answer.headers.get('x-goog-upload-status') === 'active';
  if (!isActive) throw noUpload('is over before its end');
  return Number(answer.headers.get('x-goog-upload-size-received') ?? 0);
}

function noUpload(what: string): ProofsheetError {
  const message = `The upload of a wave ${what}; it is begun again.`;
  return new ProofsheetError('bad_response', message, { disposition: 'transient' });
}
