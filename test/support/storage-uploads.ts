import { randomUUID } from 'node:crypto';
import type { ObjectStore } from './storage-objects.ts';
import { type Conditions, type GivenMetadata, type ObjectResource, StorageFailure } from './storage-resource.ts';

/** One request to `/upload/…`; `bytes` is what arrived, `isWhole` whether the connection lasted to its end. */
export interface UploadRequest {
  method: string;
  query: URLSearchParams;
  headers: Record<string, string | undefined>;
  bytes: Buffer;
  isWhole: boolean;
}
/** A finished object, or what a resumable upload answers in between. */
export type UploadAnswer =
  | { kind: 'object'; resource: ObjectResource }
  | { kind: 'session'; id: string }
  | { kind: 'incomplete'; received: number }
  | { kind: 'cancelled' };

interface Session {
  bucket: string;
  name: string;
  given: GivenMetadata;
  conditions: Conditions;
  chunks: Buffer[];
  received: number;
  resource?: ObjectResource;
}

const UNIT = 256 * 1024;

/** Media, multipart and resumable uploads. Nothing becomes an object before all of its bytes are there. */
export function uploadDesk(
  store: ObjectStore,
  conditionsOf: (query: URLSearchParams) => Conditions,
): (bucket: string, request: UploadRequest) => UploadAnswer {
  const sessions = new Map<string, Session>();

  function startSession(bucket: string, { query, headers, bytes }: UploadRequest): UploadAnswer {
    const given: GivenMetadata & { name?: string } = bytes.length === 0 ? {} : JSON.parse(bytes.toString());
    const type = given.contentType ?? headers['x-upload-content-type'] ?? 'application/octet-stream';
    const session: Session = {
      bucket,
      name: query.get('name') ?? given.name ?? '',
      given: { ...given, contentType: type },
      conditions: conditionsOf(query),
      chunks: [],
      received: 0,
    };
    store.check(bucket, session.name, session.conditions);
    const id = randomUUID();
    sessions.set(id, session);
    return { kind: 'session', id };
  }

  function finish(session: Session): UploadAnswer {
    const { bucket, name, given, conditions } = session;
    session.resource = store.insert(bucket, name, Buffer.concat(session.chunks), given, conditions);
    session.chunks = [];
    return { kind: 'object', resource: session.resource };
  }

  function continueSession(id: string, { method, headers, bytes, isWhole }: UploadRequest): UploadAnswer {
    const session = sessions.get(id);
    if (session === undefined) throw new StorageFailure(404, 'notFound', 'There is no such upload.');
    if (method === 'DELETE') {
      sessions.delete(id);
      return { kind: 'cancelled' };
    }
    if (session.resource !== undefined) return { kind: 'object', resource: session.resource };
    const { from, total } = rangeOf(headers['content-range']);
    if (from === undefined) {
      return total === session.received ? finish(session) : { kind: 'incomplete', received: session.received };
    }
    if (from > session.received) throw new StorageFailure(503, 'backendError', 'Bytes before these are missing.');
    const fresh = bytes.subarray(session.received - from);
    const isOpen = total === undefined && headers['content-range']?.startsWith('bytes 0-*') !== true;
    // Of a broken or an open-ended request only whole units are kept.
    const kept = isWhole && !isOpen ? fresh : fresh.subarray(0, fresh.length - (fresh.length % UNIT));
    if (isWhole && isOpen && kept.length !== fresh.length) {
      throw new StorageFailure(400, 'badRequest', `All chunks but the last must be multiples of ${UNIT} bytes.`);
    }
    session.chunks.push(kept);
    session.received += kept.length;
    if (!isWhole || isOpen) return { kind: 'incomplete', received: session.received };
    if (total !== undefined && total !== session.received) {
      throw new StorageFailure(400, 'badRequest', `${session.received} bytes are here, ${total} were announced.`);
    }
    return finish(session);
  }

  return (bucket, request) => {
    const { query, headers, bytes, isWhole } = request;
    const session = query.get('upload_id');
    if (session !== null) return continueSession(session, request);
    if (!isWhole) throw new StorageFailure(400, 'badRequest', 'The connection broke off.');
    const sums = announcedSums(headers['x-goog-hash']);
    switch (query.get('uploadType')) {
      case 'resumable':
        return startSession(bucket, request);
      case 'multipart': {
        const { given, content, contentType } = splitMultipart(headers['content-type'] ?? '', bytes);
        const name = query.get('name') ?? given.name ?? '';
        const all = { contentType, ...given, ...sums };
        return { kind: 'object', resource: store.insert(bucket, name, content, all, conditionsOf(query)) };
      }
      case 'media': {
        const all = { contentType: headers['content-type'] ?? 'application/octet-stream', ...sums };
        const resource = store.insert(bucket, query.get('name') ?? '', bytes, all, conditionsOf(query));
        return { kind: 'object', resource };
      }
      default:
        throw new StorageFailure(400, 'badRequest', 'uploadType must be media, multipart or resumable.');
    }
  };
}

/** `bytes 0-9/10`, `bytes 0-9/*` (more will come), `bytes 0-*\/*` (all there is), `bytes *\/10` and `bytes *\/*` (a question). */
function rangeOf(header = 'bytes 0-*/*'): { from?: number; total?: number } {
  const match = /^bytes (?:(\d+)-(?:\d+|\*)|\*)\/(\d+|\*)$/.exec(header);
  if (match === null) throw new StorageFailure(400, 'badRequest', `Content-Range ${header} cannot be understood.`);
  return {
    ...(match[1] !== undefined && { from: Number(match[1]) }),
    ...(match[2] !== '*' && { total: Number(match[2]) }),
  };
}

function announcedSums(header: string | undefined): Pick<GivenMetadata, 'md5Hash' | 'crc32c'> {
  const sums = new Map((header ?? '').split(',').map((sum) => [sum.split('=')[0]?.trim(), sum.replace(/^[^=]*=/, '')]));
  const [md5Hash, crc32c] = [sums.get('md5'), sums.get('crc32c')];
  return { ...(md5Hash !== undefined && { md5Hash }), ...(crc32c !== undefined && { crc32c }) };
}

interface Parts {
  given: GivenMetadata & { name?: string };
  content: Buffer;
  contentType: string;
}

/** `multipart/related`: a part of JSON and a part of content. */
function splitMultipart(contentType: string, bytes: Buffer): Parts {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1];
  const first = bytes.indexOf(`--${boundary}`);
  const second = bytes.indexOf(`\r\n--${boundary}`, first + 1);
  const end = bytes.lastIndexOf(`\r\n--${boundary}--`);
  if (boundary === undefined || first === -1 || second === -1 || end <= second) {
    throw new StorageFailure(400, 'badRequest', 'The multipart body cannot be understood.');
  }
  const json = splitPart(bytes.subarray(first, second));
  const content = splitPart(bytes.subarray(second + 2, end));
  const type = /^content-type:\s*(.*)$/im.exec(content.head)?.[1]?.trim() ?? 'application/octet-stream';
  return { given: JSON.parse(json.body.toString()), content: content.body, contentType: type };
}

function splitPart(part: Buffer): { head: string; body: Buffer } {
  const gap = part.indexOf('\r\n\r\n');
  return { head: part.subarray(0, gap).toString(), body: part.subarray(gap + 4) };
}
