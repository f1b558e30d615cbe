import { z } from 'zod';
import type { App } from '../app/app.ts';
import { batchNamed } from '../app/control-batch.ts';
import { itemWithJournal } from '../app/read-batch.ts';
import { reviewItem } from '../app/review-item.ts';
import { type Batch, type Item, itemStateSchema, reviewSchema } from '../domain/batch.ts';
import { ProofsheetError } from '../domain/errors.ts';
import { documentOfItem, itemDocument, itemLineDocument, lineOfItem } from './http-documents.ts';
import { type Endpoint, endpoint } from './http-endpoint.ts';
import { documentOfDetail, itemDetailDocument } from './http-item-detail.ts';
import { picturesOf, versionOf } from './http-picture-links.ts';

const itemsQuery = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().optional(),
  state: itemStateSchema.optional(),
  reviewed: z.literal('true').optional().describe('Only items that a person has reviewed; without `state`.'),
});
const linesQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(500),
  cursor: z.string().optional(),
});
const batchPath = z.object({ id: z.string() });
const itemPath = z.object({ id: z.string(), item: z.string().describe('Id of the item.') });
const picturePath = itemPath.extend({
  picture: z
    .string()
    .regex(/^(thumbnail|result|reference(-thumbnail)?|candidate-\d{1,3}(-thumbnail)?)$/)
    .describe('`thumbnail`, `reference`, `reference-thumbnail`, `result`, `candidate-1`, `candidate-1-thumbnail`, …'),
});
const reviewBody = z.strictObject({
  decision: reviewSchema.shape.decision.optional(),
  note: reviewSchema.shape.note.trim().optional(),
});

const PICTURE_TYPES = ['image/webp', 'image/png', 'image/jpeg', 'image/gif', 'image/avif'];

/** The items of a batch, one of them with all that is known of it, its pictures, and what people say of it. */
export function itemEndpoints(app: App): Endpoint[] {
  return [listEndpoint(app), linesEndpoint(app), detailEndpoint(app), pictureEndpoint(app), reviewEndpoint(app)];
}

function listEndpoint(app: App): Endpoint {
  return endpoint(
    {
      ...{ method: 'get', path: '/api/batches/{id}/items', id: 'listItems', params: batchPath, query: itemsQuery },
      summary: 'Items of a batch in order of their ids, a page at a time; `next_cursor` is null on the last one.',
      answer: {
        status: 200,
        json: z.object({ items: z.array(itemDocument), next_cursor: z.string().nullable() }),
      },
    },
    async ({ params, query: { limit, cursor, state, reviewed } }) => {
      const batch = await batchNamed(app, params.id);
      const from = { limit, ...(cursor && { after: cursor }) };
      const some = reviewed ? { reviewed: true as const } : state && { states: [state] };
      const items = await app.batches.items(batch.id, { ...from, ...some });
      const ids = items.map((item) => item.id);
      const details = await app.batches.details(batch.id, ids);
      const rows = items.map((item) => documentOfItem({ item, detail: details.get(item.id) }, batch.groupBy));
      return { items: rows, next_cursor: (items.length < limit ? undefined : ids.at(-1)) ?? null };
    },
  );
}

function linesEndpoint(app: App): Endpoint {
  return endpoint(
    {
      ...{ method: 'get', path: '/api/batches/{id}/lines', id: 'listLines', params: batchPath, query: linesQuery },
      summary: 'As the items of a batch, each in short, for lists of many.',
      answer: {
        status: 200,
        json: z.object({ items: z.array(itemLineDocument), next_cursor: z.string().nullable() }),
      },
    },
    async ({ params, query: { limit, cursor } }) => {
      const { id } = await batchNamed(app, params.id);
      const items = await app.batches.items(id, { limit, ...(cursor !== undefined && { after: cursor }) });
      const next = items.length < limit ? undefined : items.at(-1)?.id;
      return { items: items.map(lineOfItem), next_cursor: next ?? null };
    },
  );
}

function detailEndpoint(app: App): Endpoint {
  return endpoint(
    {
      ...{ method: 'get', path: '/api/batches/{id}/items/{item}', id: 'getItem', params: itemPath },
      summary: 'One item: description, rubric, prompts, verdicts, pictures, and every call that was made for it.',
      answer: { status: 200, json: itemDetailDocument },
    },
    async ({ params }) => {
      const batch = await batchNamed(app, params.id);
      return documentOfDetail(batch, await itemWithJournal(app, await itemOf(app, batch, params.item)));
    },
  );
}

function pictureEndpoint(app: App): Endpoint {
  return endpoint(
    {
      ...{ method: 'get', path: '/api/batches/{id}/items/{item}/pictures/{picture}', id: 'getPicture' },
      ...{ params: picturePath, query: z.object({ v: z.string().optional() }) },
      summary: 'A picture of an item, by the addresses that items give.',
      answer: { status: 200, media: PICTURE_TYPES },
    },
    async ({ context, params, query }) => {
      const batch = await batchNamed(app, params.id);
      const item = await itemOf(app, batch, params.item);
      const details = params.picture === 'thumbnail' ? undefined : await app.batches.details(batch.id, [item.id]);
      const file = picturesOf(item, details?.get(item.id)).get(params.picture);
      if (file === undefined || !PICTURE_TYPES.includes(file.mimeType)) {
        throw new ProofsheetError('not_found', `Item ${item.name} has no picture ${params.picture}.`);
      }
      const isSame = query.v === versionOf(file);
      return context.body((await app.files.open(file)).slice(), 200, {
        'Content-Type': file.mimeType,
        // An address that names its content never shows another.
        'Cache-Control': isSame ? 'private, max-age=31536000, immutable' : 'private, no-cache',
      });
    },
  );
}

function reviewEndpoint(app: App): Endpoint {
  return endpoint(
    {
      ...{ method: 'post', path: '/api/batches/{id}/items/{item}/review', id: 'reviewItem' },
      ...{ params: itemPath, body: reviewBody },
      summary:
        'Keeps what a person says of an item that has ended, in place of what was said before. Without decision and note the review is taken back.',
      answer: { status: 200, json: itemDocument },
      others: { 409: 'The item is still in work.' },
    },
    async ({ params, body: { decision = null, note = '' } }) => {
      const batch = await batchNamed(app, params.id);
      const { id } = await itemOf(app, batch, params.item);
      const said = decision === null && note === '' ? undefined : { decision, note };
      const item = await reviewItem(app, batch.id, id, said);
      const details = await app.batches.details(batch.id, [id]);
      return documentOfItem({ item, detail: details.get(id) }, batch.groupBy);
    },
  );
}

async function itemOf(app: Pick<App, 'batches'>, batch: Batch, itemId: string): Promise<Item> {
  const item = await app.batches.item(batch.id, itemId);
  if (item !== undefined) return item;
  throw new ProofsheetError('not_found', `Batch ${batch.id} has no item ${itemId}.`);
}
