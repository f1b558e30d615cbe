import type { Context } from 'hono';
import { z } from 'zod';
import type { App } from '../app/app.ts';
import { batchNamed, renderAgain } from '../app/control-batch.ts';
import { settledItems } from '../app/finalize-batch.ts';
import { reviewScript } from '../app/review-script.ts';
import type { Batch } from '../domain/batch.ts';
import { asProofsheetError, type ErrorCode, ProofsheetError } from '../domain/errors.ts';
import { EXPORT_FORMATS, type ExportFormat, renderExport } from '../report/text-reports.ts';
import { batchDocument, documentOfBatch } from './http-documents.ts';
import { type Endpoint, endpoint } from './http-endpoint.ts';
import type { StartOptions } from './http-start.ts';

/** Files are read and sent in parts. */
const PART_BYTES = 4 * 1024 * 1024;

const FILES: Record<ExportFormat, string> = {
  json: 'results.json',
  jsonl: 'metadata/items.jsonl',
  csv: 'results.csv',
  markdown: 'results.md',
  junit: 'results.xml',
};

/** Types of the files that a batch writes, by their endings. What is not among them is only ever downloaded. */
const TYPES: Readonly<Record<string, string>> = {
  json: 'application/json',
  jsonl: 'application/jsonl; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  md: 'text/markdown; charset=utf-8',
  xml: 'application/xml',
  txt: 'text/plain; charset=utf-8',
  log: 'text/plain; charset=utf-8',
  png: 'image/png',
  jpg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  avif: 'image/avif',
  pdf: 'application/pdf',
};
/** What reading says of folders and of names that cannot be, beside those that are not there. */
const ABSENT: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['file_missing', 'unreadable_file']);
const DOWNLOAD = 'application/octet-stream';
/** The parts of the report's page run or style it, and are known by their places. */
const PAGE = 'report.html';
const PAGE_PARTS = /^report\/(?:data\/)?[\w-]+\.(js|css)$/;
const REVIEWS = 'report/data/reviews.js';

const reportQuery = z.object({
  batch_id: z.string().optional().describe('Left out: the newest batch.'),
  format: z.enum(['html', ...EXPORT_FORMATS]).default('html'),
});

/** The report of a batch in every format, and the files of a batch, to which the report's page leads. */
export function resultEndpoints(app: App, options: Pick<StartOptions, 'takeOn'>): Endpoint[] {
  return [reportEndpoint(app), renderEndpoint(app, options), fileEndpoint(app)];
}

function reportEndpoint(app: App): Endpoint {
  return endpoint(
    {
      ...{ method: 'get', path: '/api/batch/report', id: 'getReport', query: reportQuery },
      summary: 'The report of a batch. `html` leads to the page among the files of the batch.',
      answer: { status: 200, media: ['text/html', ...Object.values(FILES).map(typeOf)] },
      others: { 302: 'Where the page is.', 404: 'There is no report yet.' },
    },
    async ({ context, query }) => {
      const batch = await batchNamed(app, query.batch_id);
      if (batch.report === undefined) {
        const text = `Batch ${batch.id} is ${batch.state} and has no report yet; ask again later.`;
        throw new ProofsheetError('not_found', text);
      }
      // The page loads what lies beside it, so it must be read where it lies.
      if (query.format === 'html') return context.redirect(`/api/batches/${batch.id}/files/${PAGE}`);
      const name = FILES[query.format];
      if (batch.reviewedAt === undefined) return await fileAnswer(app, context, batch, name);
      const counts = await app.batches.counts(batch.id);
      const text = renderExport(query.format, batch, counts, settledItems(app, batch.id));
      return piecesAnswer(app, context, name, text);
    },
  );
}

function renderEndpoint(app: App, { takeOn }: Pick<StartOptions, 'takeOn'>): Endpoint {
  return endpoint(
    {
      ...{ method: 'post', path: '/api/batch/report', id: 'renderReport' },
      summary: 'Writes the report once more, so that its files show what people have said of items since.',
      body: z.strictObject({ batch_id: z.string().optional() }),
      answer: { status: 202, json: batchDocument },
    },
    async ({ body }) => {
      const { id } = await batchNamed(app, body.batch_id);
      const batch = await renderAgain(app, id);
      await takeOn?.(id);
      return documentOfBatch(batch, await app.batches.counts(id), app.clock.now());
    },
  );
}

