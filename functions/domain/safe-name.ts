/** Longest name in bytes of UTF-8; leaves room for what is added to it in an output folder (255 at most). */
const MAX_BYTES = 120;

/** Longest ending that counts as one, in bytes, with its dot. */
const MAX_ENDING_BYTES = 16;

/** Separators and signs that Windows refuses, controls, line and bidirectional controls, halves of surrogates. */
const FORBIDDEN = /[\\/<>:"|?*\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffd]/gu;

/** Device names of Windows, with any ending. */
const RESERVED = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\.|$)/i;

/**
 * The last part of a path or URI as a file name that Linux, macOS, Windows and archives take, at most 120 bytes and never
 * empty. Different paths can give the same name.
 */
export function safeName(path: string): string {
  const last = path.replace(/\/+$/, '').split('/').at(-1) ?? '';
  const clean = trimmed(last.toWellFormed().normalize('NFC').replace(FORBIDDEN, '_'));
  const { stem, ending } = split(clean === '' ? 'unnamed' : clean);
  return joined(RESERVED.test(clean) ? `_${stem}` : stem, ending);
}

/** The name with the first six digits of the id before its ending: `mug-3fa9c1.jpg`. Takes and gives a safe name. */
export function distinctName(name: string, id: string): string {
  const { stem, ending } = split(name);
  return joined(stem, `-${id.slice(0, 6)}${ending}`);
}

/** A leading dot hides a file, a leading dash is an option to a command; Windows drops dots and blanks at the end. */
function trimmed(name: string): string {
  return name.replace(/^[\s.-]+/, '').replace(/[\s.]+$/, '');
}

function split(name: string): { stem: string; ending: string } {
  const dot = name.lastIndexOf('.');
  const ending = dot > 0 ? name.slice(dot) : '';
  const isEnding = ending !== '' && !/\s/.test(ending) && Buffer.byteLength(ending) <= MAX_ENDING_BYTES;
  return isEnding ? { stem: name.slice(0, dot), ending } : { stem: name, ending: '' };
}

function joined(stem: string, rest: string): string {
  const room = MAX_BYTES - Buffer.byteLength(rest);
  if (Buffer.byteLength(stem) <= room) return stem + rest;
  let kept = '';
  let used = 0;
  for (const { segment } of new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(stem)) {
    used += Buffer.byteLength(segment);
    if (used > room) break;
    kept += segment;
  }
  return (trimmed(kept) || 'unnamed') + rest;
}
