import type { Context } from 'hono';
import { z } from 'zod';
import type { App } from '../app/app.ts';
import { countInputs } from '../app/count-inputs.ts';
import { planBatch } from '../app/plan-batch.ts';
import { checkKnown, parseRecipeSettings, recipeNamed } from '../app/recipe-settings.ts';
import { runningBatches, type StartRequest, startBatch } from '../app/start-batch.ts';
import type { Batch } from '../domain/batch.ts';
import { asProofsheetError, errorCodeSchema } from '../domain/errors.ts';
import { laneEstimateSchema } from '../domain/estimate.ts';
import { isCostlyGlob } from '../domain/input-root.ts';
import { laneSchema } from '../domain/model-call.ts';
import { rateLimit } from '../lib/rate-limit.ts';
import { type Endpoint, endpoint } from './http-endpoint.ts';
import { addressOf, failureOf, refusedRequest } from './http-request.ts';

/** What a start takes from the settings of the process. */
export interface StartOptions extends Pick<StartRequest, 'run' | 'outputRoot' | 'simulated'> {
  maxRunning: number;
  maxFileBytes: number;
  /** Settings of a recipe, completed with those of the process. */
  recipeSettings(given: Record<string, unknown>): Record<string, unknown>;
  /** The place that a text of a client names. */
  placeOf(text: string): Promise<Place> | Place;
  /** The places that may be read, for files that manifests name. */
  within: string[];
  /** What `run_all` without a prefix means; undefined where there is no such place. */
  everything: string | undefined;
  /** Folders whose files are never inputs. */
  exclude: string[];
  /** Has a batch worked off here, where that is not done elsewhere. */
  takeOn?: (batchId: string) => Promise<void>;
}

/** A place that may be read, or why there is none. */
export type Place = { place: string } | { problem: string };

const MAX_IMAGE_URIS = 1000;
const MAX_URI = 2000;
const MAX_PROBLEMS = 20;
/** Images that an estimate reads at most: somebody waits for it. */
const MAX_ESTIMATED = 1000;
const STARTS_PER_MINUTE = 30;
const ESTIMATES_PER_MINUTE = 30;

const usd = z.number().nonnegative().max(1e6);

const startBody = z.strictObject({
  prefix: z
    .string()
    .min(1)
    .max(MAX_URI)
    .optional()
    .describe('A prefix such as gs://bucket/folder/, or a folder or glob on one machine.'),
  image_uris: z.array(z.string().min(1).max(MAX_URI)).min(1).max(MAX_IMAGE_URIS).optional(),
  run_all: z.boolean().optional().describe('Without prefix and image_uris: everything in the inbox.'),
  recipe: z.string().optional().describe('One of GET /api/recipes; `fidelity` if left out.'),
  settings: z.record(z.string(), z.unknown()).optional().describe('As the schema of the recipe says.'),
  lane: laneSchema
    .optional()
    .describe('`flex`: at half the price, may wait; `batch`: at half the price, within a day.'),
  max_spend_usd: usd.optional().describe('Never spent more: the batch is paused before the call that would.'),
  assume_price_usd: usd.optional().describe('What a call of unknown price counts as under max_spend_usd.'),
  optimization_calls: z
    .number()
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe('So many calls at most to find a better prompt for what failed; it stays as it is if left out.'),
  name: z.string().min(1).max(200).optional(),
  limit: z.number().int().positive().optional().describe('Only the first so many images.'),
  force: z.boolean().optional().describe('Also what was done before with the same settings; it is paid again.'),
});
type StartBody = z.infer<typeof startBody>;

const startedDocument = z.object({
  batch_id: z.string(),
  image_count: z.number().int().nullable().describe('Files by their names; null where there are too many to list.'),
  simulated: z.boolean(),
  status_url: z.string(),
  report_url: z.string(),
});

