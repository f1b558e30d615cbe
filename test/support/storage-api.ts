import { gunzipSync } from 'node:zlib';
import type { Listing } from './storage-listing.ts';
import type { ObjectStore } from './storage-objects.ts';
import { type Conditions, type GivenMetadata, type ObjectResource, StorageFailure } from './storage-resource.ts';
import { type UploadRequest, uploadDesk } from './storage-uploads.ts';

/** A request whose body has arrived, or as much of it as will. */
export interface Request extends UploadRequest {
  url: URL;
  origin: string;
}
/** Objects are sent as JSON. */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: Buffer | string | object;
}

const NOT_A_CALL: StorageFailure = new StorageFailure(404, 'notFound', 'Not Found');

/** The JSON API on a store. Nothing is awaited between looking and acting, so that conditions hold. */
export function apiDesk(
  store: ObjectStore,
  finalized: (resource: ObjectResource) => void,
): (request: Request) => Answer {
  const upload = uploadDesk(store, conditionsOf);
  return (request) => attempt(() => route(request));

  function route(request: Request): Answer {
    const { method, url } = request;
    // With STORAGE_EMULATOR_HOST the client leaves `/storage/v1` out.
    const path = url.pathname.replace(/^\/download(?=\/)/, '').replace(/^\/storage\/v1(?=\/)/, '');
    const [, uploadBucket] = /^\/(?:resumable\/)?upload\/storage\/v1\/b\/([^/]+)\/o\/?$/.exec(path) ?? [];
    if (uploadBucket !== undefined) return uploadAnswer(upload(decodeURIComponent(uploadBucket), request));
    const parts = path.split('/').slice(1).map(decodeURIComponent);
    const [b, bucket, o, name, action, , toBucket, , toName] = parts;
    if (b !== 'b') throw NOT_A_CALL;
    if (bucket === undefined || bucket === '') return buckets(store, request);
    if (o === undefined) return bucketAnswer(store, bucket, method);
    if (o !== 'o') throw NOT_A_CALL;
    if (name === undefined || name === '') return { status: 200, body: listing(store, bucket, request.query) };
    if (toBucket !== undefined && toName !== undefined && (action === 'rewriteTo' || action === 'copyTo')) {
      const resource = copied(store, { bucket, name }, { bucket: toBucket, name: toName }, request);
      finalized(resource);
      const { size } = resource;
      const rewrite = { kind: 'storage#rewriteResponse', totalBytesRewritten: size, objectSize: size, done: true };
      return { status: 200, body: action === 'copyTo' ? resource : { ...rewrite, resource } };
    }
    if (action !== undefined) throw NOT_A_CALL;
    return objectAnswer(store, bucket, name, request);

    function uploadAnswer(made: ReturnType<typeof upload>): Answer {
      if (made.kind === 'cancelled') return { status: 499 };
      if (made.kind === 'session') {
        const location = `${request.origin}${url.pathname}?uploadType=resumable&upload_id=${made.id}`;
        return { status: 200, headers: { location } };
      }
      if (made.kind === 'incomplete') {
        return { status: 308, headers: made.received === 0 ? {} : { range: `bytes=0-${made.received - 1}` } };
      }
      finalized(made.resource);
      return { status: 200, body: made.resource };
    }
  }
}

function attempt(answer: () => Answer): Answer {
  try {
    return answer();
  } catch (error) {
    if (error instanceof StorageFailure) return failureAnswer(error);
    if (error instanceof SyntaxError) return failureAnswer(new StorageFailure(400, 'parseError', error.message));
    throw error;
  }
}

/** An error as the API writes it. */
export function failureAnswer({ status, reason, message }: StorageFailure): Answer {
  if (status === 304) return { status };
  return { status, body: { error: { code: status, message, errors: [{ message, domain: 'global', reason }] } } };
}

function buckets(store: ObjectStore, { method, bytes }: Request): Answer {
  if (method === 'POST')
    return { status: 200, body: bucketResource(store.createBucket(JSON.parse(bytes.toString()).name)) };
  const items = store.bucketNames().map((name) => bucketResource(store.bucket(name)));
  return { status: 200, body: { kind: 'storage#buckets', items } };
}

function bucketAnswer(store: ObjectStore, bucket: string, method: string): Answer {
  if (method === 'GET') return { status: 200, body: bucketResource(store.bucket(bucket)) };
  if (method !== 'DELETE') throw NOT_A_CALL;
  store.deleteBucket(bucket);
  return { status: 204 };
}

function bucketResource({ name, timeCreated }: { name: string; timeCreated: string }): object {
  return { kind: 'storage#bucket', id: name, name, timeCreated, location: 'US', storageClass: 'STANDARD' };
}

