import { hasPathColumn, isLikePath, manifestRow } from '../domain/manifest-row.ts';
import { listStart } from '../lib/json-list.ts';
import {
  countLines,
  type RecordFormat,
  readRecords,
  type TextPlace,
  type TextRecord,
  type TextSource,
} from '../lib/read-records.ts';
import { jsonElements, jsonLines, tableCells, tableRows, tableTexts } from '../lib/record-formats.ts';
import { type TextUnits, textUnitsOf, unitsText, unitWidth } from '../lib/text-units.ts';
import type { FileEntry } from '../platform/ports.ts';
import type { App } from './app.ts';

/** A list of pictures with data about each. */
export interface Manifest {
  uri: string;
  /** As people call it. */
  name: string;
  /** Changes with the file. */
  version: string;
  /** Of a table, which says them first. */
  columns?: readonly string[];
  /** Rows from a place on, or all of them. Rows that cannot be understood are among them, as problems. */
  rows(from?: TextPlace): AsyncGenerator<TextRecord<unknown>>;
}

/** Bytes read at a time. */
const BLOCK_BYTES = 256 * 1024;
/** The header of a table, or the beginning of a JSON list, is looked for in so much of the file. */
const HEAD_BYTES = 64 * 1024;
/** More is not read to find out whether the file is a manifest. */
const OPENING_BYTES = 1024 * 1024;
/** A JSON manifest is known by one of its first rows. */
const FIRST_ROWS = 20;

/** Keys under which a JSON object may hold the list. */
const LIST_KEYS = ['items', 'images', 'products'];
const DELIMITERS = [',', ';', '\t', '|'];

/** The file as a manifest, or in words why it is none. Its name says whether it is a table, its content everything else. */
export async function openManifest(app: Pick<App, 'files'>, entry: FileEntry): Promise<Manifest | { reason: string }> {
  const head = await app.files.readPart(entry.uri, { start: 0, maxBytes: HEAD_BYTES });
  const { units, start } = textUnitsOf(head);
  const read = (from: number) => app.files.readPart(entry.uri, { start: from, maxBytes: BLOCK_BYTES });
  const source: TextSource = { units, read };
  const opening = { units, read: async (from: number) => (from < OPENING_BYTES ? await read(from) : new Uint8Array()) };
  const text: Text = { source: opening, start, signs: signsOf(head.subarray(start), units) };
  const found = await (/\.[ct]sv$/i.test(entry.path) ? openTable(text) : openJson(text));
  if ('reason' in found) return found;
  const { format, first, columns } = found;
  return {
    uri: entry.uri,
    name: entry.path,
    version: `${entry.modifiedAt}-${entry.bytes}`,
    ...(columns && { columns }),
    rows: (from = first) => readRecords(source, format, from),
  };
}

interface Text {
  source: TextSource;
  /** Offset of the first sign. */
  start: number;
  /** The beginning of the text, one sign for each unit; only the plain ones among them are what they seem. */
  signs: string;
}
type Opened = { format: RecordFormat<unknown>; first: TextPlace; columns?: string[] } | { reason: string };

function signsOf(head: Uint8Array, units: TextUnits): string {
  return units === 'bytes' ? Buffer.from(head).toString('latin1') : unitsText(head, units);
}

/** A table is one with a header that has a column for paths, whatever its delimiter. */
async function openTable({ source, start }: Text): Promise<Opened> {
  const lines = readRecords(source, tableTexts(DELIMITERS.join('')), { offset: start, line: 1 });
  let { value: header } = await lines.next();
  // Spreadsheets write this line for one another.
  const [, said] = /^\s*"?sep=(.)"?\s*$/i.exec(textOf(header)) ?? [];
  if (said !== undefined) ({ value: header } = await lines.next());
  const tables = (said === undefined ? DELIMITERS : [said]).flatMap((delimiter) => {
    const columns = distinct(tableCells(textOf(header), delimiter) ?? []);
    return hasPathColumn(columns) ? [{ delimiter, columns }] : [];
  });
  const [table] = tables.toSorted((a, b) => b.columns.length - a.columns.length);
  if (header === undefined || table === undefined) {
    return { reason: 'its first line names no column for the file of a row, such as path, file or image' };
  }
  const format = tableRows(table.delimiter, table.columns);
  return header.next === undefined
    ? { reason: 'it has no rows' }
    : { format, first: header.next, columns: table.columns };
}

function textOf(record: TextRecord<string> | undefined): string {
  return record !== undefined && 'value' in record ? record.value : '';
}

/** Columns without a name get one, and so do those whose name is taken. */
function distinct(columns: readonly string[]): string[] {
  const taken = new Set<string>();
  for (const [index, column] of columns.entries()) {
    const name = column === '' ? `column ${index + 1}` : column;
    let free = name;
    for (let n = 2; taken.has(free); n++) free = `${name} ${n}`;
    taken.add(free);
  }
  return [...taken];
}

async function openJson({ source, start, signs }: Text): Promise<Opened> {
  const at = listStart(signs, LIST_KEYS);
  const format = at === undefined || isJsonOnLines(signs) ? jsonLines() : jsonElements();
  const behind = format.unclosed === undefined ? 0 : (at ?? 0);
  const first = { offset: start + behind * unitWidth(source.units), line: 1 + countLines(signs.slice(0, behind)) };
  let seen = 0;
  for await (const row of readRecords(source, format, first)) {
    if ('value' in row && namesFile(row.value)) return { format, first };
    seen += 1;
    if (seen === FIRST_ROWS) break;
  }
  const keys = LIST_KEYS.join(', ');
  return {
    reason: `none of its first rows names a file (as a path, or as an object with path, file or image; a list stands alone or under ${keys})`,
  };
}

/** True when the first line is a whole object, and not all there is. */
function isJsonOnLines(signs: string): boolean {
  const [first = '', ...others] = signs.trimStart().split(/\r\n|\r|\n/);
  if (!first.startsWith('{') || others.every((line) => line.trim() === '')) return false;
  try {
    JSON.parse(first);
    return true;
  } catch {
    return false;
  }
}

function namesFile(value: unknown): boolean {
  return typeof value === 'string' ? isLikePath(value) : 'paths' in manifestRow(value);
}
