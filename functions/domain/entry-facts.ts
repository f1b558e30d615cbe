import { hashOf } from '../lib/hash.ts';
import type { EntryFacts } from './embedding.ts';

/** What columns of a row may be called, besides case, blanks, `_` and `-`. */
const COLUMNS = {
  title: ['title', 'name', 'producttitle', 'productname'],
  price: ['price', 'saleprice'],
  currency: ['currency'],
  brand: ['brand', 'vendor', 'manufacturer'],
  categories: ['categories', 'category', 'producttype', 'tags'],
  url: ['url', 'link', 'producturl', 'itemurl'],
  sku: ['id', 'sku', 'productid', 'itemid'],
};

/** An input as it is known to its batch. */
interface Described {
  name: string;
  /** Where the picture lies: an absolute path or a gs:// URI. */
  source: string;
  metadata: Readonly<Record<string, string>>;
}

/** What is known of a picture from its row, or from its file alone. */
export function entryFacts(item: Described, source: EntryFacts['source']): EntryFacts {
  const cells = new Map(Object.entries(item.metadata).map(([column, cell]) => [plain(column), cell.trim()]));
  const first = (names: readonly string[]) => names.map((name) => cells.get(name)).find((cell) => cell) ?? '';
  const url = first(COLUMNS.url);
  return {
    title: first(COLUMNS.title) || item.name.replace(/\.\w{1,8}$/, ''),
    price: priceOf(first(COLUMNS.price)),
    currency: first(COLUMNS.currency),
    brand: first(COLUMNS.brand),
    categories: listOf(first(COLUMNS.categories)),
    url: url || (item.source.startsWith('gs://') ? item.source : `file://${encodeURI(item.source)}`),
    path: item.source,
    source,
    sku: first(COLUMNS.sku),
  };
}

/**
 * The id of an entry follows from what the picture holds, and from the product it belongs to where a catalogue names that: a file that is moved
 * or renamed is the same entry, and two products with the same picture are two.
 */
export function entryId({ contentHash, facts }: { contentHash: string; facts: EntryFacts }): string {
  const { source, sku } = facts;
  return hashOf({ contentHash, source, sku }).slice(0, 24);
}

function plain(column: string): string {
  return column.toLowerCase().replace(/[\s_-]/g, '');
}

/** `19.99`, `$1,299.00`, `1.299,00 €`; null for what is no price. */
function priceOf(text: string): number | null {
  const digits = text.replace(/[^\d.,]/g, '');
  const decimals = /[.,](\d{1,2})$/.exec(digits)?.[1];
  const whole = (decimals === undefined ? digits : digits.slice(0, -decimals.length - 1)).replace(/[.,]/g, '');
  if (whole === '') return null;
  return Number(`${whole}.${decimals ?? 0}`);
}

/** A list as JSON, or words between commas. */
function listOf(text: string): string[] {
  const words = text.startsWith('[') ? jsonWords(text) : text.split(/[,;|]/);
  return words.map((word) => word.trim()).filter((word) => word !== '');
}

function jsonWords(text: string): string[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.map(String) : [text];
  } catch {
    return [text];
  }
}
