import { ProofsheetError } from '../../domain/errors.ts';

/** A place in Cloud Storage. `name` is '' for the bucket itself. */
export interface ObjectPlace {
  bucket: string;
  name: string;
  /** The one version that is meant; without it, whatever is there. */
  generation?: string;
}

/**
 * Generations count microseconds since 1970 and so have 16 digits. A shorter number after the last `#` is part of a name;
 * a name that itself ends like a generation can only be told with its generation behind it.
 */
const GENERATION = /^([\s\S]*)#(\d{16,19})$/;

/** Takes `gs://bucket/name` or `gs://bucket/name#generation` apart. Errors: usage. */
export function parseObjectUri(uri: string): ObjectPlace {
  const [, bucket, rest = ''] = /^gs:\/\/([^/]+)(?:\/([\s\S]*))?$/.exec(uri) ?? [];
  if (bucket === undefined) {
    throw new ProofsheetError('usage', `${uri} is out of reach here; give a place like gs://bucket/folder.`);
  }
  const [, name, generation] = GENERATION.exec(rest) ?? [];
  if (name === undefined || generation === undefined) return { bucket, name: rest };
  return { bucket, name, generation };
}

/** The URI by which `parseObjectUri` finds the object again. */
export function objectUri(bucket: string, name: string, generation: string): string {
  const uri = `gs://${bucket}/${name}`;
  return GENERATION.test(name) ? `${uri}#${generation}` : uri;
}

/** A place that can be written: an object, not a version of it. Errors: usage. */
export function writablePlace(uri: string): ObjectPlace {
  const place = parseObjectUri(uri);
  if (place.name !== '' && place.generation === undefined) return place;
  throw new ProofsheetError('usage', `${uri} is no place for an object; leave out the #generation and name an object.`);
}

/** Joins as folders would; Cloud Storage itself knows no `..`, but its clients and the archives made of it do. */
export function joinUri(base: string, names: readonly string[]): string {
  const { bucket, name } = parseObjectUri(base);
  const path: string[] = [];
  for (const part of names.flatMap((one) => one.split('/'))) {
    if (part === '' || part === '.') continue;
    if (part !== '..') path.push(part);
    else if (path.pop() === undefined) throw leadsOut(base, names);
  }
  // Line ends are not allowed in names; a leading slash would be an absolute path anywhere else.
  if (names.some((one) => one.startsWith('/') || /[\r\n\0]/.test(one))) throw leadsOut(base, names);
  const root = name.replace(/\/+$/, '');
  return [`gs://${bucket}`, ...(root === '' ? [] : [root]), ...path].join('/');
}

function leadsOut(base: string, names: readonly string[]): ProofsheetError {
  return new ProofsheetError('usage', `The name ${JSON.stringify(names.join('/'))} leads out of ${base}; rename it.`);
}
