import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

const LOOK_EVERY_MS = 1000;

/**
 * Uploads every file of a folder to a bucket, also those that come later or change, once they have stood still for a moment.
 * A look fails if the bucket does not answer; the next one makes up for it. Gives a function that ends it.
 */
export function mirrorFolder(folder: string, bucketUrl: string, told: (name: string) => void): () => void {
  mkdirSync(folder, { recursive: true });
  const seen = new Map<string, string>();
  const uploaded = new Map<string, string>();
  const look = async () => {
    for (const name of filesIn(folder)) {
      const { size, mtimeMs } = statSync(join(folder, name));
      const version = `${size} ${mtimeMs}`;
      const stoodStill = seen.get(name) === version;
      seen.set(name, version);
      if (!stoodStill || uploaded.get(name) === version) continue;
      await upload(bucketUrl, name.split(sep).join('/'), readFileSync(join(folder, name)));
      uploaded.set(name, version);
      told(name);
    }
  };
  let isLooking = false;
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    look()
      .catch(() => undefined)
      .finally(() => {
        isLooking = false;
      });
  }, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}

/** `bucketUrl` is the address of the server and the name of the bucket, such as `http://127.0.0.1:9023/inbox`. */
export async function upload(bucketUrl: string, name: string, bytes: Uint8Array): Promise<void> {
  const { origin, pathname } = new URL(bucketUrl);
  const place = `${origin}/upload/storage/v1/b${pathname}/o?uploadType=media&name=${encodeURIComponent(name)}`;
  const response = await fetch(place, { method: 'POST', body: Buffer.from(bytes) });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${bucketUrl} answered ${response.status} to ${name}`);
}

function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}
