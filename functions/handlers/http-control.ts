import { z } from 'zod';
import type { App } from '../app/app.ts';
import { batchNamed, batchToResume, cancelBatch, resumeBatch } from '../app/control-batch.ts';
import { refuseOneTooMany } from '../app/start-batch.ts';
import type { Batch } from '../domain/batch.ts';
import { type Endpoint, endpoint } from './http-endpoint.ts';
import { placesOf, type StartOptions, spendOf, startFailure } from './http-start.ts';

const batchId = z.string().min(1).optional();
const cancelBody = z.strictObject({ batch_id: batchId.describe('Left out: the newest batch.') });
const resumeBody = z.strictObject({
  batch_id: batchId.describe('Left out: the newest unfinished batch, or else the newest.'),
  failed: z.boolean().optional().describe('Also items that were judged below the threshold, from the start.'),
  errors: z.boolean().optional().describe('Also items that ended as error; useful answers are kept.'),
  max_spend_usd: z.number().nonnegative().max(1e6).optional().describe('Another spend ceiling.'),
  assume_price_usd: z.number().nonnegative().max(1e6).optional(),
});
const controlledDocument = z.object({
  batch_id: z.string(),
  state: z.string(),
  cancel_requested: z.boolean(),
});
const resumedDocument = controlledDocument.extend({
  reopened: z.number().int().describe('Items that had ended and are taken again.'),
});

/** Cancel and resume. Both only ask for it; the work is done elsewhere. */
export function controlEndpoints(
  app: App,
  options: Pick<StartOptions, 'placeOf' | 'takeOn' | 'maxRunning'>,
): Endpoint[] {
  return [cancelEndpoint(app, options), resumeEndpoint(app, options)];
}

function cancelEndpoint(app: App, { takeOn }: Pick<StartOptions, 'takeOn'>): Endpoint {
  return endpoint(
    {
      ...{ method: 'post', path: '/api/batch/cancel', id: 'cancelBatch', body: cancelBody },
      summary: 'Asks a batch to end: calls under way finish and are kept, everything else is cancelled.',
      answer: { status: 202, json: controlledDocument },
      others: { 409: 'It has ended already.' },
    },
    async ({ body }) => {
      const { id } = await batchNamed(app, body.batch_id);
      const batch = await cancelBatch(app, id);
      await takeOn?.(id);
      return controlled(batch);
    },
  );
}

function resumeEndpoint(app: App, options: Pick<StartOptions, 'placeOf' | 'takeOn' | 'maxRunning'>): Endpoint {
  return endpoint(
    {
      ...{ method: 'post', path: '/api/batch/resume', id: 'resumeBatch', body: resumeBody },
      summary: 'Goes on with what is unfinished, after a pause, an interruption or a cancel.',
      answer: { status: 202, json: resumedDocument },
      others: { 409: 'As many batches run as may.' },
    },
    async ({ body }) => {
      const { batch_id: wanted, failed = false, errors = false } = body;
      const { id, inputs, state } = await batchToResume(app, wanted);
      // It may have been started elsewhere, by somebody who may read more.
      await placesOf(inputs, options);
      if (state !== 'running')
        await refuseOneTooMany(app, options).catch(async (thrown) => {
          throw await startFailure(app, thrown);
        });
      const { batch, reopened } = await resumeBatch(app, id, { failed, errors, spend: spendOf(body) });
      await options.takeOn?.(id);
      return { ...controlled(batch), reopened };
    },
  );
}

function controlled(batch: Batch): z.infer<typeof controlledDocument> {
  return { batch_id: batch.id, state: batch.state, cancel_requested: batch.cancelRequested };
}
