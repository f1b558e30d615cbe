/**
 * The file that a row of a manifest means, as a URI. Relative paths are relative to the manifest's folder; a bucket is left
 * neither upwards nor for this machine's disk. A problem is worded to follow the number of the line.
 */
export function resolveRowPath(manifest: string, path: string): { uri: string } | { problem: string } {
  const isRemote = manifest.startsWith('gs://');
  if (path.includes('\0')) return { problem: 'its path holds a zero byte' };
  if (path.startsWith('gs://')) return { uri: path };
  const local = /^file:\/\//i.test(path) ? fileUrlPath(path) : path;
  if (local === undefined || /^([a-z][a-z0-9+.-]+:\/\/|data:)/i.test(local)) {
    return { problem: `its path ${shown(path)} is an address, not a file; download it and name the file` };
  }
  // Manifests made on Windows.
  const plain = local.includes('/') ? local : local.replaceAll('\\', '/');
  if (!isRemote)
    return { uri: `/${normalized(plain.startsWith('/') ? plain : `${folderOf(manifest)}/${plain}`).join('/')}` };
  const [bucket = '', ...folder] = folderOf(manifest).slice('gs://'.length).split('/');
  if (plain.startsWith('/'))
    return { problem: `its path ${shown(path)} is one of a disk; write it from the manifest on, or as gs://…` };
  const parts = normalized(`${bucket}/${[...folder, plain].join('/')}`);
  if (parts[0] !== bucket) return { problem: `its path ${shown(path)} leads out of the bucket` };
  return { uri: `gs://${parts.join('/')}` };
}

/** True if the file is one of these places or below one. */
export function isBelow(uri: string, places: readonly string[]): boolean {
  return places.some((place) => uri === place || uri.startsWith(place.endsWith('/') ? place : `${place}/`));
}

/** As `isBelow`, and nothing on the way there is hidden: what begins with a dot is configuration and keys, which nobody lists either. */
export function isOpenBelow(uri: string, places: readonly string[]): boolean {
  return places.some((place) => isBelow(uri, [place]) && !uri.slice(place.length).split('/').some(isHidden));
}

function isHidden(name: string): boolean {
  return name.startsWith('.');
}

function folderOf(uri: string): string {
  return uri.slice(0, uri.lastIndexOf('/'));
}

function normalized(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts;
}

function fileUrlPath(url: string): string | undefined {
  try {
    return decodeURIComponent(new URL(url).pathname);
  } catch {
    return undefined;
  }
}

function shown(path: string): string {
  return path.length <= 120 ? path : `${path.slice(0, 119)}…`;
}