function fileEndpoint(app: App): Endpoint {
  return endpoint(
    {
      ...{ method: 'get', path: '/api/batches/{id}/files/{path+}', id: 'getFile' },
      params: z.object({ id: z.string(), path: z.string().describe('As reports name it, with slashes.') }),
      summary: 'A file of a batch: its report and what lies beside it.',
      answer: { status: 200, media: ['*/*'] },
    },
    async ({ context, params }) => {
      const batch = await batchNamed(app, params.id);
      if (params.path === REVIEWS) return context.body(await reviewScript(app, batch.id), 200, headersFor(REVIEWS));
      return await fileAnswer(app, context, batch, params.path);
    },
  );
}

/** A file among the results of a batch; the name cannot lead out of them. */
async function fileAnswer(
  app: Pick<App, 'files' | 'log'>,
  context: Context,
  batch: Batch,
  path: string,
): Promise<Response> {
  const uri = app.files.join(batch.outputDir, ...namesOf(path));
  const read = (start: number) => app.files.readPart(uri, { start, maxBytes: PART_BYTES });
  // A file that is not there is told before anything is sent, by its name in the batch.
  const first = await read(0).catch((thrown: unknown) => {
    throw ABSENT.has(asProofsheetError(thrown).code) ? noSuchFile(path) : thrown;
  });
  if (first.byteLength < PART_BYTES) return context.body(first.slice(), 200, headersFor(path));
  return piecesAnswer(app, context, path, partsAfter(first, read));
}

async function* partsAfter(
  first: Uint8Array,
  read: (start: number) => Promise<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (let part = first; part.byteLength > 0; part = await read(start)) {
    yield part;
    start += part.byteLength;
  }
}

/** The server under this would add the failure to what was sent, and end the answer as if it were whole. */
function breakOff(app: Pick<App, 'log'>, context: Context, thrown: unknown): void {
  const { code, message } = asProofsheetError(thrown);
  app.log.error({ path: context.req.path, code, error: message }, 'an answer broke off');
  const { outgoing } = (context.env ?? {}) as { outgoing?: { destroy(): void } };
  outgoing?.destroy();
}

/** A failure on the way breaks the connection, so that nobody takes what came for the whole. */
function piecesAnswer(
  app: Pick<App, 'log'>,
  context: Context,
  path: string,
  pieces: AsyncIterable<string | Uint8Array>,
): Response {
  const encoder = new TextEncoder();
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) yield typeof piece === 'string' ? encoder.encode(piece) : piece;
  }
  const source = bytes();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await source.next();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (thrown) {
        breakOff(app, context, thrown);
        controller.error(Object.assign(new Error('The answer broke off.'), { code: 'ERR_STREAM_PREMATURE_CLOSE' }));
      }
    },
    cancel: async () => void (await source.return(undefined)),
  });
  return context.body(body, 200, headersFor(path));
}

/** A path that goes through a hidden name or back is none of a batch's. */
function namesOf(path: string): string[] {
  const names = path.split('/');
  if (names.every((name) => name !== '' && !name.startsWith('.') && !/[\\\0]/.test(name))) return names;
  throw noSuchFile(path);
}

function noSuchFile(path: string): ProofsheetError {
  return new ProofsheetError('not_found', `There is no file ${JSON.stringify(path.slice(0, 200))} in this batch.`);
}

function headersFor(path: string): Record<string, string> {
  const type = typeOf(path);
  return {
    'Content-Type': type,
    'Cache-Control': 'private, no-cache',
    ...(type === DOWNLOAD && { 'Content-Disposition': 'attachment' }),
  };
}

function typeOf(path: string): string {
  if (path === PAGE) return 'text/html; charset=utf-8';
  const ending = /\.([a-z]+)$/.exec(path)?.[1] ?? '';
  if (PAGE_PARTS.test(path)) return `${ending === 'js' ? 'text/javascript' : 'text/css'}; charset=utf-8`;
  return TYPES[ending] ?? DOWNLOAD;
}
