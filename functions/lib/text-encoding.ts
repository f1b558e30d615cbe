import { isUtf8 } from 'node:buffer';

export type TextEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

/** How much of a file is looked at where all of it need not be. */
const SAMPLE_BYTES = 65_536;

/** Above this share of letters beyond ASCII a text without a mark is in no western encoding, and a guess would spoil it. */
const MOST_HIGH = 0.4;

/** Above this share of zero bytes on one side of every pair a text is in UTF-16: most scripts have many characters below U+0100. */
const LEAST_ZEROS = 0.3;

/** Controls that stand in no text: all but tabs, line ends and form feeds. */
const CONTROL = /(?![\t\n\f\r])\p{Cc}/u;
const MAY_STAND = new Set([0x09, 0x0a, 0x0c, 0x0d]);

/** Bytes that windows-1252, which holds Latin-1, leaves undefined. */
const UNDEFINED = new Set([0x81, 0x8d, 0x8f, 0x90, 0x9d]);

/**
 * Encoding of a text: UTF-8, UTF-16 with or without a byte order mark, or Latin-1 as Windows writes it. Undefined for
 * everything else: binary files, and texts whose encoding could only be guessed.
 */
export function textEncodingOf(bytes: Uint8Array): TextEncoding | undefined {
  if (bytes.length === 0) return undefined;
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return isUtf16(bytes, 'utf-16le') ? 'utf-16le' : undefined;
  if (first === 0xfe && second === 0xff) return isUtf16(bytes, 'utf-16be') ? 'utf-16be' : undefined;
  if (!bytes.includes(0)) return isUtf8(bytes) ? 'utf-8' : westernEncoding(bytes);
  const silent = silentUtf16(bytes);
  return silent !== undefined && isUtf16(bytes, silent) ? silent : undefined;
}

/** The text without its byte order mark. */
export function decodeText(bytes: Uint8Array, encoding: TextEncoding): string {
  return new TextDecoder(encoding).decode(bytes);
}

function isUtf16(bytes: Uint8Array, encoding: 'utf-16le' | 'utf-16be'): boolean {
  if (bytes.length % 2 !== 0) return false;
  try {
    const decoder = new TextDecoder(encoding, { fatal: true });
    return !CONTROL.test(decoder.decode(bytes.subarray(0, SAMPLE_BYTES), { stream: bytes.length > SAMPLE_BYTES }));
  } catch {
    return false;
  }
}

function silentUtf16(bytes: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  const length = Math.min(bytes.length, SAMPLE_BYTES);
  let even = 0;
  let odd = 0;
  for (let i = 0; i < length; i++) {
    if (bytes[i] !== 0) continue;
    if (i % 2 === 0) even += 1;
    else odd += 1;
    // Every picture comes by here, and shows within its first bytes that it is none.
    if (even > 0 && odd > 0) return undefined;
  }
  if (even + odd < (LEAST_ZEROS * length) / 2) return undefined;
  return odd > 0 ? 'utf-16le' : 'utf-16be';
}

function westernEncoding(bytes: Uint8Array): 'windows-1252' | undefined {
  let high = 0;
  for (const byte of bytes) {
    if ((byte < 0x20 && !MAY_STAND.has(byte)) || UNDEFINED.has(byte)) return undefined;
    if (byte >= 0x80) high += 1;
  }
  return high <= MOST_HIGH * bytes.length ? 'windows-1252' : undefined;
}
