import type { Item } from '../domain/batch.ts';
import type { ItemDetail } from '../domain/outcome.ts';

export type FileKind = 'image' | 'text' | 'pdf' | 'other';

const ENDINGS: readonly [RegExp, FileKind][] = [
  [/\.(jpe?g|jpe|jfif|png|apng|webp|gif|avif|tiff?|bmp|hei[cf]|svgz?)$/i, 'image'],
  [/\.(txt|text|md|markdown|csv|tsv|jsonl?|ndjson|html?|xml|ya?ml|log)$/i, 'text'],
  [/\.pdf$/i, 'pdf'],
];

/** What an item's file is: by its content where that was looked at, else by its name. */
export function fileKindOf({ name }: Pick<Item, 'name'>, detail: Pick<ItemDetail, 'inputType'> | undefined): FileKind {
  const type = detail?.inputType;
  if (type === undefined) return ENDINGS.find(([ending]) => ending.test(name))?.[1] ?? 'other';
  if (type === 'application/pdf') return 'pdf';
  const [kind] = type.split('/');
  return kind === 'image' || kind === 'text' ? kind : 'other';
}
