import type { Item } from './batch.ts';

/** The column that every item has: the folder or prefix that its file lies in. */
export const FOLDER_COLUMN = 'folder';

/** The group of an item: its value in a column; undefined for one that has nothing there. */
export function groupOf(item: Pick<Item, 'metadata' | 'source'>, column: string): string | undefined {
  const value = item.metadata[column];
  if (value !== undefined && value !== '') return value;
  return column === FOLDER_COLUMN ? item.source.slice(0, item.source.lastIndexOf('/')) : undefined;
}
