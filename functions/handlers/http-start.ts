import { type Context, Hono } from 'hono';
import { z } from 'zod';
import type { App } from '../app/app.ts';
import { countInputs } from '../app/count-inputs.ts';
import { runningBatches, type StartRequest, startBatch } from '../app/start-batch.ts';
import type { Batch } from '../domain/batch.ts';
import { asProofsheetError } from '../domain/errors.ts';
import { addressOf, readBody, refusedRequest } from './http-request.ts';

/** What a start takes from the settings of the process. */
export interface StartOptions extends Pick<StartRequest, 'run' | 'outputRoot' | 'simulated'> {
  maxRunning: number;
  /** Settings of a recipe, completed with those of the process. */
  recipeSettings(given: Record<string, unknown>): Record<string, unknown>;
  /** Why a place may not be read; undefined if it may. */
  problemWith(uri: string): string | undefined;
  /** The places that may be read, for files that manifests name. */
  within: string[];
  /** What `run_all` without a prefix means; undefined where there is no such place. */
  everything: string | undefined;
  /** Folders whose files are never inputs. */
  exclude: string[];
}

const MAX_IMAGE_URIS = 1000;
const MAX_FILE_BYTES = 20 * 1024 * 1024;

const startSchema = z.strictObject({
  prefix: z.string().min(1).optional(),
  image_uris: z.array(z.string().min(1)).min(1).max(MAX_IMAGE_URIS).optional(),
  run_all: z.boolean().optional(),
  recipe: z.string().optional(),
  settings: z.record(z.string(), z.unknown()).optional(),
  lane: z.literal('standard').optional(),
  name: z.string().min(1).max(200).optional(),
});
type StartBody = z.infer<typeof startSchema>;

/** `POST /start`. */
export function startRoute(app: App, options: StartOptions): Hono {
  return new Hono().post('/start', async (context) => {
    const body = await readBody(context, startSchema);
    const request = requestFrom(body, options);
    try {
      const { batch } = await startBatch(app, request);
      return context.json(await startedDocument(app, context, batch, request), 202);
    } catch (thrown) {
      return await startFailure(app, context, thrown);
    }
  });
}

async function startedDocument(app: App, context: Context, batch: Batch, request: StartRequest) {
  // The batch runs, whatever becomes of the count.
  const count = await countInputs(app, request).catch(() => undefined);
  return {
    batch_id: batch.id,
    image_count: count ?? null,
    simulated: batch.simulated,
    status_url: addressOf(context, `/api/batch/status?batch_id=${batch.id}`),
    report_url: addressOf(context, `/api/batch/report?batch_id=${batch.id}`),
  };
}

function inputsOf({ prefix, image_uris: uris, run_all: runAll }: StartBody, options: StartOptions): string[] {
  if (prefix !== undefined && uris !== undefined) throw refusedRequest(['Give `prefix` or `image_uris`, not both.']);
  const everything = runAll === true && options.everything !== undefined ? [options.everything] : [];
  const inputs = [...new Set(uris ?? (prefix === undefined ? everything : [prefix]))];
  if (inputs.length === 0) {
    throw refusedRequest(['Name what to work on: `prefix` or `image_uris`, or `run_all` for the whole inbox.']);
  }
  const problems = inputs.flatMap((input) => options.problemWith(input) ?? []);
  if (problems.length > 0) throw refusedRequest(problems);
  return inputs;
}

function requestFrom(body: StartBody, options: StartOptions): StartRequest {
  const inputs = inputsOf(body, options);
  return {
    inputs,
    selection: {
      ...{ patterns: [], recursive: true, maxFileBytes: MAX_FILE_BYTES },
      ...{ exclude: options.exclude, within: options.within },
    },
    recipe: body.recipe ?? 'fidelity',
    recipeSettings: options.recipeSettings(body.settings ?? {}),
    simulated: options.simulated,
    force: false,
    run: { ...options.run, ...(body.lane && { lane: body.lane }) },
    outputRoot: options.outputRoot,
    archive: 'none',
    name: body.name ?? nameFor(inputs),
    maxRunning: options.maxRunning,
  };
}

/** The last part of the first input. */
function nameFor(inputs: readonly string[]): string {
  const first = inputs[0]?.replace(/\/+$/, '').split('/').at(-1) ?? '';
  return inputs.length === 1 ? first : `${first} and ${inputs.length - 1} more`;
}

async function startFailure(app: App, context: Context, thrown: unknown): Promise<Response> {
  const { code, message } = asProofsheetError(thrown);
  if (code === 'batch_running') {
    const [running] = await runningBatches(app);
    return context.json({ error: { code, message, ...(running && { batch_id: running.id }) } }, 409);
  }
  if (code === 'usage' || code === 'file_missing' || code === 'unreadable_file') throw refusedRequest([message]);
  throw thrown;
}

/** For places in Cloud Storage: only those in buckets that were allowed. */
export function bucketProblem(uri: string, allowed: readonly string[]): string | undefined {
  const bucket = /^gs:\/\/([^/]+)(\/|$)/.exec(uri)?.[1];
  if (bucket !== undefined && allowed.includes(bucket)) return undefined;
  const places = allowed.map((name) => `gs://${name}`).join(', ') || 'none; set ALLOWED_BUCKETS';
  return `${uri} is no place that may be read (allowed: ${places}).`;
}
