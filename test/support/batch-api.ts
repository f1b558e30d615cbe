import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Fault, Reply } from './gemini-replies.ts';
import { type Call, type RequestBody, readCall } from './gemini-server.ts';
import { sendFault, sendJson } from './send-reply.ts';

/** How a job goes. */
export interface JobScript {
  /** Looks at the job before it is over; by default none. */
  looks?: number;
  /** State it ends in; SUCCEEDED by default. */
  end?: string;
  /** What becomes of a line, the first being 0. */
  line?: (n: number, call: Call) => 'answered' | 'missing' | 'twice' | { code: number; message: string };
  /** Results in another order than the questions. */
  shuffled?: boolean;
  /** Results inside the job instead of a file. */
  inline?: boolean;
  error?: string;
}

export interface BatchApiOptions {
  script?: (job: { n: number; displayName: string; model: string; calls: number }) => JobScript;
  /** What becomes of the making of a job, from 1. `lost`: it is made, and nobody hears of it. */
  creating?: (n: number) => 'made' | 'lost' | Fault;
  /** Whether listings show a job. */
  listed?: (job: JobRecord) => boolean;
  /** How a download goes, from 1; a part of the results, then nothing more. */
  downloading?: (n: number) => 'whole' | 'cut' | 'shortened';
  uploading?: (part: number) => 'kept' | 'broken';
  respond: (call: Call) => Reply | Promise<Reply>;
}

export interface JobRecord {
  name: string;
  displayName: string;
  model: string;
  keys: string[];
  /** Keys of calls that it answered, which are paid. */
  paid: string[];
  state: string;
  cancelled: boolean;
}

interface LiveJob extends JobRecord {
  script: JobScript;
  input: Buffer;
  looks: number;
  done: number;
  results?: string[];
}

