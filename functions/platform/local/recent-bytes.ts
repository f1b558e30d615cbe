import type { FileRef } from '../../domain/model-call.ts';
import { contentHash } from '../../lib/hash.ts';

/** What was read last, by place. An input is looked at and soon after sent; it need not come from the disk twice. */
export interface RecentBytes {
  /** Keeps what was only looked at if there is room: what was looked at before is needed sooner. */
  offer(path: string, bytes: Uint8Array): void;
  /** Keeps what is in use, in the place of what was used longest ago. */
  keep(path: string, bytes: Uint8Array): void;
  /** The bytes that a file is known to hold; undefined if they are not here. */
  find(path: string, file: FileRef): Uint8Array | undefined;
}

/** Keeps up to `capacity` bytes; a file of more than an eighth of that is not worth pushing the others out. */
export function recentBytes(capacity: number): RecentBytes {
  const entries = new Map<string, Uint8Array>();
  let held = 0;
  function drop(path: string): void {
    held -= entries.get(path)?.byteLength ?? 0;
    entries.delete(path);
  }
  function add(path: string, bytes: Uint8Array): void {
    if (bytes.byteLength > capacity / 8) return;
    entries.set(path, bytes);
    held += bytes.byteLength;
  }
  return {
    offer(path, bytes) {
      drop(path);
      if (held + bytes.byteLength <= capacity) add(path, bytes);
    },
    keep(path, bytes) {
      drop(path);
      add(path, bytes);
      for (const oldest of entries.keys()) {
        if (held <= capacity) return;
        drop(oldest);
      }
    },
    find(path, file) {
      const bytes = entries.get(path);
      if (bytes === undefined || contentHash(bytes) !== file.sha256) return undefined;
      // What is asked for again stays longest.
      entries.delete(path);
      entries.set(path, bytes);
      return bytes;
    },
  };
}
