import { createHash } from 'node:crypto';

/** An object resource of the JSON API; numbers are strings there. */
export interface ObjectResource {
  kind: 'storage#object';
  id: string;
  bucket: string;
  name: string;
  generation: string;
  metageneration: string;
  size: string;
  md5Hash: string;
  crc32c: string;
  etag: string;
  storageClass: 'STANDARD';
  timeCreated: string;
  updated: string;
  contentType?: string;
  contentEncoding?: string;
  cacheControl?: string;
  contentDisposition?: string;
  contentLanguage?: string;
  metadata?: Record<string, string>;
}

/** Members that a caller may set, and the checksums that he may ask to be compared. */
const SETTABLE = ['contentType', 'contentEncoding', 'cacheControl', 'contentDisposition', 'contentLanguage'] as const;
export interface GivenMetadata extends Partial<Record<(typeof SETTABLE)[number], string | null>> {
  metadata?: Record<string, string | null> | null;
  md5Hash?: string;
  crc32c?: string;
}

export type Conditions = Partial<
  Record<'ifGenerationMatch' | 'ifGenerationNotMatch' | 'ifMetagenerationMatch' | 'ifMetagenerationNotMatch', string>
>;

/** An answer other than 2xx, as the API words it. */
export class StorageFailure extends Error {
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** Refuses what the service refuses as a name. */
export function refuseName(name: string): void {
  const isWrong = name === '' || name === '.' || name === '..' || /[\r\n]/.test(name) || Buffer.byteLength(name) > 1024;
  if (isWrong) throw new StorageFailure(400, 'invalid', `Disallowed object name: ${JSON.stringify(name)}`);
}

/** The first state of a new generation. */
export function describeObject(
  bucket: string,
  name: string,
  bytes: Buffer,
  generation: string,
  at: string,
): ObjectResource {
  return {
    kind: 'storage#object',
    id: `${bucket}/${name}/${generation}`,
    bucket,
    name,
    generation,
    metageneration: '1',
    size: String(bytes.byteLength),
    md5Hash: createHash('md5').update(bytes).digest('base64'),
    crc32c: crc32c(bytes),
    etag: `${generation}/1`,
    storageClass: 'STANDARD',
    timeCreated: at,
    updated: at,
  };
}

/** Refuses an upload whose checksums are not the ones announced. */
export function compareSums(given: GivenMetadata, made: ObjectResource): void {
  for (const sum of ['md5Hash', 'crc32c'] as const) {
    if (given[sum] === undefined || given[sum] === made[sum]) continue;
    const message = `Provided ${sum} "${given[sum]}" doesn't match calculated ${sum} "${made[sum]}".`;
    throw new StorageFailure(400, 'invalid', message);
  }
}

/** Sets what was given; null takes a member away. */
export function applyMetadata(resource: ObjectResource, given: GivenMetadata): void {
  for (const member of SETTABLE) {
    const value = given[member];
    if (value === null) delete resource[member];
    else if (value !== undefined) resource[member] = value;
  }
  if (given.metadata === undefined) return;
  const merged = Object.entries({ ...resource.metadata, ...given.metadata }).flatMap(([key, value]) =>
    value === null ? [] : [[key, String(value)] as const],
  );
  if (given.metadata === null || merged.length === 0) delete resource.metadata;
  else resource.metadata = Object.fromEntries(merged);
}

/** Throws 412 (304 for a read that asks for another state) unless the object, if there is one, is as asked for. */
export function checkConditions(resource: ObjectResource | undefined, conditions: Conditions, isRead: boolean): void {
  const generation = resource?.generation ?? '0';
  const metageneration = resource?.metageneration;
  const { ifGenerationMatch, ifGenerationNotMatch, ifMetagenerationMatch, ifMetagenerationNotMatch } = conditions;
  const unequal =
    (ifGenerationMatch !== undefined && ifGenerationMatch !== generation) ||
    (ifMetagenerationMatch !== undefined && ifMetagenerationMatch !== metageneration);
  const equal =
    (ifGenerationNotMatch !== undefined && ifGenerationNotMatch === generation) ||
    (ifMetagenerationNotMatch !== undefined && ifMetagenerationNotMatch === metageneration);
  if (equal && isRead) throw new StorageFailure(304, 'notModified', 'Not Modified');
  if (unequal || equal) {
    const message = 'At least one of the pre-conditions you specified did not hold.';
    throw new StorageFailure(412, 'conditionNotMet', message);
  }
}

const CRC32C = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = (sum & 1) === 1 ? (sum >>> 1) ^ 0x82f63b78 : sum >>> 1;
  return sum >>> 0;
});

/** Castagnoli's sum, big-endian in base64. */
function crc32c(bytes: Buffer): string {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = (CRC32C[(sum ^ byte) & 255] ?? 0) ^ (sum >>> 8);
  const out = Buffer.alloc(4);
  out.writeUInt32BE((sum ^ 0xffffffff) >>> 0);
  return out.toString('base64');
}