const count = z.number().int().nonnegative();
const estimateDocument = z.object({
  items: count,
  complete: z.boolean().describe(`False where there are more than ${MAX_ESTIMATED} images; then this is of the first.`),
  refused: z.array(z.object({ source: z.string(), code: errorCodeSchema, message: z.string() })),
  ignored: z.record(z.string(), count).describe('Files left aside, by reason.'),
  models: z.array(z.string()),
  unpriced: z.array(z.string()).describe('Models whose price is not known.'),
  copies: count.describe('Items with the content of others, which are not paid for again.'),
  calls: z.object({ least: count, most: count }),
  lanes: z.array(laneEstimateSchema).optional().describe('Calls, tokens, dollars and seconds for each lane.'),
  based_on: count.optional().describe('Items of an earlier batch that this was measured of; 0: typical values.'),
  choice: z.object({ lane: laneSchema, reason: z.string() }).optional(),
  simulated: z.boolean(),
});

/** `POST /api/batch/start`, and what a start would do. */
export function startEndpoints(app: App, options: StartOptions): Endpoint[] {
  return [startEndpoint(app, options), estimateEndpoint(app, options)];
}

function startEndpoint(app: App, options: StartOptions): Endpoint {
  const admit = rateLimit(app.clock, { most: STARTS_PER_MINUTE, withinMs: 60_000 });
  return endpoint(
    {
      ...{ method: 'post', path: '/api/batch/start', id: 'startBatch', body: startBody },
      summary: 'Starts a batch, or goes on with the unfinished one of the same command.',
      answer: { status: 202, json: startedDocument },
      others: { 409: 'As many batches run as may.', 429: 'Too many starts in a minute.' },
    },
    async ({ context, body }) => {
      refuseTooMany(admit());
      const request = await requestFrom(body, options);
      try {
        checkSettings(app, request, body);
        const { batch } = await startBatch(app, request);
        await options.takeOn?.(batch.id);
        return await documentOfStart(app, context, batch, request);
      } catch (thrown) {
        throw await startFailure(app, thrown);
      }
    },
  );
}

function estimateEndpoint(app: App, options: StartOptions): Endpoint {
  const admit = rateLimit(app.clock, { most: ESTIMATES_PER_MINUTE, withinMs: 60_000 });
  return endpoint(
    {
      ...{ method: 'post', path: '/api/batch/estimate', id: 'estimateBatch', body: startBody },
      summary: 'What a start with this body would do, found by reading every image, without a call to a model.',
      answer: { status: 200, json: estimateDocument },
      others: { 429: 'Too many estimates in a minute.' },
    },
    async ({ body }) => {
      refuseTooMany(admit());
      const request = await requestFrom(body, options);
      const limit = Math.min(request.selection.limit ?? MAX_ESTIMATED, MAX_ESTIMATED);
      try {
        checkSettings(app, request, body);
        const { items, refused, basedOn, ...plan } = await planBatch(app, {
          ...request,
          selection: { ...request.selection, limit },
        });
        const complete = request.selection.limit === limit || items + refused.length < limit;
        const based = basedOn === undefined ? {} : { based_on: basedOn };
        return { items, complete, refused, ...plan, ...based, simulated: request.simulated };
      } catch (thrown) {
        throw await startFailure(app, thrown);
      }
    },
  );
}

/** The answer 429, unless a rate limit has admitted. */
export function refuseTooMany(waitMs: number): void {
  if (waitMs === 0) return;
  const seconds = Math.ceil(waitMs / 1000);
  throw failureOf(429, 'rate_limited', `Too many requests of this kind; ask again in ${seconds} s.`, {
    headers: { 'Retry-After': String(seconds) },
  });
}

