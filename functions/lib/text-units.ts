import { isUtf8 } from 'node:buffer';
import { decodeText, type TextEncoding } from './text-encoding.ts';

/** How the signs of a text lie in a file that is read in parts. */
export type TextUnits = 'bytes' | 'utf-16le' | 'utf-16be';

/** The units of a text by its first bytes, and where it begins behind a byte order mark. */
export function textUnitsOf(head: Uint8Array): { units: TextUnits; start: number } {
  const [a, b, c] = head;
  if (a === 0xef && b === 0xbb && c === 0xbf) return { units: 'bytes', start: 3 };
  if (a === 0xff && b === 0xfe) return { units: 'utf-16le', start: 2 };
  if (a === 0xfe && b === 0xff) return { units: 'utf-16be', start: 2 };
  // Without a mark: tables and JSON begin with a plain sign, half of which is zero in UTF-16.
  if (a !== 0 && b === 0) return { units: 'utf-16le', start: 0 };
  if (a === 0 && b !== 0) return { units: 'utf-16be', start: 0 };
  return { units: 'bytes', start: 0 };
}

export function unitWidth(units: TextUnits): 1 | 2 {
  return units === 'bytes' ? 1 : 2;
}

/** The unit at a position within the bytes. */
export function unitAt(bytes: Uint8Array, at: number, units: TextUnits): number {
  const [first = 0, second = 0] = [bytes[at], bytes[at + 1]];
  if (units === 'bytes') return first;
  return units === 'utf-16le' ? first | (second << 8) : (first << 8) | second;
}

/** A piece of the text; bytes that are not UTF-8 are taken for Windows-1252, which spreadsheets write in many countries. */
export function unitsText(bytes: Uint8Array, units: TextUnits): string {
  const encoding: TextEncoding = units !== 'bytes' ? units : isUtf8(bytes) ? 'utf-8' : 'windows-1252';
  return decodeText(bytes, encoding);
}