/** The Batch API and the Files API as far as the product uses them, beside `generateContent` on the same server. */
export function batchApi(options: BatchApiOptions) {
  const files = new Map<string, Buffer>();
  const uploads = new Map<string, { parts: Buffer[]; received: number }>();
  const jobs = new Map<string, LiveJob>();
  const counts = { created: 0, downloads: 0, parts: 0, gets: 0 };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const path = (request.url ?? '').split('?')[0] ?? '';
    if (!/\/(upload|files|batches)(\/|$)|:batchGenerateContent$/.test(path)) return false;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    if (path.includes('/upload')) upload(request, response, body);
    else if (path.endsWith(':batchGenerateContent')) create(response, path, JSON.parse(body.toString()));
    else if (path.endsWith('/batches')) list(response, request.url ?? '');
    else if (path.endsWith(':cancel')) cancel(response, path);
    else if (path.includes('/batches/')) await get(response, path);
    else if (path.endsWith(':download')) download(response, path);
    else notFound(response, path);
    return true;
  }

  function upload(request: IncomingMessage, response: ServerResponse, body: Buffer) {
    const command = String(request.headers['x-goog-upload-command']);
    if (command === 'start') {
      const id = `u${uploads.size + 1}`;
      uploads.set(id, { parts: [], received: 0 });
      response.setHeader('x-goog-upload-url', `http://${request.headers.host}/upload/parts/${id}`);
      return sendJson(response, 200, '{}');
    }
    const id = request.url?.split('/').at(-1) ?? '';
    const going = uploads.get(id);
    if (going === undefined) return notFound(response, id);
    response.setHeader('x-goog-upload-status', 'active');
    response.setHeader('x-goog-upload-size-received', String(going.received));
    if (command === 'query') return sendJson(response, 200, '{}');
    counts.parts += 1;
    if (options.uploading?.(counts.parts) === 'broken') return void response.destroy();
    if (Number(request.headers['x-goog-upload-offset']) !== going.received) {
      return sendJson(response, 400, '{"error":{"code":400,"message":"wrong offset","status":"INVALID_ARGUMENT"}}');
    }
    going.parts.push(body);
    going.received += body.length;
    if (!command.includes('finalize')) return sendJson(response, 200, '{}');
    const name = `files/in${files.size + 1}`;
    files.set(name, Buffer.concat(going.parts));
    uploads.delete(id);
    sendJson(response, 200, JSON.stringify({ file: { name, state: 'ACTIVE' } }));
  }

  interface CreateBody {
    batch: { displayName: string; inputConfig: { fileName?: string } };
  }

  function create(response: ServerResponse, path: string, { batch }: CreateBody) {
    const input = files.get(batch.inputConfig.fileName ?? '');
    if (input === undefined) return notFound(response, `file ${batch.inputConfig.fileName}`);
    counts.created += 1;
    const outcome = options.creating?.(counts.created) ?? 'made';
    if (typeof outcome === 'object') return sendFault(response, outcome, '');
    const lines = linesOf(input);
    const model = decodeURIComponent(/models\/([^:]+):/.exec(path)?.[1] ?? '');
    const { displayName } = batch;
    const about = { n: jobs.size + 1, displayName, model, calls: lines.length };
    const name = `batches/job${jobs.size + 1}`;
    const script = options.script?.(about) ?? {};
    const keys = lines.map((line) => String(JSON.parse(line).key));
    jobs.set(name, {
      name,
      displayName,
      model,
      keys,
      paid: [],
      cancelled: false,
      script,
      input,
      looks: 0,
      done: 0,
      state: 'PENDING',
    });
    if (outcome === 'lost') return void response.destroy();
    sendJson(response, 200, JSON.stringify(described(name)));
  }

  function described(name: string) {
    const job = jobs.get(name);
    if (job === undefined) throw new Error(`no job ${name}`);
    const { displayName, model, state, script, results } = job;
    const isOver = results !== undefined;
    const output =
      isOver && results.length > 0
        ? script.inline
          ? { inlinedResponses: { inlinedResponses: results.map((line) => inlined(line)) } }
          : { responsesFile: `files/out-${name.split('/')[1]}` }
        : undefined;
    const failed = isOver ? (results ?? []).filter((line) => line.includes('"error"')).length : 0;
    return {
      name,
      metadata: {
        ...{ model: `models/${model}`, displayName, state: `BATCH_STATE_${state}` },
        batchStats: {
          requestCount: String(job.keys.length),
          successfulRequestCount: String(isOver ? job.done - failed : 0),
          ...(failed > 0 && { failedRequestCount: String(failed) }),
        },
        ...(output && { output }),
      },
      ...(isOver && { done: true }),
      ...(script.error && isOver && { error: { code: 13, message: script.error } }),
    };
  }

  function inlined(line: string) {
    const { key, ...rest } = JSON.parse(line);
    return { ...rest, metadata: { key } };
  }

  function list(response: ServerResponse, url: string): void {
    const { searchParams } = new URL(url, 'http://server');
    const shown = [...jobs.values()].filter((job) => options.listed?.(job) ?? true).reverse();
    const start = Number(searchParams.get('pageToken') ?? 0);
    const size = Number(searchParams.get('pageSize') ?? 50);
    const operations = shown.slice(start, start + size).map(({ name }) => described(name));
    const nextPageToken = start + size < shown.length ? String(start + size) : undefined;
    sendJson(response, 200, JSON.stringify({ operations, nextPageToken }));
  }

  async function get(response: ServerResponse, path: string): Promise<void> {
    counts.gets += 1;
    const job = jobs.get(path.slice(path.indexOf('batches/')));
    if (job === undefined) return notFound(response, path);
    if (job.results === undefined) {
      const { looks = 0, end = 'SUCCEEDED' } = job.script;
      if (job.cancelled) job.state = job.looks++ === 0 ? 'CANCELLING' : 'CANCELLED';
      else if (job.looks++ >= looks) job.state = end;
      else job.state = job.looks === 1 ? 'QUEUED' : 'RUNNING';
      if (!['QUEUED', 'RUNNING', 'CANCELLING'].includes(job.state)) await work(job);
    }
    sendJson(response, 200, JSON.stringify(described(job.name)));
  }

  async function work(job: LiveJob): Promise<void> {
    const results: string[] = [];
    if (job.cancelled || job.script.end === 'FAILED') {
      job.results = results;
      return;
    }
    for (const [n, line] of linesOf(job.input).entries()) {
      const { key, request } = JSON.parse(line) as { key: string; request: RequestBody };
      const call = callOf(n, job.model, request);
      const becomes = job.script.line?.(n, call) ?? 'answered';
      if (becomes === 'missing') continue;
      job.done += 1;
      if (typeof becomes === 'object') {
        results.push(JSON.stringify({ key, error: becomes }));
        continue;
      }
      job.paid.push(key);
      const answer = JSON.stringify({ key, response: await options.respond(call) });
      results.push(answer);
      if (becomes === 'twice') results.push(answer);
    }
    job.results = job.script.shuffled ? results.reverse() : results;
    files.set(`files/out-${job.name.split('/')[1]}`, Buffer.from(results.map((line) => `${line}\n`).join('')));
  }

  function cancel(response: ServerResponse, path: string) {
    const job = jobs.get(path.slice(path.indexOf('batches/')).replace(':cancel', ''));
    if (job === undefined) return notFound(response, path);
    if (job.results === undefined) Object.assign(job, { cancelled: true, looks: 0, state: 'CANCELLING' });
    sendJson(response, 200, '{}');
  }

  function download(response: ServerResponse, path: string) {
    const bytes = files.get(path.slice(path.indexOf('files/')).replace(':download', ''));
    if (bytes === undefined) return notFound(response, path);
    counts.downloads += 1;
    const how = options.downloading?.(counts.downloads) ?? 'whole';
    const part = bytes.subarray(0, Math.floor(bytes.length / 2));
    if (how === 'shortened') return void response.end(part);
    response.setHeader('content-length', bytes.length);
    if (how === 'whole') return void response.end(bytes);
    response.write(part, () => response.destroy());
  }

  return {
    handle,
    counts,
    get jobs(): JobRecord[] {
      return [...jobs.values()];
    },
    /** As if the service had never heard of it. */
    forget: (name: string) => jobs.delete(name),
  };
}

function linesOf(file: Buffer): string[] {
  return file.toString('utf8').split('\n').filter(Boolean);
}

/** A line's request as a single call would look. */
function callOf(n: number, model: string, request: RequestBody): Call {
  const { responseSchema, ...config } = request.generationConfig ?? {};
  const generationConfig = { ...config, ...(responseSchema !== undefined && { responseJsonSchema: responseSchema }) };
  const raw = Buffer.from(JSON.stringify({ ...request, generationConfig }));
  return readCall(n, {}, `/v1beta/models/${model}:generateContent`, [raw]);
}

function notFound(response: ServerResponse, what: string): void {
  sendJson(
    response,
    404,
    JSON.stringify({ error: { code: 404, message: `${what} is not found.`, status: 'NOT_FOUND' } }),
  );
}
