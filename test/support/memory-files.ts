import { posix } from 'node:path';
import { ProofsheetError } from '../../functions/domain/errors.ts';
import { sha256 } from '../../functions/lib/hash.ts';
import type { FileContent, Files } from '../../functions/platform/ports.ts';

/** Files in memory, without waiting for a disk: `inputs` by absolute path, and whatever is written. */
export function memoryFiles(inputs: Readonly<Record<string, string>>): Files & { written: Map<string, Uint8Array> } {
  const written = new Map<string, Uint8Array>();
  const objects = new Map<string, Uint8Array>();
  const below = (root: string) => Object.keys(inputs).filter((uri) => uri === root || uri.startsWith(`${root}/`));
  const found = <T>(value: T | undefined, what: string): T => {
    if (value === undefined) throw new ProofsheetError('file_missing', `${what} is not there.`);
    return value;
  };
  const write = async (uri: string, content: FileContent): Promise<void> => {
    written.set(uri, await bytesOf(content));
  };
  return {
    written,
    async list(root, { after = '', limit }) {
      const uris = below(root).sort();
      found(uris[0], root);
      const page = uris.filter((uri) => uri > after).slice(0, limit);
      return page.map((uri) => ({
        uri,
        path: posix.relative(root, uri),
        bytes: inputs[uri]?.length ?? 0,
        modifiedAt: 0,
      }));
    },
    read: async (uri) => Buffer.from(found(inputs[uri], uri)),
    readPart: async (uri, { start, maxBytes }) =>
      Buffer.from(found(inputs[uri], uri)).subarray(start, start + maxBytes),
    write,
    async create(uri, content) {
      if (written.has(uri)) return false;
      await write(uri, content);
      return true;
    },
    async put(bytes, mimeType) {
      const file = { sha256: sha256(bytes), mimeType, bytes: bytes.length };
      objects.set(file.sha256, bytes);
      return file;
    },
    has: async (digest) => objects.has(digest),
    open: async (file) => {
      if (file.uri !== undefined) return Buffer.from(found(inputs[file.uri], file.uri));
      return found(objects.get(file.sha256), file.sha256);
    },
    copy: async (file, uri) => void written.set(uri, found(objects.get(file.sha256), file.sha256)),
    remove: async (uri) => void written.delete(uri),
    join: (base, ...names) => posix.join(base, ...names),
  };
}

async function bytesOf(content: FileContent): Promise<Uint8Array> {
  if (typeof content === 'string' || content instanceof Uint8Array) return Buffer.from(content);
  const pieces: Buffer[] = [];
  for await (const piece of content) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}
