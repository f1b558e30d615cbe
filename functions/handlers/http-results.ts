import { Hono } from 'hono';
import { getMimeType } from 'hono/utils/mime';
import { z } from 'zod';
import type { App } from '../app/app.ts';
import { batchNamed } from '../app/control-batch.ts';
import { type BatchView, readBatch } from '../app/read-batch.ts';
import type { Batch, Item } from '../domain/batch.ts';
import { isTerminal } from '../domain/batch.ts';
import { ProofsheetError } from '../domain/errors.ts';
import { runDocument } from '../report/text-reports.ts';
import { readQuery } from './http-request.ts';

/** Items that a snapshot shows: those in work, and the latest that ended. */
const SHOWN = { recent: 50, running: 50 };
const MAX_FILE_BYTES = 64 * 1024 * 1024;

const REPORT_FILES = {
  html: 'report.html',
  json: 'results.json',
  csv: 'results.csv',
  markdown: 'results.md',
  junit: 'results.xml',
} as const;

/** Beside those that hono knows. */
const TYPES = { md: 'text/markdown; charset=utf-8', jsonl: 'application/jsonl', log: 'text/plain; charset=utf-8' };

const batchQuery = z.object({ batch_id: z.string().optional() });
const reportQuery = batchQuery.extend({ format: z.enum(['html', 'json', 'csv', 'markdown', 'junit']).default('html') });

/** `GET /api/batch/status`, `GET /api/batch/report`, and the files of a batch, to which the report's page leads. */
export function resultRoutes(app: App): Hono {
  return new Hono()
    .get('/api/batch/status', async (context) => {
      const { id } = await batchNamed(app, readQuery(context, batchQuery).batch_id);
      return context.json(snapshotOf(await readBatch(app, id, SHOWN), app.clock.now()));
    })
    .get('/api/batch/report', async (context) => {
      const query = readQuery(context, reportQuery);
      const batch = await batchNamed(app, query.batch_id);
      if (batch.report === undefined) {
        throw new ProofsheetError(
          'not_found',
          `Batch ${batch.id} is ${batch.state} and has no report yet; ask again later.`,
        );
      }
      const name = REPORT_FILES[query.format];
      // The page loads what lies beside it, so it must be read where it lies.
      if (query.format === 'html') return context.redirect(`/api/batches/${batch.id}/files/${name}`);
      return await fileAnswer(app, batch, name);
    })
    .get('/api/batches/:id/files/:path{.+}', async (context) => {
      const { id, path } = context.req.param();
      return await fileAnswer(app, await batchNamed(app, id), path);
    });
}

/** A file among the results of a batch; the name cannot lead out of them. */
async function fileAnswer(app: App, batch: Batch, path: string): Promise<Response> {
  const bytes = await app.files.read(app.files.join(batch.outputDir, path), { maxBytes: MAX_FILE_BYTES });
  const type = getMimeType(path) ?? getMimeType(path, TYPES) ?? 'application/octet-stream';
  return new Response(bytes.slice(), { headers: { 'content-type': type, 'x-content-type-options': 'nosniff' } });
}

function snapshotOf({ batch, counts, running, queued, recent }: BatchView, now: number) {
  return {
    ...runDocument(batch, counts, now),
    cancel_requested: batch.cancelRequested,
    paused: batch.pause ?? null,
    /** Whether every input has been listed, so that `counts.total` is final. */
    listed: batch.sealed,
    queued,
    items: [...running, ...recent].map(itemLine),
  };
}

function itemLine(item: Item) {
  const { summary, progress } = item;
  return {
    sku: item.name,
    item_id: item.id,
    status: isTerminal(item.state) ? item.state : 'running',
    score: summary?.score ?? null,
    attempt: (isTerminal(item.state) ? summary?.attempts : progress?.attempt) ?? 0,
    message: (isTerminal(item.state) ? summary?.message : progress?.step) ?? '',
  };
}
