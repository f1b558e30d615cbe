import { hash } from 'node:crypto';

/** SHA-256 of text or bytes, as 64 lower-case hex digits. */
export function sha256(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex');
}

const contentHashes = new WeakMap<Uint8Array, string>();

/** SHA-256 of bytes that nobody changes any more: of the same array it is computed once. */
export function contentHash(bytes: Uint8Array): string {
  const known = contentHashes.get(bytes);
  if (known !== undefined) return known;
  const computed = sha256(bytes);
  contentHashes.set(bytes, computed);
  return computed;
}

/** Hash of a JSON value that does not depend on the order of object keys; `undefined` members do not count. */
export function hashOf(value: unknown): string {
  return sha256(canonicalJson(value));
}

/** JSON text with sorted object keys and no white space, so that equal values give equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((entry) => canonicalJson(entry ?? null)).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}
