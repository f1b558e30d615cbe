import type { Context } from 'hono';
import { accepts } from 'hono/accepts';
import { type SSEMessage, type SSEStreamingApi, streamSSE } from 'hono/streaming';
import { z } from 'zod';
import type { App } from '../app/app.ts';
import { batchNamed } from '../app/control-batch.ts';
import { SHOWN } from '../app/live-batch.ts';
import { type BatchView, readBatch } from '../app/read-batch.ts';
import { batchWatchers, type WatchEvent } from '../app/watch-batch.ts';
import type { Batch, Counts } from '../domain/batch.ts';
import { asProofsheetError } from '../domain/errors.ts';
import { batchDocument, documentOfBatch, eventOfItem, itemEventDocument } from './http-documents.ts';
import { type Endpoint, endpoint } from './http-endpoint.ts';

export interface StatusOptions {
  /** A stream ends by then, before the server would end it; the client comes back and goes on where it was. */
  streamMs: number;
}

/** A client that takes nothing for this long is let go. */
const STALLED_MS = 60_000;
const LOOK_EVERY_MS = 5_000;
const RETRY_MS = 2_000;

const progressDocument = batchDocument.extend({
  running: z.number().int().nonnegative(),
  queued: z.number().int().nonnegative(),
});
const snapshotDocument = progressDocument.extend({
  items: z.array(itemEventDocument).describe('Items in work, then those that ended last.'),
});
const statusQuery = z.object({
  batch_id: z.string().optional().describe('Left out: the newest batch.'),
  last_event_id: z
    .string()
    .optional()
    .describe('As the header Last-Event-ID, for clients that cannot send it. `0` gives all items from the first.'),
});

/** `GET /api/batch/status`: the snapshot, or the stream of what happens. */
export function statusEndpoint(app: App, options: StatusOptions): Endpoint {
  const watchers = batchWatchers(app);
  return endpoint(
    {
      ...{ method: 'get', path: '/api/batch/status', id: 'batchStatus', query: statusQuery },
      summary:
        'Server-sent events: `snapshot`, then `item`, `progress`, and `complete` when the report is there. Last-Event-ID goes on without a gap; an event may then come twice, with the same id. With `Accept: application/json` the snapshot.',
      answer: { status: 200, json: snapshotDocument, media: ['text/event-stream'] },
      others: { 204: 'Everything was told, up to `complete`; nothing is to be waited for.' },
    },
    async ({ context, query }) => {
      const batch = await batchNamed(app, query.batch_id);
      const wanted = accepts(context, {
        ...{ header: 'Accept', supports: ['text/event-stream', 'application/json'] },
        default: 'text/event-stream',
      });
      context.header('Vary', 'Accept');
      if (wanted === 'application/json') {
        return snapshotOf(await readBatch(app, batch.id, SHOWN), app.clock.now());
      }
      // Nobody would read the stream, nor end it.
      if (context.req.method === 'HEAD') return context.body(null, 200, { 'Content-Type': wanted });
      const lastId = context.req.header('last-event-id') ?? query.last_event_id;
      // A browser that is told this does not come back.
      if (lastId?.endsWith(`/${completeMark(batch)}`) && isEnded(batch)) return context.body(null, 204);
      const after = lastId === undefined || lastId === '' ? undefined : lastId.split('/')[0];
      // Refused before the stream begins, if it is no position.
      if (after !== undefined) await app.changes.ended(batch.id, { after, limit: 1 });
      return await stream(context, { app, options, watchers, batchId: batch.id, after });
    },
  );
}

interface Streaming {
  app: App;
  options: StatusOptions;
  watchers: ReturnType<typeof batchWatchers>;
  batchId: string;
  after: string | undefined;
}

async function stream(context: Context, { app, options, watchers, batchId, after }: Streaming): Promise<Response> {
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, app.stop]);
  const events = watchers.watch(batchId, { signal, ...(after !== undefined && { after }) });
  // What fails now still has an answer of its own.
  const first = await events.next();
  context.header('X-Accel-Buffering', 'no');
  return streamSSE(context, async (out) => {
    out.onAbort(() => stop.abort());
    const writing: Writing = { since: undefined };
    const watchdog = letGo(app, options, writing, signal).finally(() => {
      stop.abort();
      // Ends a write that waits for a client that takes nothing.
      if (writing.since !== undefined) out.abort();
    });
    try {
      if (!first.done) await write(app, out, writing, first.value, { retry: RETRY_MS });
      for await (const event of events) await write(app, out, writing, event);
    } catch (thrown) {
      // The client comes back and is told why, or goes on where it was.
      const { code, message } = asProofsheetError(thrown);
      app.log.warn({ batchId, code, error: message }, 'a stream of changes broke off');
    } finally {
      await events.return(undefined);
      stop.abort();
      await watchdog;
    }
  });
}

/** Since when a write waits. */
interface Writing {
  since: number | undefined;
}

/** Resolves when a stream has lasted long enough, or its client takes nothing any more. */
async function letGo(
  { clock }: Pick<App, 'clock'>,
  { streamMs }: StatusOptions,
  writing: Writing,
  signal: AbortSignal,
): Promise<void> {
  const end = clock.now() + streamMs;
  while (!signal.aborted) {
    const now = clock.now();
    if (now >= end || now - (writing.since ?? now) > STALLED_MS) return;
    await clock.sleep(Math.min(LOOK_EVERY_MS, end - now), signal).catch(() => undefined);
  }
}

async function write(
  app: Pick<App, 'clock'>,
  out: SSEStreamingApi,
  writing: Writing,
  event: WatchEvent,
  more: Pick<SSEMessage, 'retry'> = {},
): Promise<void> {
  writing.since = app.clock.now();
  if (event.kind === 'quiet') await out.write(': keep-alive\n\n');
  else await out.writeSSE({ ...messageOf(event, app.clock.now()), ...more });
  writing.since = undefined;
}

/** Behind the position the id tells apart what is told at the same one; what has ended has the position to itself. */
function messageOf(event: Exclude<WatchEvent, { kind: 'quiet' }>, now: number): SSEMessage {
  const { kind, position } = event;
  const message = (id: string, data: unknown): SSEMessage => ({ event: kind, id, data: JSON.stringify(data) });
  switch (kind) {
    case 'snapshot':
      return message(position, snapshotOf(event.view, now));
    case 'item': {
      const { item } = event;
      const data = eventOfItem(item);
      if (data.status !== 'running') return message(position, data);
      return message(`${position}/${item.id}.${item.fence}.${item.progress?.since ?? 0}`, data);
    }
    case 'progress':
      return message(`${position}/progress.${now}`, progressOf(event, event.running, now));
    case 'complete':
      return message(`${position}/${completeMark(event.batch)}`, progressOf(event, 0, now));
  }
}

function completeMark({ revision }: Batch): string {
  return `complete.${revision}`;
}

function isEnded(batch: Batch): boolean {
  return (batch.state === 'finished' || batch.state === 'cancelled') && batch.report !== undefined;
}

function snapshotOf(view: BatchView, now: number): z.infer<typeof snapshotDocument> {
  const { running, recent } = view;
  return { ...progressOf(view, running.length, now), items: [...running, ...recent].map(eventOfItem) };
}

function progressOf(
  { batch, counts }: { batch: Batch; counts: Counts },
  running: number,
  now: number,
): z.infer<typeof progressDocument> {
  const { total, passed, failed, error, cancelled, skipped } = counts;
  const open = total - passed - failed - error - cancelled - skipped;
  return { ...documentOfBatch(batch, counts, now), running, queued: Math.max(0, open - running) };
}
