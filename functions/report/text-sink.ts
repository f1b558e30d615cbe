import { PassThrough } from 'node:stream';
import type { Files } from '../platform/ports.ts';

/** A file that is written while its text is being made; several of them grow side by side in one walk over the items. */
export interface TextSink {
  /** Resolves when there is room for more, and fails as soon as the file cannot be written. */
  add(text: string): Promise<void>;
  /** Resolves when the whole file is in place. */
  end(): Promise<void>;
  /** Gives the file up; nothing is put in place. */
  abort(reason: unknown): Promise<void>;
}

const FLUSH_CHARACTERS = 64 * 1024;

export function openTextSink(files: Files, uri: string, mimeType: string): TextSink {
  const stream = new PassThrough({ highWaterMark: 4 * FLUSH_CHARACTERS });
  // An abort can come before the writer reads; the writer meets the error when it does.
  stream.on('error', () => undefined);
  const written = files.write(uri, stream, mimeType);
  // Whoever adds or ends sees the failure; without this it would count as unhandled in between.
  written.catch(() => stream.destroy());
  let pending: string[] = [];
  let length = 0;

  async function flush(): Promise<void> {
    const text = pending.join('');
    pending = [];
    length = 0;
    if (stream.destroyed) await written;
    if (text === '' || stream.write(text)) return;
    const roomy = Promise.withResolvers<void>();
    stream.once('drain', roomy.resolve);
    await Promise.race([roomy.promise, written]);
    stream.off('drain', roomy.resolve);
  }

  return {
    async add(text) {
      pending.push(text);
      length += text.length;
      if (length >= FLUSH_CHARACTERS) await flush();
    },
    async end() {
      await flush();
      stream.end();
      await written;
    },
    async abort(reason) {
      stream.destroy(reason instanceof Error ? reason : new Error(String(reason)));
      await written.catch(() => undefined);
    },
  };
}
