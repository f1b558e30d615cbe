const QUOTE = '"';

/**
 * Where the elements of a JSON text's list begin, as an index behind its bracket: the text is the list itself, or an object
 * with the list under one of these keys. Undefined if it does not begin within the text, which may be cut off.
 */
export function listStart(text: string, keys: readonly string[]): number | undefined {
  let depth = 0;
  let key: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (sign === QUOTE) {
      const end = stringEnd(text, at);
      if (depth === 1) key = text.slice(at + 1, end);
      at = end;
    } else if (sign === '[' && (depth === 0 || (depth === 1 && keys.includes(key ?? '')))) return at + 1;
    else if (sign === '[' || sign === '{') depth += 1;
    else if (sign === ']' || sign === '}') depth -= 1;
    else if (sign === ',' && depth === 1) key = undefined;
    else if (depth === 0 && sign?.trim() !== '') return undefined;
  }
  return undefined;
}

/** Index of the quote that ends the string beginning at `start`, or of the end of the text. */
function stringEnd(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== QUOTE) at += text[at] === '\\' ? 2 : 1;
  return at;
}