async function documentOfStart(
  app: App,
  context: Context,
  batch: Batch,
  request: StartRequest,
): Promise<z.infer<typeof startedDocument>> {
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

async function inputsOf(
  { prefix, image_uris: uris, run_all: runAll }: StartBody,
  options: StartOptions,
): Promise<string[]> {
  if (prefix !== undefined && uris !== undefined) throw refusedRequest(['Give `prefix` or `image_uris`, not both.']);
  const everything = runAll === true && options.everything !== undefined ? [options.everything] : [];
  const named = uris ?? (prefix === undefined ? everything : [prefix]);
  if (named.length === 0) {
    throw refusedRequest(['Name what to work on: `prefix` or `image_uris`, or `run_all` for the whole inbox.']);
  }
  return [...new Set(await placesOf(named, options))];
}

/** The places that these texts name. Fails with the answer 400 if one of them may not be read. */
export async function placesOf(texts: readonly string[], options: Pick<StartOptions, 'placeOf'>): Promise<string[]> {
  const places = await Promise.all(texts.map((text) => (isCostlyGlob(text) ? tooCostly(text) : options.placeOf(text))));
  const problems = places.flatMap((place) => ('problem' in place ? place.problem : []));
  if (problems.length > 0) throw refusedRequest(problems.slice(0, MAX_PROBLEMS));
  return places.flatMap((place) => ('place' in place ? place.place : []));
}

function tooCostly(text: string): Place {
  return { problem: `${text} takes too long to match; use a few of *, **, ? and {a,b}, or name the folder.` };
}

async function requestFrom(body: StartBody, options: StartOptions): Promise<StartRequest> {
  const inputs = await inputsOf(body, options);
  return {
    inputs,
    selection: {
      ...{ patterns: [], recursive: true, maxFileBytes: options.maxFileBytes },
      ...{ exclude: options.exclude, within: options.within },
      ...(body.limit !== undefined && { limit: body.limit }),
    },
    recipe: body.recipe ?? 'fidelity',
    recipeSettings: options.recipeSettings(body.settings ?? {}),
    simulated: options.simulated,
    force: body.force === true,
    run: { ...options.run, ...(body.lane && { lane: body.lane }), ...spendOf(body) },
    outputRoot: options.outputRoot,
    archive: 'none',
    ...(body.optimization_calls !== undefined && { optimize: { calls: body.optimization_calls } }),
    name: body.name ?? nameFor(inputs),
    maxRunning: options.maxRunning,
    hosted: options.takeOn !== undefined,
  };
}

/** A setting that nobody reads would be paid for otherwise than its writer thinks. */
function checkSettings(app: App, request: StartRequest, { settings = {} }: StartBody): void {
  const recipe = recipeNamed(app, request.recipe);
  checkKnown(recipe, parseRecipeSettings(recipe, request.recipeSettings), Object.keys(settings));
}

/** Ceilings of a request, in nano-dollars. */
export function spendOf(body: { max_spend_usd?: number | undefined; assume_price_usd?: number | undefined }) {
  return {
    ...(body.max_spend_usd !== undefined && { maxSpendNano: Math.floor(body.max_spend_usd * 1e9) }),
    ...(body.assume_price_usd !== undefined && { assumedCallNano: Math.ceil(body.assume_price_usd * 1e9) }),
  };
}

/** The last part of the first input. */
function nameFor(inputs: readonly string[]): string {
  const first = inputs[0]?.replace(/\/+$/, '').split('/').at(-1) ?? '';
  return inputs.length === 1 ? first : `${first} and ${inputs.length - 1} more`;
}

/** What a failed start is answered with. */
export async function startFailure(app: App, thrown: unknown): Promise<unknown> {
  const { code, message } = asProofsheetError(thrown);
  if (code === 'batch_running') {
    const [running] = await runningBatches(app);
    return failureOf(409, code, message, { ...(running && { more: { batch_id: running.id } }) });
  }
  const isTheirs = code === 'usage' || code === 'file_missing' || code === 'unreadable_file';
  return isTheirs ? refusedRequest([message]) : thrown;
}

/** For places in Cloud Storage: only those in buckets that were allowed. */
export function bucketPlace(uri: string, allowed: readonly string[]): Place {
  const bucket = /^gs:\/\/([^/]+)(\/|$)/.exec(uri)?.[1];
  if (bucket !== undefined && allowed.includes(bucket)) return { place: uri };
  const places = allowed.map((name) => `gs://${name}`).join(', ') || 'none; set ALLOWED_BUCKETS';
  return { problem: `${uri} is no place that may be read (allowed: ${places}).` };
}
