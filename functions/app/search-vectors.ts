import type { EntryFacts, EntryFilter, FusionWeights, Keeping } from '../domain/embedding.ts';
import { normalized, vectorFromText } from '../domain/embedding.ts';
import { ProofsheetError } from '../domain/errors.ts';
import type { ModelRequest } from '../domain/model-call.ts';
import { sha256 } from '../lib/hash.ts';
import { searchPicture } from '../media/search-picture.ts';
import { thumbnail } from '../media/thumbnail.ts';
import type { Neighbour, VectorQuery } from '../platform/ports.ts';
import type { App } from './app.ts';

export interface SearchRequest {
  keeping: Keeping;
  /** A picture, words, or the picture of an entry that is there. */
  by: { picture: Uint8Array } | { text: string } | { entry: string };
  top: number;
  filter: EntryFilter;
  /** In place of those that are set. */
  weights?: FusionWeights;
}

export interface SearchResult {
  weights: FusionWeights;
  /** Words are compared with the semantic vectors alone. */
  hits: Neighbour[];
}

type Searching = Pick<App, 'models' | 'files' | 'vectors'>;

const TIMEOUT_MS = 60_000;
/** Longest side of the pictures in lists of hits, in pixels, and the largest file that is made into one. */
const SIDE = 320;
const MOST_BYTES = 50_000_000;

/**
 * The nearest entries. Fails with `not_found` where the collection has none of these encoders, and as the encoder does, one that knows no
 * words included.
 */
export async function searchVectors(app: Searching, request: SearchRequest): Promise<SearchResult> {
  const { keeping, by, top: limit, filter } = request;
  await requireEntries(app, keeping);
  const weights = request.weights ?? keeping.weights;
  const vectors = await vectorsOf(app, keeping, by);
  return { weights, hits: await app.vectors.nearest(keeping.space, { ...vectors, weights, limit, filter }) };
}

/** Fails with `not_found` and what to do where nothing is there to be searched. */
export async function requireEntries(app: Pick<App, 'vectors'>, keeping: Keeping): Promise<number> {
  const { space } = keeping;
  const entries = await collectionState(app, keeping);
  if (entries > 0) return entries;
  const [other] = await app.vectors.spaces(space.collection);
  const there =
    other === undefined
      ? ''
      : ` It has ${other.entries} by ${other.space.semantic} and ${other.space.visual}; set these encoders to search them.`;
  throw new ProofsheetError(
    'not_found',
    `The collection ${space.collection} has no pictures embedded by ${space.semantic} and ${space.visual}; run \`proofsheet embed\` first.${there}`,
  );
}

/** How many entries the collection has by these encoders. */
export async function collectionState(app: Pick<App, 'vectors'>, { space }: Keeping): Promise<number> {
  const found = await app.vectors.spaces(space.collection);
  const own = found.find((one) => one.space.semantic === space.semantic && one.space.visual === space.visual);
  return own?.entries ?? 0;
}

/** A small WebP of an entry's file; undefined where that is gone, holds something else by now, or may not be read. */
export async function entryPicture(
  app: Pick<App, 'files' | 'vectors'>,
  { space }: Keeping,
  id: string,
  mayRead: (facts: EntryFacts) => Promise<boolean>,
): Promise<Uint8Array | undefined> {
  const [entry] = await app.vectors.known(space, { ids: [id], contentHashes: [] });
  if (entry === undefined || !(await mayRead(entry.facts))) return undefined;
  try {
    const bytes = await app.files.read(entry.facts.path, { maxBytes: MOST_BYTES });
    return sha256(bytes) === entry.contentHash ? (await thumbnail(bytes, { longest: SIDE })).bytes : undefined;
  } catch (thrown) {
    if (thrown instanceof ProofsheetError && thrown.disposition === 'permanent') return undefined;
    throw thrown;
  }
}

async function vectorsOf(
  app: Searching,
  { space, encoders }: Keeping,
  by: SearchRequest['by'],
): Promise<Pick<VectorQuery, 'semantic' | 'visual'>> {
  if ('text' in by) return { semantic: await vectorOf(app, { ...encoders.semantic, parts: [{ text: by.text }] }) };
  if ('entry' in by) {
    const [entry] = await app.vectors.get(space, [by.entry]);
    if (entry === undefined) throw new ProofsheetError('not_found', `There is no entry ${by.entry}; search again.`);
    return { semantic: entry.semantic, visual: entry.visual };
  }
  const { bytes, width, height } = await searchPicture(by.picture);
  // Drawn anew, so that keeping it does not make the original one of our own results.
  const file = await app.files.put(bytes, 'image/jpeg', { width, height });
  const [semantic, visual] = await Promise.all([
    vectorOf(app, { ...encoders.semantic, parts: [{ file }] }),
    vectorOf(app, { ...encoders.visual, parts: [{ file }] }),
  ]);
  return { semantic, visual };
}

async function vectorOf(app: Searching, request: Omit<ModelRequest, 'kind'>): Promise<Float32Array> {
  const answer = await app.models.call({ ...request, kind: 'embed' }, { timeoutMs: TIMEOUT_MS, lane: 'standard' });
  return normalized(vectorFromText(answer.text ?? ''));
}
