import type { ObjectResource } from './storage-resource.ts';

export interface Listing {
  prefix?: string | undefined;
  startOffset?: string | undefined;
  endOffset?: string | undefined;
  delimiter?: string | undefined;
  pageToken?: string | undefined;
  maxResults?: number | undefined;
}

export interface Listed {
  items: ObjectResource[];
  prefixes: string[];
  nextPageToken?: string;
}

/**
 * A page of a bucket. `names` are all names in order; `resourceOf` gives an object by name. A page counts objects and
 * prefixes, and its token names the last of them.
 */
export function listObjects(
  names: readonly string[],
  resourceOf: (name: string) => ObjectResource | undefined,
  { prefix = '', startOffset = '', endOffset, delimiter, pageToken, maxResults }: Listing,
): Listed {
  const limit = Math.min(maxResults ?? 1000, 1000);
  const after = pageToken === undefined ? '' : Buffer.from(pageToken, 'base64url').toString();
  const items: ObjectResource[] = [];
  const prefixes = new Set<string>();
  let last = '';
  for (let at = firstFrom(names, [prefix, startOffset, after].sort(byBytes).at(-1) ?? ''); at < names.length; at++) {
    const name = names[at] ?? '';
    if (!name.startsWith(prefix) || (endOffset !== undefined && byBytes(name, endOffset) >= 0)) break;
    const cut = delimiter === undefined ? -1 : name.indexOf(delimiter, prefix.length);
    const group = cut === -1 ? undefined : name.slice(0, cut + (delimiter ?? '').length);
    const key = group ?? name;
    if (prefixes.has(key) || (after !== '' && byBytes(key, after) <= 0)) continue;
    if (items.length + prefixes.size === limit) {
      return { items, prefixes: [...prefixes], nextPageToken: Buffer.from(last).toString('base64url') };
    }
    const resource = resourceOf(name);
    if (group !== undefined) prefixes.add(group);
    else if (resource !== undefined) items.push(resource);
    last = key;
  }
  return { items, prefixes: [...prefixes] };
}

/** Names are ordered by their UTF-8 bytes. */
export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Index of the first name that is not before `name`. */
function firstFrom(names: readonly string[], name: string): number {
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (byBytes(names[middle] ?? '', name) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
