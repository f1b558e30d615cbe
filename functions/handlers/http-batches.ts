import { z } from 'zod';
import type { App } from '../app/app.ts';
import { batchNamed } from '../app/control-batch.ts';
import type { Batch } from '../domain/batch.ts';
import { batchDocument, documentOfBatch } from './http-documents.ts';
import { type Endpoint, endpoint } from './http-endpoint.ts';

const batchesQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().optional(),
});
const batchPath = z.object({ id: z.string() });
const batchDetailDocument = batchDocument.extend({
  inputs: z.array(z.string()).describe('The first hundred.'),
  settings: z.record(z.string(), z.unknown()),
  ignored: z.record(z.string(), z.number()).describe('Files left aside, by reason.'),
});

const MOST_INPUTS = 100;

/** The batches, newest first, and one of them. */
export function batchEndpoints(app: App): Endpoint[] {
  const documentOf = async (batch: Batch) =>
    documentOfBatch(batch, await app.batches.counts(batch.id), app.clock.now());
  return [
    endpoint(
      {
        ...{ method: 'get', path: '/api/batches', id: 'listBatches', query: batchesQuery },
        summary: 'Batches, newest first, a page at a time; `next_cursor` is null on the last one.',
        answer: {
          status: 200,
          json: z.object({ batches: z.array(batchDocument), next_cursor: z.string().nullable() }),
        },
      },
      async ({ query: { limit, cursor } }) => {
        const batches = await app.batches.list({ limit, ...(cursor && { after: cursor }) });
        const next = batches.length < limit ? undefined : batches.at(-1)?.id;
        return { batches: await Promise.all(batches.map(documentOf)), next_cursor: next ?? null };
      },
    ),
    endpoint(
      {
        ...{ method: 'get', path: '/api/batches/{id}', id: 'getBatch', params: batchPath },
        summary: 'One batch: counts, cost, settings.',
        answer: { status: 200, json: batchDetailDocument },
      },
      async ({ params }) => {
        const batch = await batchNamed(app, params.id);
        const inputs = batch.inputs.slice(0, MOST_INPUTS);
        return { ...(await documentOf(batch)), inputs, settings: batch.recipeSettings, ignored: batch.ignored };
      },
    ),
  ];
}
