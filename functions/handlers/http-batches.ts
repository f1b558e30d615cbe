import { Hono } from 'hono';
import { z } from 'zod';
import type { App } from '../app/app.ts';
import { batchNamed } from '../app/control-batch.ts';
import { itemStateSchema } from '../domain/batch.ts';
import { itemRow } from '../report/item-row.ts';
import { runDocument } from '../report/text-reports.ts';
import { readQuery } from './http-request.ts';

const limit = (most: number) => z.coerce.number().int().min(1).max(most).default(50);
const batchesQuery = z.object({ limit: limit(200), cursor: z.string().optional() });
const itemsQuery = z.object({ limit: limit(500), cursor: z.string().optional(), state: itemStateSchema.optional() });

/** `GET /`, `GET /{id}`, `GET /{id}/items`. Lists come in pages; `next_cursor` is null on the last one. */
export function batchRoutes(app: App): Hono {
  const documentOf = async (batch: Parameters<typeof runDocument>[0]) =>
    runDocument(batch, await app.batches.counts(batch.id), app.clock.now());
  return new Hono()
    .get('/', async (context) => {
      const { limit, cursor } = readQuery(context, batchesQuery);
      const batches = await app.batches.list({ limit, ...(cursor !== undefined && { after: cursor }) });
      const next = batches.length < limit ? undefined : batches.at(-1)?.id;
      return context.json({ batches: await Promise.all(batches.map(documentOf)), next_cursor: next ?? null });
    })
    .get('/:id', async (context) => context.json(await documentOf(await batchNamed(app, context.req.param('id')))))
    .get('/:id/items', async (context) => {
      const { limit, cursor, state } = readQuery(context, itemsQuery);
      const { id } = await batchNamed(app, context.req.param('id'));
      const page = { limit, ...(cursor !== undefined && { after: cursor }), ...(state && { states: [state] }) };
      const items = await app.batches.items(id, page);
      const next = items.length < limit ? undefined : items.at(-1)?.id;
      const ids = items.map((item) => item.id);
      const details = await app.batches.details(id, ids);
      const rows = items.map((item) => itemRow({ item, detail: details.get(item.id) }));
      return context.json({ items: rows, next_cursor: next ?? null });
    });
}
