import { existsSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism, homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { type PriceTable, priceTableSchema } from './domain/cost.ts';
import { refuseInside } from './domain/drop-gate.ts';
import { type EmbeddingSettings, freePrices } from './domain/embedding-settings.ts';
import { ProofsheetError } from './domain/errors.ts';
import type { ApiSettings, CloudSettings, DropSettings } from './domain/process-settings.ts';
import { DEFAULT_MAX_FILE_BYTES } from './domain/selection.ts';
import { type FileSettings, settingsFileSchema } from './domain/settings-file.ts';
import { type WaveLimits, waveLimitsFor } from './domain/wave.ts';
import { readYaml, shapedYaml, type YamlText } from './lib/yaml-shape.ts';

const DAY_SECONDS = 86_400;

/** How Gemini is reached; undefined when nothing is configured. */
export type GeminiAuth =
  | { kind: 'key'; apiKey: string }
  | { kind: 'vertex'; project: string; location: string; apiKey?: string };

export interface Settings {
  readonly home: string;
  readonly outputDir: string;
  readonly gemini: { readonly auth?: GeminiAuth; readonly baseUrl?: string };
  readonly gecko: {
    readonly location: string;
    /** Where pictures are put for the service to read. */
    readonly bucket?: { readonly bucket: string; readonly prefix: string };
  };
  /** Members that are set, for the recipe's own schema to complete. */
  readonly recipe: Readonly<Record<string, unknown>>;
  readonly maxConcurrent: number;
  readonly maxRetries: number;
  readonly timeoutMs: number;
  readonly maxFileBytes: number;
  /** Globs; all files where there is none. */
  readonly patterns: readonly string[];
  readonly archiveFormat: 'zip' | 'tar' | 'none';
  /** An unfinished batch of this age is cancelled. */
  readonly batchAgeMs: number;
  /** How jobs of the batch lane are looked after. */
  readonly waves: WaveLimits;
  readonly prices: PriceTable;
  /** All batches together spend no more in a day; undefined: any amount. */
  readonly dailySpendNano?: number;
  readonly api: ApiSettings;
  readonly cloud: CloudSettings;
  readonly drop: DropSettings;
  readonly embedding: EmbeddingSettings;
}

export interface SettingsSources {
  /** Flags that were given. */
  flags: { home?: string; config?: string };
  cwd: string;
}

/** Flag, then environment (and `.env`), then `proofsheet.yaml`, then default. */
export function loadSettings(sources: SettingsSources): Settings {
  const env = environment(sources.cwd);
  const file = configFile(sources);
  const baseUrl = usesVertex(env) ? env.GOOGLE_VERTEX_BASE_URL : env.GOOGLE_GEMINI_BASE_URL;
  const auth = geminiAuth(env);
  const home = resolve(
    sources.cwd,
    sources.flags.home ?? env.PROOFSHEET_HOME ?? file.home ?? join(homedir(), '.proofsheet'),
  );
  return Object.freeze({
    home,
    outputDir: resolve(sources.cwd, env.OUTPUT_DIR ?? file.outputDir ?? 'output'),
    gemini: { ...(auth && { auth }), ...(baseUrl && { baseUrl }) },
    gecko: geckoSettings(env, file),
    recipe: recipeSettings(env, file),
    maxConcurrent: wholeNumber(env, 'MAX_CONCURRENT_REQUESTS', 1000) ?? file.maxConcurrent ?? 5,
    maxRetries: wholeNumber(env, 'MAX_RETRIES', 20) ?? file.maxRetries ?? 5,
    timeoutMs: (file.timeout ?? 120) * 1000,
    maxFileBytes: file.maxFileSize ?? DEFAULT_MAX_FILE_BYTES,
    patterns: file.pattern ?? [],
    archiveFormat: file.archiveFormat ?? 'none',
    batchAgeMs: (wholeNumber(env, 'MAX_BATCH_DAYS', 365) ?? file.maxBatchDays ?? 7) * 86_400_000,
    waves: waveLimits(env, file),
    prices: mergedPrices(env, file),
    ...dailySpend(env, file),
    api: {
      ...(env.API_TOKEN && { token: env.API_TOKEN }),
      maxRunningBatches: wholeNumber(env, 'MAX_RUNNING_BATCHES', 1000) ?? 1,
      streamMs: (wholeNumber(env, 'STREAM_SECONDS', DAY_SECONDS) ?? 3300) * 1000,
    },
    cloud: cloudSettings(env),
    drop: {
      quietMs: 1000 * (wholeNumber(env, 'DROP_QUIET_SECONDS', DAY_SECONDS) ?? file.dropQuietSeconds ?? 120),
      graceMs: 1000 * (wholeNumber(env, 'DROP_GRACE_SECONDS', DAY_SECONDS) ?? file.dropGraceSeconds ?? 20),
    },
    embedding: embeddingSettings(file, home, sources.cwd),
  });
}

type Env = Readonly<Record<string, string | undefined>>;

/** Real variables win over those of `.env`; empty ones count as not set. */
function environment(cwd: string): Env {
  const path = join(cwd, '.env');
  const fromFile = statSync(path, { throwIfNoEntry: false })?.isFile() ? parseEnv(readFileSync(path, 'utf8')) : {};
  const set = [fromFile, process.env].flatMap((source) => Object.entries(source).filter(([, value]) => value));
  return Object.fromEntries(set);
}

function usesVertex(env: Env): boolean {
  return isOn(env.GOOGLE_GENAI_USE_ENTERPRISE ?? env.GOOGLE_GENAI_USE_VERTEXAI);
}

function isOn(flag: string | undefined): boolean {
  return /^(1|true)$/i.test(flag ?? '');
}

function geminiAuth(env: Env): GeminiAuth | undefined {
  const apiKey = env.GOOGLE_API_KEY ?? env.GEMINI_API_KEY;
  if (!usesVertex(env)) return apiKey === undefined ? undefined : { kind: 'key', apiKey };
  const project = env.GOOGLE_CLOUD_PROJECT ?? '';
  const location = env.GOOGLE_CLOUD_LOCATION ?? 'global';
  if (project === '' && apiKey === undefined) {
    throw new ProofsheetError(
      'usage',
      'Vertex AI is switched on but GOOGLE_CLOUD_PROJECT is not set; set it to your project id.',
    );
  }
  return { kind: 'vertex', project, location, ...(project === '' && apiKey !== undefined && { apiKey }) };
}

function cloudSettings(env: Env): CloudSettings {
  const inboxBucket = env.INBOX_BUCKET;
  const outputBucket = env.OUTPUT_BUCKET;
  const workBucket = env.WORK_BUCKET ?? outputBucket;
  const serviceAccount = env.PUSH_SERVICE_ACCOUNT;
  if (inboxBucket !== undefined) refuseInside(inboxBucket, [outputBucket, workBucket]);
  return {
    ...(env.GOOGLE_CLOUD_PROJECT && { project: env.GOOGLE_CLOUD_PROJECT }),
    database: env.FIRESTORE_DATABASE ?? '(default)',
    topics: {
      process: env.PROCESS_TOPIC ?? 'proofsheet-process',
      finalize: env.FINALIZE_TOPIC ?? 'proofsheet-finalize',
      control: env.CONTROL_TOPIC ?? 'proofsheet-control',
    },
    ...(inboxBucket && { inboxBucket }),
    ...(outputBucket && { outputBucket }),
    ...(workBucket && { workBucket }),
    allowedBuckets: wordList(env.ALLOWED_BUCKETS) ?? (inboxBucket ? [inboxBucket] : []),
    push: { audiences: wordList(env.PUSH_AUDIENCE) ?? [], ...(serviceAccount && { serviceAccount }) },
    simulate: isOn(env.SIMULATE),
    leaseMs: (wholeNumber(env, 'LEASE_SECONDS', 3600) ?? 600) * 1000,
    window: wholeNumber(env, 'BATCH_WINDOW', 100_000) ?? 1000,
  };
}

/** `a, b` as its words. */
function wordList(text: string | undefined): string[] | undefined {
  return text
    ?.split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

/** Not every metric is said to be at the location "global", which is the default for models. */
function geckoSettings(env: Env, file: FileSettings): Settings['gecko'] {
  const models = env.GOOGLE_CLOUD_LOCATION;
  const location =
    env.JUDGE_LOCATION ?? file.judgeLocation ?? (models === undefined || models === 'global' ? 'us-central1' : models);
  const place = env.JUDGE_BUCKET ?? file.judgeBucket;
  if (place === undefined) return { location };
  const [, bucket, prefix = ''] = /^gs:\/\/([a-z0-9][a-z0-9._-]*)(?:\/(.*?))?\/*$/.exec(place) ?? [];
  if (bucket === undefined) {
    throw new ProofsheetError('usage', `JUDGE_BUCKET is "${place}"; set it to a place such as gs://my-bucket/judge.`);
  }
  return { location, bucket: { bucket, prefix } };
}

function recipeSettings(env: Env, file: FileSettings): Record<string, unknown> {
  const all = {
    textModel: env.TEXT_MODEL ?? file.textModel,
    imageModel: env.IMAGE_MODEL ?? file.imageModel,
    judgeModel: env.JUDGE_MODEL ?? file.judgeModel,
    judge: env.JUDGE ?? file.judge,
    threshold: file.threshold,
    maxAttempts: file.maxAttempts,
    ...embeddingModels(env, file),
    dimensions: file.embedding?.dimensions,
    collection: file.embedding?.collection,
    weights: file.embedding?.weights,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function embeddingModels(env: Env, { embedding }: FileSettings) {
  return {
    semanticModel: env.EMBEDDING_MODEL ?? embedding?.semanticModel,
    visualModel: env.VISUAL_EMBEDDING_MODEL ?? embedding?.visualModel,
  };
}

function embeddingSettings({ embedding = {} }: FileSettings, home: string, cwd: string): EmbeddingSettings {
  const {
    referencesDir = 'data/references',
    scrapedDir = 'data/scraped',
    batchSize = 32,
    modelDir,
    threads,
  } = embedding;
  const placeOf = (place: string) => (place.startsWith('gs://') ? place : resolve(cwd, place));
  return {
    referencesDir: placeOf(referencesDir),
    scrapedDir: placeOf(scrapedDir),
    batchSize,
    modelDir: modelDir === undefined ? join(home, 'models') : resolve(cwd, modelDir),
    threads: threads ?? Math.max(1, Math.min(4, availableParallelism() - 1)),
  };
}

function waveLimits(env: Env, file: FileSettings): WaveLimits {
  const seconds = Number(env.BATCH_POLL_SECONDS ?? file.batchPollSeconds ?? 30);
  if (seconds >= 0.05 && seconds <= 3600) return waveLimitsFor(seconds * 1000);
  const text = `BATCH_POLL_SECONDS is "${env.BATCH_POLL_SECONDS}"; set it to a number from 0.05 to 3600.`;
  throw new ProofsheetError('usage', text);
}

function wholeNumber(env: Env, name: string, max: number): number | undefined {
  const text = env[name];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new ProofsheetError('usage', `${name} is "${text}"; set it to a whole number from 1 to ${max}.`);
}

function dailySpend(env: Env, file: FileSettings): Pick<Settings, 'dailySpendNano'> {
  const text = env.DAILY_SPEND_LIMIT;
  const usd = text === undefined ? file.dailySpendLimit : Number(text);
  if (usd === undefined) return {};
  if (Number.isFinite(usd) && usd >= 0) return { dailySpendNano: Math.floor(usd * 1e9) };
  throw new ProofsheetError('usage', `DAILY_SPEND_LIMIT is "${text}"; set it to a number of dollars such as 25.`);
}

function configFile(sources: SettingsSources): FileSettings {
  const named = sources.flags.config;
  const path = resolve(sources.cwd, named ?? 'proofsheet.yaml');
  if (named === undefined && !existsSync(path)) return {};
  const shaped = shapedYaml(readSettings(path), settingsFileSchema);
  if ('value' in shaped) return shaped.value;
  throw new ProofsheetError('usage', `${path}, ${shaped.problems.join('; ')}; correct it.`);
}

function readSettings(path: string): YamlText {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const message = `The settings file ${path} cannot be read; check the path and its permissions.`;
    throw new ProofsheetError('usage', message, { cause });
  }
  const read = readYaml(text);
  if ('value' in read) return read;
  throw new ProofsheetError('usage', `${path}, ${read.problem}: no valid YAML; correct it.`);
}

function mergedPrices(env: Env, file: FileSettings): PriceTable {
  const builtIn = priceTableSchema.parse(readSettings(fileURLToPath(new URL('./prices.yaml', import.meta.url))).value);
  const { asOf, lanes, models } = file.prices ?? { asOf: builtIn.asOf };
  const free = freePrices(Object.values(embeddingModels(env, file)));
  return { asOf, lanes: { ...builtIn.lanes, ...lanes }, models: { ...builtIn.models, ...free, ...models } };
}
