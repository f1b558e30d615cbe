import type { Storage } from '@google-cloud/storage';
import { z } from 'zod';
import { ProofsheetError } from '../../domain/errors.ts';
import { objectVersion } from '../../domain/object-event.ts';
import { isOwnOutput } from '../../domain/own-mark.ts';
import type { FileEntry, Files } from '../ports.ts';
import { httpStatus, readError } from './storage-errors.ts';
import { type ObjectPlace, objectUri, parseObjectUri } from './storage-uri.ts';

const MAX_PAGE = 1000;

const objectSchema = z.object({
  name: z.string(),
  size: z.coerce.number(),
  generation: z.string(),
  // Of this generation; `updated` changes with its metadata too.
  timeCreated: z.iso.datetime({ offset: true }),
  metadata: z.record(z.string(), z.string()).optional(),
});
const pageSchema = z.object({
  items: z.array(objectSchema).default([]),
  prefixes: z.array(z.string()).default([]),
  nextPageToken: z.string().optional(),
});

/**
 * Lists objects in the order of their names' UTF-8 bytes, which differs from that of JavaScript only for characters beyond
 * U+FFFF. A page begins at the name of the cursor and not at a page token, so it can be listed again at any time. A root
 * that is both a folder and an object is the folder.
 */
export async function listObjects(
  storage: Storage,
  root: string,
  page: Parameters<Files['list']>[1],
): Promise<FileEntry[]> {
  const place = parseObjectUri(root);
  try {
    if (place.generation !== undefined) return page.after === root ? [] : [await lookUp(storage, root, place)];
    const { found, isThere } = await listBelow(storage, place, page);
    if (isThere || page.after !== undefined || place.name === '') return found;
    return [await lookUp(storage, root, place)];
  } catch (error) {
    throw readError(error, root);
  }
}

/** `isThere` says whether there is anything below the folder, even if nothing of it is listed. */
async function listBelow(
  storage: Storage,
  { bucket, name }: ObjectPlace,
  { recursive, after, limit }: Parameters<Files['list']>[1],
): Promise<{ found: FileEntry[]; isThere: boolean }> {
  const prefix = name === '' || name.endsWith('/') ? name : `${name}/`;
  const last = after === undefined ? undefined : parseObjectUri(after).name;
  const found: FileEntry[] = [];
  let isThere = false;
  let pageToken: string | undefined;
  // The first page has room for the cursor itself. Those after it are needed when much is hidden.
  let maxResults = Math.min(MAX_PAGE, limit + 1);
  do {
    const [, , response] = await storage.bucket(bucket).getFiles({
      prefix,
      autoPaginate: false,
      maxResults,
      fields: 'items(name,size,generation,timeCreated,metadata),prefixes,nextPageToken',
      ...(last !== undefined && { startOffset: last }),
      ...(!recursive && { delimiter: '/' }),
      ...(pageToken !== undefined && { pageToken }),
    });
    const { items, prefixes, nextPageToken } = pageSchema.parse(response);
    isThere ||= items.length + prefixes.length > 0;
    for (const item of items) {
      const path = item.name.slice(prefix.length);
      if (item.name === last || isLeftOut(path)) continue;
      found.push({ uri: objectUri(bucket, item.name, item.generation), path, ...factsOf(bucket, item) });
    }
    pageToken = nextPageToken;
    maxResults = MAX_PAGE;
  } while (found.length < limit && pageToken !== undefined);
  return { found: found.slice(0, limit), isThere };
}

/** Hidden files and folders, and the objects by which consoles and Hadoop make folders visible. */
function isLeftOut(path: string): boolean {
  return path === '' || path.endsWith('/') || path.endsWith('_$folder$') || /(^|\/)\./.test(path);
}

async function lookUp(storage: Storage, root: string, { bucket, name, generation }: ObjectPlace): Promise<FileEntry> {
  const file = storage.bucket(bucket).file(name, generation === undefined ? {} : { generation });
  const [metadata] = await file.getMetadata().catch((error: unknown) => {
    if (httpStatus(error) !== 404) throw error;
    throw new ProofsheetError('file_missing', `There is nothing at ${root}; check the name.`, { cause: error });
  });
  return { uri: root, path: name.slice(name.lastIndexOf('/') + 1), ...factsOf(bucket, objectSchema.parse(metadata)) };
}

function factsOf(bucket: string, object: z.infer<typeof objectSchema>): Omit<FileEntry, 'uri' | 'path'> {
  const version = objectVersion({ bucket, ...object });
  const isOwn = isOwnOutput(object.metadata);
  return { bytes: object.size, modifiedAt: version.createdAt, version, ...(isOwn && { isOwn }) };
}