function listing(store: ObjectStore, bucket: string, query: URLSearchParams): object {
  const text = (name: keyof Listing) => query.get(name) ?? undefined;
  const { items, prefixes, nextPageToken } = store.list(bucket, {
    prefix: text('prefix'),
    startOffset: text('startOffset'),
    endOffset: text('endOffset'),
    delimiter: text('delimiter'),
    pageToken: text('pageToken'),
    maxResults: query.has('maxResults') ? Number(query.get('maxResults')) : undefined,
  });
  return selectFields(query.get('fields'), {
    kind: 'storage#objects',
    ...(nextPageToken !== undefined && { nextPageToken }),
    ...(prefixes.length > 0 && { prefixes }),
    ...(items.length > 0 && { items }),
  });
}

/** `items(name,size),prefixes` leaves the rest out; deeper selections are not known. */
function selectFields(fields: string | null, page: Record<string, unknown>): object {
  if (fields === null) return page;
  const pick = (from: object, names: readonly string[]) =>
    Object.fromEntries(Object.entries(from).filter(([name]) => names.includes(name)));
  const ofItems = /\bitems\(([^)]*)\)/.exec(fields)?.[1]?.split(',');
  const picked = pick(page, fields.replace(/\([^)]*\)/g, '').split(','));
  if (ofItems === undefined || !Array.isArray(picked.items)) return picked;
  return { ...picked, items: picked.items.map((item: object) => pick(item, ofItems)) };
}

interface Place {
  bucket: string;
  name: string;
}

/** A copy has the metadata that the request gives, or if it gives none, those of the source. */
function copied(store: ObjectStore, from: Place, to: Place, { query, bytes }: Request): ObjectResource {
  const source = store.get(from.bucket, from.name, query.get('sourceGeneration') ?? undefined);
  const given: GivenMetadata = bytes.length === 0 ? {} : JSON.parse(bytes.toString());
  const all = Object.keys(given).length > 0 ? given : { ...source };
  return store.insert(to.bucket, to.name, store.bytes(from.bucket, from.name), all, conditionsOf(query));
}

function objectAnswer(store: ObjectStore, bucket: string, name: string, request: Request): Answer {
  const { method, query, bytes } = request;
  const generation = query.get('generation') ?? undefined;
  const conditions = conditionsOf(query);
  if (method === 'DELETE') {
    store.remove(bucket, name, generation, conditions);
    return { status: 204 };
  }
  if (method === 'PATCH')
    return { status: 200, body: store.patch(bucket, name, JSON.parse(bytes.toString()), conditions) };
  if (method !== 'GET') throw NOT_A_CALL;
  const resource = store.get(bucket, name, generation);
  store.check(bucket, name, conditions, true);
  if (query.get('alt') !== 'media') return { status: 200, body: resource };
  return download(resource, store.bytes(bucket, name), request);
}

function download(resource: ObjectResource, stored: Buffer, { headers: asked }: Request): Answer {
  const isGzip = resource.contentEncoding === 'gzip';
  const asIs = !isGzip || /\bgzip\b/.test(asked['accept-encoding'] ?? '');
  const content = asIs ? stored : gunzipSync(stored);
  const headers = {
    'content-type': resource.contentType ?? 'application/octet-stream',
    'accept-ranges': 'bytes',
    etag: resource.etag,
    'x-goog-generation': resource.generation,
    'x-goog-metageneration': resource.metageneration,
    'x-goog-hash': `crc32c=${resource.crc32c},md5=${resource.md5Hash}`,
    'x-goog-stored-content-encoding': resource.contentEncoding ?? 'identity',
    'x-goog-stored-content-length': resource.size,
    ...(isGzip && asIs && { 'content-encoding': 'gzip' }),
  };
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(asked.range ?? '') ?? [];
  if (from === undefined || to === undefined || from + to === '') return { status: 200, headers, body: content };
  const start = from === '' ? Math.max(0, content.length - Number(to)) : Number(from);
  const end = from === '' || to === '' ? content.length - 1 : Math.min(Number(to), content.length - 1);
  if (start > end) return { status: 416, headers: { 'content-range': `bytes */${content.length}` } };
  const range = { 'content-range': `bytes ${start}-${end}/${content.length}` };
  return { status: 206, headers: { ...headers, ...range }, body: content.subarray(start, end + 1) };
}

function conditionsOf(query: URLSearchParams): Conditions {
  const names = ['ifGenerationMatch', 'ifGenerationNotMatch', 'ifMetagenerationMatch', 'ifMetagenerationNotMatch'];
  return Object.fromEntries(names.flatMap((name) => (query.has(name) ? [[name, query.get(name)]] : [])));
}
