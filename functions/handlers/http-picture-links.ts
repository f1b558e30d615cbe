import type { Item } from '../domain/batch.ts';
import type { FileRef } from '../domain/model-call.ts';
import type { ItemDetail } from '../domain/outcome.ts';

/** The pictures of an item by the names that they have in addresses. Nothing else can be asked for. */
export function picturesOf(item: Item, detail: ItemDetail | undefined): Map<string, FileRef> {
  const pictures = new Map<string, FileRef>();
  const add = (name: string, file: FileRef | undefined): void => {
    if (file?.mimeType.startsWith('image/')) pictures.set(name, file);
  };
  add('thumbnail', item.summary?.thumbnail);
  add('reference', detail?.reference);
  add('reference-thumbnail', detail?.referenceThumbnail ?? item.summary?.referenceThumbnail);
  for (const { n, candidate } of detail?.outcome?.attempts ?? []) {
    add(`candidate-${n}`, candidate);
    add(`candidate-${n}-thumbnail`, detail?.candidateThumbnails[n]);
  }
  const result = detail?.outcome?.result;
  if (result?.kind === 'image') add('result', result.file);
  return pictures;
}

/** Addresses of an item's pictures. Each names the content, so that a browser may keep it for good. */
export function pictureLinks(item: Item, detail: ItemDetail | undefined): Record<string, string> {
  const links = [...picturesOf(item, detail)].map(([name, file]) => [name, linkOf(item, name, file)]);
  return Object.fromEntries(links);
}

export function thumbnailLink(item: Item): string | null {
  const thumbnail = item.summary?.thumbnail;
  return thumbnail === undefined ? null : linkOf(item, 'thumbnail', thumbnail);
}

/** The small picture of the input; null where there is none, or none but the thumbnail. */
export function referenceLink(item: Item): string | null {
  const thumbnail = item.summary?.referenceThumbnail;
  return thumbnail === undefined ? null : linkOf(item, 'reference-thumbnail', thumbnail);
}

/** What an address says of the content it was made for. */
export function versionOf({ sha256 }: FileRef): string {
  return sha256.slice(0, 16);
}

function linkOf({ batchId, id }: Item, name: string, file: FileRef): string {
  return `/api/batches/${encodeURIComponent(batchId)}/items/${encodeURIComponent(id)}/pictures/${name}?v=${versionOf(file)}`;
}
