const HIDDEN = /(?![\t\n])[\p{Cc}\p{Bidi_Control}\u{FEFF}]/gu;
const FORMULA_START = /^[\s"']*[=+\-@\t\r\n\0＝＋－＠]/;
const MARKDOWN_SPECIAL = /[\\`*_[\]()<>|~#!&{}@]/g;
const XML_ILLEGAL = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu;
const XML_ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

/** Text as people may see it: without terminal escapes, invisible controls and marks that turn the reading direction. */
export function plainText(text: string): string {
  return text.toWellFormed().replaceAll('\r\n', '\n').replace(HIDDEN, '');
}

/** Plain text on one line. */
export function oneLine(text: string): string {
  return plainText(text).replace(/\s+/g, ' ').trim();
}

/**
 * One CSV cell (RFC 4180). A text that a spreadsheet would run as a formula gets a leading apostrophe; numbers come from
 * number types only and stay numbers, also negative ones.
 */
export function csvCell(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = value.toWellFormed().replaceAll('\0', '');
  const safe = FORMULA_START.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Markdown that shows exactly this text: no markup, no links (also none that GitHub would make by itself), one line. */
export function markdownLine(text: string): string {
  return oneLine(text)
    .replace(MARKDOWN_SPECIAL, '\\$&')
    .replace(/:\/\//g, '\\://')
    .replace(/\b(www)\./gi, '$1\\.')
    .replace(/^([-+=])/, '\\$1')
    .replace(/^(\d+)\./, '$1\\.');
}

/** As `markdownLine`, line breaks kept. */
export function markdownText(text: string): string {
  return plainText(text)
    .split('\n')
    .map((line) => markdownLine(line))
    .join('  \n')
    .trim();
}

/** Text for an XML element or attribute; characters that XML cannot hold are dropped. */
export function xmlText(text: string): string {
  return plainText(text)
    .replace(XML_ILLEGAL, '')
    .replace(/[&<>"']/g, (character) => XML_ENTITIES[character] ?? '');
}

/** A JSON value for a script file: also valid where a reader takes it for HTML or for old JavaScript. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
