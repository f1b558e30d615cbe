import { Hono } from 'hono';
import { z } from 'zod';
import type { App } from '../app/app.ts';
import { batchNamed, batchToResume, cancelBatch, resumeBatch } from '../app/control-batch.ts';
import type { Batch } from '../domain/batch.ts';
import { readBody } from './http-request.ts';

const batchId = z.string().min(1).optional();
const cancelSchema = z.strictObject({ batch_id: batchId });
const resumeSchema = z.strictObject({
  batch_id: batchId,
  /** Also items that were judged below the threshold. */
  failed: z.boolean().optional(),
  /** Also items that ended as error. */
  errors: z.boolean().optional(),
});

/** `POST /cancel`, `POST /resume`. Both only ask for it; the work is done elsewhere. */
export function controlRoutes(app: App): Hono {
  return new Hono()
    .post('/cancel', async (context) => {
      const { batch_id: id } = await readBody(context, cancelSchema);
      const { id: named } = await batchNamed(app, id);
      return context.json(controlled(await cancelBatch(app, named)), 202);
    })
    .post('/resume', async (context) => {
      const { batch_id: id, failed = false, errors = false } = await readBody(context, resumeSchema);
      const { id: named } = await batchToResume(app, id);
      const { batch, reopened } = await resumeBatch(app, named, { failed, errors });
      return context.json({ ...controlled(batch), reopened }, 202);
    });
}

function controlled(batch: Batch) {
  return { batch_id: batch.id, state: batch.state, cancel_requested: batch.cancelRequested };
}
