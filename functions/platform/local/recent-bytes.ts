/** What was read last, by place. An input is looked at and soon after sent; it need not come from the disk twice. */
export interface RecentBytes {
  /** Keeps what was only looked at if there is room: what was looked at before is needed sooner. */
  offer(path: string, bytes: Uint8Array, version: string): void;
  /** Keeps what is in use, in the place of what was used longest ago. */
  keep(path: string, bytes: Uint8Array, version: string): void;
  /** Undefined if it is not here, or not of this version. */
  find(path: string, version: string | undefined): Uint8Array | undefined;
}

/** Keeps up to `capacity` bytes; a file of more than an eighth of that is not worth pushing the others out. */
export function recentBytes(capacity: number): RecentBytes {
  const entries = new Map<string, { bytes: Uint8Array; version: string }>();
  let held = 0;
  function drop(path: string): void {
    held -= entries.get(path)?.bytes.byteLength ?? 0;
    entries.delete(path);
  }
  function add(path: string, bytes: Uint8Array, version: string): void {
    if (bytes.byteLength > capacity / 8) return;
    entries.set(path, { bytes, version });
    held += bytes.byteLength;
  }
  return {
    offer(path, bytes, version) {
      drop(path);
      if (held + bytes.byteLength <= capacity) add(path, bytes, version);
    },
    keep(path, bytes, version) {
      drop(path);
      add(path, bytes, version);
      for (const oldest of entries.keys()) {
        if (held <= capacity) return;
        drop(oldest);
      }
    },
    find(path, version) {
      const entry = entries.get(path);
      if (entry === undefined || entry.version !== version) return undefined;
      // What is asked for again stays longest.
      entries.delete(path);
      entries.set(path, entry);
      return entry.bytes;
    },
  };
}
