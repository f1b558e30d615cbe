import { realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { inputRoot } from '../domain/input-root.ts';

/** A place that may be read, or why there is none. */
type Place = { place: string } | { problem: string };

/**
 * Places of this machine that clients of the API may name: files, folders and globs below certain folders, given in full or from
 * the first of these on. Nothing hidden, nothing of proofsheet's own, and nothing that a link leads to elsewhere.
 */
export function localPlaces(of: {
  roots: readonly string[];
  own: readonly string[];
}): (text: string) => Promise<Place> {
  const allowed = of.roots.join(', ');
  return async (text) => {
    const refused = { problem: `${text} is no place that may be read (allowed: ${allowed}).` };
    const place = resolve(of.roots[0] ?? '.', text);
    const root = of.roots.find((folder) => isIn(place, folder));
    if (/^[a-z][a-z0-9+.-]*:/i.test(text) || text.includes('\0') || root === undefined) return refused;
    const names = relative(root, place).split(sep);
    if (names.some((name) => name.startsWith('.')) || of.own.some((folder) => isIn(place, folder))) return refused;
    const leadsOut = await Promise.all([place, inputRoot(place).root].map((path) => isElsewhere(path, of.roots)));
    return leadsOut.includes(true) ? refused : { place };
  };
}

/** Whether an address can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** What is not there leads nowhere. */
async function isElsewhere(path: string, roots: readonly string[]): Promise<boolean> {
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined) return false;
  const places = await Promise.all(roots.map((root) => realpath(root).catch(() => root)));
  return !places.some((root) => isIn(real, root));
}

function isIn(path: string, folder: string): boolean {
  const rest = relative(folder, path);
  return rest === '' || (rest !== '..' && !rest.startsWith(`..${sep}`) && !isAbsolute(rest));
}
