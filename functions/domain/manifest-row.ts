import { safeName } from './safe-name.ts';

/** A row of a manifest: the pictures it names, and its other columns as they are carried into items. */
export interface ManifestRow {
  /** At least one. */
  paths: string[];
  /** What the catalogue calls the product (`id`, `sku`, …). */
  id?: string;
  columns: Record<string, string>;
}

/** Inputs that may be manifests. */
export const MANIFEST_NAME = /\.(csv|tsv|jsonl?|ndjson)$/i;

/** Columns that may name the picture; the first that is filled does. Case, blanks, `_` and `-` do not matter. */
const PATH_COLUMNS = [
  'path',
  'paths',
  'file',
  'files',
  'filepath',
  'filename',
  'image',
  'images',
  'imagepath',
  'imagepaths',
  'imagefile',
  'imagefilename',
  'imageuri',
  'uri',
  'gcsuri',
  'localimagepath',
  'localimagepaths',
  'imageurl',
];

const ID_COLUMNS = ['id', 'sku', 'productid', 'itemid'];

/** True if one of these columns may name pictures. */
export function hasPathColumn(columns: readonly string[]): boolean {
  return columns.some((column) => PATH_COLUMNS.includes(plain(column)));
}

/** True for a text that by itself reads like a file and not like a sentence. */
export function isLikePath(text: string): boolean {
  return /\.\w{2,5}$/.test(text.trim());
}

/** A row as it was parsed: an object, or the path alone. A problem is worded to follow the number of the line. */
export function manifestRow(value: unknown): ManifestRow | { problem: string; columns: Record<string, string> } {
  if (typeof value === 'string') return checked({ paths: [value], columns: {} });
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { problem: `it is ${nameOf(value)}, neither an object nor a path`, columns: {} };
  }
  const cells = Object.entries(value).map(([key, cell]) => ({ key, cell, plain: plain(key) }));
  const filled = cells.filter(({ cell }) => !isBlank(cell));
  const first = (names: readonly string[]) =>
    names.map((name) => filled.find((cell) => cell.plain === name)).find((cell) => cell !== undefined);
  const source = first(PATH_COLUMNS);
  const others = cells.filter(
    (cell) => cell !== source && (!PATH_COLUMNS.includes(cell.plain) || filled.includes(cell)),
  );
  const columns = Object.fromEntries(others.map(({ key, cell }) => [columnName(key), textOf(cell)]));
  if (source === undefined) return { problem: 'it names no file', columns };
  const paths = pathsOf(source.cell);
  if (paths === undefined) {
    return {
      problem: `its column ${source.key} is ${nameOf(source.cell)}, neither a path nor a list of paths`,
      columns,
    };
  }
  const id = first(ID_COLUMNS);
  return checked({ paths, columns, ...(id !== undefined && { id: textOf(id.cell) }) });
}

/** The wished name of an item: the row's id with the ending of the file, numbered from the second picture of a row on. */
export function rowItemName(row: ManifestRow, index: number): string {
  const path = row.paths[index] ?? '';
  if (row.id === undefined) return safeName(path);
  const number = index === 0 ? '' : `-${index + 1}`;
  const ending = /\.\w{1,8}$/.exec(path)?.[0] ?? '';
  return safeName(`${row.id.replaceAll('/', '_')}${number}${ending}`);
}

function checked(row: ManifestRow): ReturnType<typeof manifestRow> {
  const paths = row.paths.map((path) => path.trim());
  if (paths.every((path) => path !== '') && paths.length > 0) return { ...row, paths };
  return { problem: 'it names no file', columns: row.columns };
}

/** A path, a list of paths, or such a list as JSON in one cell. */
function pathsOf(cell: unknown): string[] | undefined {
  if (Array.isArray(cell)) return cell.every((path) => typeof path === 'string') ? cell : undefined;
  if (typeof cell !== 'string') return undefined;
  if (!cell.trim().startsWith('[')) return [cell];
  try {
    return pathsOf(JSON.parse(cell));
  } catch {
    // A file may be called `[1].jpg`.
    return [cell];
  }
}

function textOf(cell: unknown): string {
  if (cell === null || cell === undefined) return '';
  return typeof cell === 'object' ? JSON.stringify(cell) : String(cell);
}

function isBlank(cell: unknown): boolean {
  return textOf(cell).trim() === '' || (Array.isArray(cell) && cell.length === 0);
}

/** `__proto__` would be no member but the object's kind. */
function columnName(key: string): string {
  return key === '__proto__' ? '_proto_' : key;
}

function plain(column: string): string {
  return column.toLowerCase().replace(/[\s_-]/g, '');
}

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
