import { parse as parseCsv } from 'csv-parse/sync';
import type { Parsed, RecordFormat, Scanner } from './read-records.ts';

const [QUOTE, BACKSLASH, NEWLINE, RETURN, SPACE, COMMA, LIST_END] = codesOf('"\\\n\r ,]');
const OPENING = codesOf('{[');
const CLOSING = codesOf('}]');
const LINE_END = /[\r\n]/;
const LONG_NUMBER = /\d{16}/;
/** As the library's types have it, without the source text that is given too. */
type Reviver = (key: string, value: unknown) => unknown;

/** Rows of a table as they stand, where the delimiter is only known to be one of these. */
export function tableTexts(delimiters: string): RecordFormat<string> {
  const codes = codesOf(delimiters);
  return { scanner: () => tableScanner(codes), parse: (value) => ({ value }) };
}

/** Rows of a table as an object of its columns. Quotes are as in RFC 4180, and tolerated within a cell. */
export function tableRows(delimiter: string, columns: readonly string[]): RecordFormat<Record<string, string>> {
  const codes = codesOf(delimiter);
  const rowOf = (text: string, relaxed: boolean) => tableRow(tableCells(text, delimiter, relaxed), columns, delimiter);
  return {
    scanner: () => tableScanner(codes),
    parse: (text) => rowOf(text, false),
    // A quote that is not closed would swallow the rows behind it: the first line alone, its quotes taken as they are.
    again: { scanner: () => endOfLine, parse: (text) => rowOf(text, true) },
  };
}

/** Cells of one row, without blanks around them; undefined when its quotes cannot be understood. */
export function tableCells(text: string, delimiter: string, relaxed = false): string[] | undefined {
  // Most rows, and far cheaper.
  if (!text.includes('"')) return text.split(delimiter).map((cell) => cell.trim());
  const plain = plainCells(text, delimiter);
  if (plain !== undefined) return plain;
  try {
    const options = { delimiter, trim: true, relax_quotes: relaxed, record_delimiter: ['\r\n', '\n', '\r'] };
    const rows: string[][] = parseCsv(text, options);
    return rows[0] ?? [];
  } catch {
    return undefined;
  }
}

/** Cells of a row whose quotes stand around whole cells, as most do; undefined for any other, which the library knows how to read. */
function plainCells(text: string, delimiter: string): string[] | undefined {
  const cells: string[] = [];
  for (let at = 0; ; ) {
    const end = text.indexOf(delimiter, at);
    const until = end < 0 ? text.length : end;
    const quote = text.indexOf('"', at);
    if (quote < 0 || quote > until) {
      const cell = text.slice(at, until);
      if (LINE_END.test(end < 0 ? cell.trimEnd() : cell)) return undefined;
      cells.push(cell.trim());
      if (end < 0) return cells;
      at = end + 1;
      continue;
    }
    const before = text.slice(at, quote);
    if (before.trim() !== '' || LINE_END.test(before)) return undefined;
    const close = closingQuote(text, quote + 1);
    if (close < 0) return undefined;
    const next = text.indexOf(delimiter, close);
    const behind = text.slice(close + 1, next < 0 ? text.length : next);
    if (behind !== '' && (next >= 0 || behind !== '\r')) return undefined;
    cells.push(text.slice(quote + 1, close).replaceAll('""', '"'));
    if (next < 0) return cells;
    at = next + 1;
  }
}

function closingQuote(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 2)) {
    if (text[at + 1] !== '"') return at;
  }
  return -1;
}

/** One JSON value on each line. */
export function jsonLines(): RecordFormat<unknown> {
  return { scanner: () => endOfLine, parse: parseJson };
}

/** Elements of a JSON array, from behind its bracket or behind a comma on. */
export function jsonElements(): RecordFormat<unknown> {
  return {
    scanner: jsonScanner,
    parse: parseJson,
    unclosed: 'the file ends before its list is closed; rows may be missing',
  };
}

const endOfLine: Scanner = (unit, following) =>
  unit === NEWLINE || (unit === RETURN && following !== NEWLINE) ? 'end' : 'within';

function tableScanner(delimiters: readonly number[]): Scanner {
  let isQuoted = false;
  let isFresh = true;
  return (unit, following) => {
    if (unit === QUOTE && (isQuoted || isFresh)) {
      isQuoted = !isQuoted;
      // The second of a pair opens again.
      isFresh = !isQuoted;
    } else if (!isQuoted) {
      if (endOfLine(unit, following) === 'end') return 'end';
      isFresh = delimiters.includes(unit) || (isFresh && unit === SPACE);
    }
    return 'within';
  };
}

function tableRow(
  cells: string[] | undefined,
  columns: readonly string[],
  delimiter: string,
): Parsed<Record<string, string>> | undefined {
  if (cells === undefined) return { problem: 'a quote is not closed, or stands where none may' };
  if (cells.every((cell) => cell === '')) return undefined;
  const [has, shall] = [cells.length, columns.length];
  if (has < shall) return { problem: `it has fewer cells (${has}) than the table has columns (${shall})` };
  if (cells.slice(shall).some((cell) => cell !== '')) {
    const sign = delimiter === '\t' ? 'a tab' : `"${delimiter}"`;
    const remedy = `put cells that hold ${sign} in quotes`;
    return { problem: `it has more cells (${has}) than the table has columns (${shall}); ${remedy}` };
  }
  return { value: Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? ''])) };
}

function jsonScanner(): Scanner {
  let depth = 0;
  let isString = false;
  let isEscaped = false;
  return (unit) => {
    if (isString) {
      // No string goes over lines: behind one that was not closed, reading begins anew.
      if (unit === NEWLINE) return 'end';
      if (unit === QUOTE && !isEscaped) isString = false;
      isEscaped = unit === BACKSLASH && !isEscaped;
      return 'within';
    }
    if (unit === QUOTE) isString = true;
    else if (OPENING.includes(unit)) depth += 1;
    else if (unit === LIST_END && depth === 0) return 'close';
    else if (CLOSING.includes(unit)) depth = Math.max(0, depth - 1);
    else if (unit === COMMA && depth === 0) return 'end';
    return 'within';
  };
}

function parseJson(text: string): Parsed<unknown> {
  try {
    const value = LONG_NUMBER.test(text) ? JSON.parse(text, withLongNumbers as Reviver) : JSON.parse(text);
    return { value };
  } catch {
    return { problem: 'it is no valid JSON' };
  }
}

/** Ids of 16 digits and more would lose their last ones as numbers, so they stay texts. */
function withLongNumbers(_key: string, value: unknown, { source }: { source?: string }): unknown {
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? source : value;
}

function codesOf(signs: string): number[] {
  return Array.from(signs, (sign) => sign.charCodeAt(0));
}
