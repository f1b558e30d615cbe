import type { FileRef } from '../../domain/model-call.ts';
import { sha256 } from '../../lib/hash.ts';

/** What was read last, by place. An input is looked at and soon after sent; it need not come from the disk twice. */
export interface RecentBytes {
  keep(path: string, bytes: Uint8Array): void;
  /** The bytes that a file is known to hold; undefined if they are not here. */
  find(path: string, file: FileRef): Uint8Array | undefined;
}

/** Keeps up to `capacity` bytes; a file of more than an eighth of that is not worth pushing the others out. */
export function recentBytes(capacity: number): RecentBytes {
  const entries = new Map<string, { bytes: Uint8Array; hash?: string }>();
  let held = 0;
  function drop(path: string): void {
    held -= entries.get(path)?.bytes.byteLength ?? 0;
    entries.delete(path);
  }
  return {
    keep(path, bytes) {
      drop(path);
      if (bytes.byteLength > capacity / 8) return;
      entries.set(path, { bytes });
      held += bytes.byteLength;
      for (const oldest of entries.keys()) {
        if (held <= capacity) return;
        drop(oldest);
      }
    },
    find(path, file) {
      const entry = entries.get(path);
      if (entry === undefined) return undefined;
      entry.hash ??= sha256(entry.bytes);
      if (entry.hash !== file.sha256) return undefined;
      // What is asked for again stays longest.
      entries.delete(path);
      entries.set(path, entry);
      return entry.bytes;
    },
  };
}
