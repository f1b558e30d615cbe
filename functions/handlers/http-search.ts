import { z } from 'zod';
import type { App } from '../app/app.ts';
import { DEFAULT_DUPLICATE_SCORE, type DuplicateGroup, findDuplicates } from '../app/find-duplicates.ts';
import {
  collectionState,
  entryPicture,
  type SearchRequest,
  type SearchResult,
  searchVectors,
} from '../app/search-vectors.ts';
import {
  type EntryFacts,
  entryFactsSchema,
  entryFilterSchema,
  fusionWeightsSchema,
  type Keeping,
  vectorSpaceSchema,
} from '../domain/embedding.ts';
import { rateLimit } from '../lib/rate-limit.ts';
import { type Endpoint, endpoint } from './http-endpoint.ts';
import { failureOf, refusedRequest } from './http-request.ts';
import { refuseTooMany, type StartOptions } from './http-start.ts';

type Hit = SearchResult['hits'][number];

const MOST_HITS = 200;
/** Of words or a picture, which are encoded by a call. */
const SEARCHES_PER_MINUTE = 120;

const entryDocument = entryFactsSchema.extend({
  id: z.string(),
  picture: z.string().describe('Address of a small picture.'),
});
const similarity = z.number().nullable().describe('Cosine from -1 to 1; null where it was not asked about.');
const hitDocument = entryDocument.extend({ score: z.number(), semantic: similarity, visual: similarity });
const searchDocument = z.object({ weights: fusionWeightsSchema, hits: z.array(hitDocument) });

const top = z.coerce.number().int().min(1).max(MOST_HITS).default(20);
const searchQuery = entryFilterSchema.extend({
  text: z.string().trim().min(1).max(500).optional().describe('Words, where the encoder knows them.'),
  like: z.string().optional().describe('Id of an entry whose picture is searched by.'),
  top,
});
const searchBody = z.strictObject({
  picture: z.base64().optional().describe('A picture in base64. A copy of 768 pixels is enough.'),
  text: z.string().trim().min(1).max(500).optional(),
  like: z.string().optional(),
  top,
  filter: entryFilterSchema.default({}),
  weights: fusionWeightsSchema.optional(),
});
const entryPath = z.object({ entry: z.string() });

/** Search by picture or words, near duplicates, and the pictures of what was found. */
export function searchEndpoints(app: App, keeping: Keeping, start: Pick<StartOptions, 'placeOf'>): Endpoint[] {
  const admit = rateLimit(app.clock, { most: SEARCHES_PER_MINUTE, withinMs: 60_000 });
  return [
    collectionEndpoint(app, keeping),
    endpoint(
      {
        ...{ method: 'get', path: '/api/search', id: 'search', query: searchQuery },
        summary: 'Nearest embedded pictures of words, or of an embedded picture.',
        answer: { status: 200, json: searchDocument },
        others: { 429: 'Too many searches in a minute.' },
      },
      async ({ query: { text, like, top, ...filter } }) => {
        if (like === undefined) refuseTooMany(admit());
        return await search(app, { keeping, by: searchedBy({ text, like }), top, filter });
      },
    ),
    endpoint(
      {
        ...{ method: 'post', path: '/api/search', id: 'searchByPicture', body: searchBody },
        summary: 'Nearest embedded pictures of a picture, of words or of an embedded picture.',
        answer: { status: 200, json: searchDocument },
        others: { 429: 'Too many searches in a minute.' },
      },
      async ({ body: { top, filter, weights, ...by } }) => {
        if (by.like === undefined) refuseTooMany(admit());
        return await search(app, { keeping, by: searchedBy(by), top, filter, ...(weights && { weights }) });
      },
    ),
    duplicatesEndpoint(app, keeping),
    pictureEndpoint(app, keeping, start),
  ];
}

function collectionEndpoint(app: App, keeping: Keeping): Endpoint {
  return endpoint(
    {
      ...{ method: 'get', path: '/api/collection', id: 'getCollection' },
      summary: 'What is searched: the collection, its encoders, and how many pictures it has.',
      answer: {
        status: 200,
        json: vectorSpaceSchema.extend({ weights: fusionWeightsSchema, entries: z.number().int() }),
      },
    },
    async () => ({ ...keeping.space, weights: keeping.weights, entries: await collectionState(app, keeping) }),
  );
}

function duplicatesEndpoint(app: App, keeping: Keeping): Endpoint {
  return endpoint(
    {
      ...{ method: 'get', path: '/api/search/duplicates', id: 'findDuplicates' },
      query: z.object({ threshold: z.coerce.number().min(0).max(1).default(DEFAULT_DUPLICATE_SCORE) }),
      summary: 'Groups of embedded pictures that are nearly the same, those most alike first.',
      answer: {
        status: 200,
        json: z.object({
          groups: z.array(z.object({ highest: z.number(), lowest: z.number(), entries: z.array(entryDocument) })),
        }),
      },
    },
    async ({ query: { threshold } }) => {
      const groups = await findDuplicates(app, keeping, threshold);
      return { groups: groups.map(({ entries, ...scores }) => ({ ...scores, entries: entries.map(documentOf) })) };
    },
  );
}

/** Only of files that may be read here anyway, and only while they hold what was embedded. */
function pictureEndpoint(app: App, keeping: Keeping, { placeOf }: Pick<StartOptions, 'placeOf'>): Endpoint {
  return endpoint(
    {
      ...{ method: 'get', path: '/api/search/pictures/{entry}', id: 'getEntryPicture', params: entryPath },
      query: z.object({ v: z.string().optional() }),
      summary: 'A small picture of an entry, by the addresses that searches give.',
      answer: { status: 200, media: ['image/webp'] },
    },
    async ({ context, params }) => {
      const mayRead = async ({ path }: EntryFacts) => 'place' in (await placeOf(path));
      const picture = await entryPicture(app, keeping, params.entry, mayRead);
      if (picture === undefined) throw failureOf(404, 'not_found', 'The picture is no longer there.');
      return context.body(picture.slice(), 200, {
        'Content-Type': 'image/webp',
        'Cache-Control': 'private, max-age=31536000, immutable',
      });
    },
  );
}

function searchedBy(given: {
  picture?: string | undefined;
  text?: string | undefined;
  like?: string | undefined;
}): SearchRequest['by'] {
  const { picture, text, like } = given;
  const asked = [picture, text, like].filter((one) => one !== undefined);
  if (asked.length !== 1) throw refusedRequest(['Search by one of picture, text and like.']);
  if (picture !== undefined) return { picture: Buffer.from(picture, 'base64') };
  return text === undefined ? { entry: like ?? '' } : { text };
}

async function search(app: App, request: SearchRequest): Promise<z.infer<typeof searchDocument>> {
  const { weights, hits } = await searchVectors(app, request);
  return { weights, hits: hits.map((hit) => ({ ...documentOf(hit), ...scoresOf(hit) })) };
}

function scoresOf({ score, semantic, visual }: Hit): Pick<Hit, 'score' | 'semantic' | 'visual'> {
  return { score, semantic, visual };
}

function documentOf({ id, contentHash, facts }: DuplicateGroup['entries'][number]): z.infer<typeof entryDocument> {
  return { id, ...facts, picture: `/api/search/pictures/${encodeURIComponent(id)}?v=${contentHash.slice(0, 16)}` };
}
