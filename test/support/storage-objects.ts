import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../../functions/lib/hash.ts';
import { byBytes, type Listed, type Listing, listObjects } from './storage-listing.ts';
import {
  applyMetadata,
  type Conditions,
  checkConditions,
  compareSums,
  describeObject,
  type GivenMetadata,
  type ObjectResource,
  refuseName,
  StorageFailure,
} from './storage-resource.ts';

/** `bytes` is the content or the path of its file. */
interface Stored {
  resource: ObjectResource;
  bytes: Buffer | string;
}

interface Bucket {
  timeCreated: string;
  objects: Map<string, Stored>;
  /** All names in order, once a listing asked for them. */
  order?: string[] | undefined;
}

export interface ObjectStore {
  createBucket(name: string): { name: string; timeCreated: string };
  bucket(name: string): { name: string; timeCreated: string };
  bucketNames(): string[];
  deleteBucket(name: string): void;
  get(bucket: string, name: string, generation?: string): ObjectResource;
  bytes(bucket: string, name: string, generation?: string): Buffer;
  /** Replaces the live object, if the conditions hold for it. */
  insert(bucket: string, name: string, bytes: Buffer, given: GivenMetadata, conditions: Conditions): ObjectResource;
  patch(bucket: string, name: string, given: GivenMetadata, conditions: Conditions): ObjectResource;
  remove(bucket: string, name: string, generation: string | undefined, conditions: Conditions): void;
  /** Throws 412 (304 for a read that asks for another state) unless the live object is as asked for. */
  check(bucket: string, name: string, conditions: Conditions, isRead?: boolean): void;
  list(bucket: string, listing: Listing): Listed;
}

/** Buckets without versioning, in memory or, with `dir`, as files that outlive the process. */
export function objectStore({ dir, now = Date.now }: { dir?: string | undefined; now?: () => number }): ObjectStore {
  const buckets = new Map<string, Bucket>();
  let lastGeneration = 0n;
  const timestamp = () => new Date(now()).toISOString();
  if (dir !== undefined) load(dir);

  function load(root: string): void {
    mkdirSync(root, { recursive: true });
    for (const bucket of readdirSync(root)) {
      const objects = new Map<string, Stored>();
      for (const file of readdirSync(join(root, bucket)).filter((name) => name.endsWith('.json'))) {
        const resource: ObjectResource = JSON.parse(readFileSync(join(root, bucket, file), 'utf8'));
        objects.set(resource.name, { resource, bytes: join(root, bucket, `${resource.generation}.bin`) });
        if (BigInt(resource.generation) > lastGeneration) lastGeneration = BigInt(resource.generation);
      }
      buckets.set(bucket, { timeCreated: timestamp(), objects });
    }
  }

  /** Microseconds since 1970, as the service has them; never the same twice. */
  function nextGeneration(): bigint {
    const micros = BigInt(now()) * 1000n;
    lastGeneration = micros > lastGeneration ? micros : lastGeneration + 1n;
    return lastGeneration;
  }

  function bucketOf(name: string): Bucket {
    const bucket = buckets.get(name);
    if (bucket === undefined) throw new StorageFailure(404, 'notFound', 'The specified bucket does not exist.');
    return bucket;
  }

  function stored(bucket: string, name: string, generation?: string): Stored {
    const found = bucketOf(bucket).objects.get(name);
    if (found === undefined || (generation !== undefined && generation !== found.resource.generation)) {
      const which = generation === undefined ? '' : `#${generation}`;
      throw new StorageFailure(404, 'notFound', `No such object: ${bucket}/${name}${which}`);
    }
    return found;
  }

  function check(bucket: string, name: string, conditions: Conditions, isRead = false): void {
    checkConditions(bucketOf(bucket).objects.get(name)?.resource, conditions, isRead);
  }

  function save(stored: Stored, before: Stored | undefined): void {
    const { resource } = stored;
    const bucket = bucketOf(resource.bucket);
    bucket.objects.set(resource.name, stored);
    if (before === undefined) bucket.order = undefined;
    if (dir === undefined) return;
    const path = join(dir, resource.bucket, `${fileName(resource.name)}.json`);
    if (stored.bytes instanceof Buffer) {
      const file = join(dir, resource.bucket, `${resource.generation}.bin`);
      writeFileSync(file, stored.bytes);
      stored.bytes = file;
    }
    writeFileSync(`${path}.new`, JSON.stringify(resource));
    renameSync(`${path}.new`, path);
    if (typeof before?.bytes === 'string' && before.bytes !== stored.bytes) rmSync(before.bytes, { force: true });
  }

  const read = ({ bytes }: Stored) => (typeof bytes === 'string' ? readFileSync(bytes) : bytes);

  return {
    createBucket(name) {
      if (buckets.has(name)) throw new StorageFailure(409, 'conflict', 'Your previous request to create it succeeded.');
      buckets.set(name, { timeCreated: timestamp(), objects: new Map() });
      if (dir !== undefined) mkdirSync(join(dir, name), { recursive: true });
      return { name, timeCreated: timestamp() };
    },
    bucket: (name) => ({ name, timeCreated: bucketOf(name).timeCreated }),
    bucketNames: () => [...buckets.keys()].sort(),
    deleteBucket(name) {
      if (bucketOf(name).objects.size > 0) {
        throw new StorageFailure(409, 'conflict', 'The bucket you tried to delete is not empty.');
      }
      buckets.delete(name);
      if (dir !== undefined) rmSync(join(dir, name), { recursive: true, force: true });
    },
    get: (bucket, name, generation) => stored(bucket, name, generation).resource,
    bytes: (bucket, name, generation) => read(stored(bucket, name, generation)),
    check,
    insert(bucket, name, bytes, given, conditions) {
      refuseName(name);
      check(bucket, name, conditions);
      const before = bucketOf(bucket).objects.get(name);
      const resource = describeObject(bucket, name, bytes, String(nextGeneration()), timestamp());
      compareSums(given, resource);
      applyMetadata(resource, given);
      save({ resource, bytes }, before);
      return resource;
    },
    patch(bucket, name, given, conditions) {
      const before = stored(bucket, name);
      check(bucket, name, conditions);
      const metageneration = String(Number(before.resource.metageneration) + 1);
      const resource = { ...before.resource, metageneration, updated: timestamp() };
      applyMetadata(resource, given);
      save({ resource, bytes: before.bytes }, before);
      return resource;
    },
    remove(bucket, name, generation, conditions) {
      const found = stored(bucket, name, generation);
      check(bucket, name, conditions);
      bucketOf(bucket).objects.delete(name);
      bucketOf(bucket).order = undefined;
      if (dir === undefined) return;
      rmSync(join(dir, bucket, `${fileName(name)}.json`), { force: true });
      if (typeof found.bytes === 'string') rmSync(found.bytes, { force: true });
    },
    list(name, listing) {
      const bucket = bucketOf(name);
      bucket.order ??= [...bucket.objects.keys()].sort(byBytes);
      return listObjects(bucket.order, (object) => bucket.objects.get(object)?.resource, listing);
    },
  };
}

/** A name can be longer than a file's may be. */
function fileName(objectName: string): string {
  return sha256(objectName);
}
