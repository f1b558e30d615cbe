import { cloudEvent, http, type Request } from '@google-cloud/functions-framework';
import type { PushRequest } from './handlers/pubsub.ts';
import { onDemand } from './lib/on-demand.ts';
import type { Files, Models } from './platform/ports.ts';
import type { ModelJobs } from './platform/wave-ports.ts';
import type { Settings } from './settings.ts';

// Cloud root. An instance loads what its function needs with the first request, so that it answers soon after its start.

/** Where the dead letters of all topics are pushed to, at the function `control`. */
const DEAD_LETTERS_PATH = '/dead-letters';

const theApp = once(openApp);
const thePush = once(openPush);
const theApi = once(openApi);
const theBucket = once(openBucket);

for (const name of ['process', 'finalize', 'control']) {
  http(name, async (request, response) => {
    const handle = await thePush();
    response.status(await handle(pushOf(request))).end();
  });
}

cloudEvent('bucket', async (event: unknown) => {
  const handle = await theBucket();
  await handle(event);
});

http('api', async (request, response) => {
  // That the process lives is said before anything is loaded.
  if (request.path === '/healthz') response.json({ status: 'ok' });
  else await (await theApi())(request, response);
});

function pushOf(request: Request): PushRequest {
  const { authorization } = request.headers;
  return { authorization, body: request.body, isDeadLetter: request.path === DEAD_LETTERS_PATH };
}

async function openPush() {
  const [{ app, settings }, { pubsubHandler }] = await Promise.all([theApp(), import('./handlers/pubsub.ts')]);
  const { push } = settings.cloud;
  const quarantine = quarantineOf(settings);
  if (push.audiences.length === 0 && push.serviceAccount === undefined) return pubsubHandler({ app, quarantine });
  const { pushIdentity } = await import('./platform/google/push-identity.ts');
  return pubsubHandler({ app, quarantine, refusalOf: pushIdentity(push) });
}

async function openBucket() {
  const [{ app, settings }, { bucketHandler }, { SIMULATED_SETTINGS }] = await Promise.all([
    theApp(),
    import('./handlers/bucket.ts'),
    import('./platform/local/model-router.ts'),
  ]);
  const { cloud, drop, recipe } = settings;
  const rules = {
    ...startOf(settings),
    ...drop,
    inbox: `gs://${cloud.inboxBucket ?? ''}`,
    recipe: 'fidelity',
    recipeSettings: recipe,
    fixedSettings: cloud.simulate ? SIMULATED_SETTINGS : {},
  };
  return bucketHandler({ app, rules, quarantine: quarantineOf(settings) });
}

async function openApi() {
  const [
    { app, settings },
    { httpApi },
    { bucketPlace },
    { productVersion },
    { SIMULATED_SETTINGS },
    { getRequestListener },
  ] = await Promise.all([
    theApp(),
    import('./handlers/http.ts'),
    import('./handlers/http-start.ts'),
    import('./lib/product-version.ts'),
    import('./platform/local/model-router.ts'),
    import('@hono/node-server'),
  ]);
  const { api, cloud, recipe } = settings;
  const start = {
    ...startOf(settings),
    maxRunning: api.maxRunningBatches,
    recipeSettings: (given: object) => ({ ...recipe, ...given, ...(cloud.simulate && SIMULATED_SETTINGS) }),
    placeOf: (uri: string) => bucketPlace(uri, cloud.allowedBuckets),
    within: cloud.allowedBuckets.map((bucket) => `gs://${bucket}`),
    everything: cloud.inboxBucket && `gs://${cloud.inboxBucket}`,
  };
  const { token, streamMs } = api;
  const version = productVersion();
  const encoders = { ...recipe, ...(cloud.simulate && SIMULATED_SETTINGS) };
  const { fetch } = httpApi(app, { version, streamMs, start, encoders, ...(token !== undefined && { token }) });
  return getRequestListener(fetch, { overrideGlobalObjects: false });
}

/** What every batch starts with, whoever asks for it. */
function startOf({ cloud, maxConcurrent, maxRetries, timeoutMs, maxFileBytes }: Settings) {
  const outputRoot = `gs://${cloud.outputBucket}`;
  return {
    run: { lane: 'standard' as const, maxConcurrent, maxRetries, timeoutMs },
    outputRoot,
    simulated: cloud.simulate,
    maxFileBytes,
    exclude: [outputRoot, `gs://${cloud.workBucket}`],
  };
}

/** Where what cannot be read waits for a person. */
function quarantineOf({ cloud }: Settings): string {
  return `gs://${cloud.workBucket}/quarantine`;
}

async function openApp() {
  const [
    { loadSettings },
    { CLOUD_LIMITS, createApp },
    { jsonLog },
    { googlePlatform, workPictures },
    { openGecko, withGecko },
    { systemClock },
    { modelRouter },
  ] = await Promise.all([
    import('./settings.ts'),
    import('./app/app.ts'),
    import('./lib/log.ts'),
    import('./platform/google/index.ts'),
    import('./platform/google/gecko-access.ts'),
    import('./platform/local/system-clock.ts'),
    import('./platform/local/model-router.ts'),
  ]);
  const settings = loadSettings({ flags: {}, cwd: process.cwd() });
  const { cloud, prices, batchAgeMs, waves, dailySpendNano } = settings;
  const { location } = settings.gecko;
  const { gecko, unavailable } = openGecko({ ...settings.gemini, location, pictures: workPictures(cloud) });
  const platform = googlePlatform({
    ...cloud,
    models(open) {
      const service = gemini(settings, open);
      return modelRouter(simulated(open), service && withGecko(service, gecko));
    },
    jobs: (files) => jobsOf(settings, files),
    clock: systemClock(),
    log: jsonLog((line) => process.stdout.write(line), Date.now, ['info', 'warn', 'error']),
  });
  const { leaseMs, window } = cloud;
  const limits = { ...CLOUD_LIMITS, window, leaseMs, leaseMarginMs: Math.min(30_000, leaseMs), batchAgeMs, waves };
  // Never aborted: on SIGTERM the framework ends the process at once, and what was under way goes on elsewhere after its lease.
  const stop = new AbortController().signal;
  return { settings, app: createApp(platform, { prices, unavailable, stop, limits, dailySpendNano }) };
}

function simulated(open: Files['open']): Models {
  return onDemand<Models>({ call: true, check: true }, async () => {
    const { simulatedModels } = await import('./platform/local/simulated-models.ts');
    return simulatedModels({ open });
  });
}

function gemini({ gemini: { auth, baseUrl } }: Settings, open: Files['open']): Models | undefined {
  if (auth === undefined) return undefined;
  return onDemand<Models>({ call: true, check: true }, async () => {
    const { geminiModels } = await import('./platform/google/gemini-models.ts');
    return geminiModels({ auth, open, ...(baseUrl !== undefined && { baseUrl }) });
  });
}

const JOBS: Record<keyof ModelJobs, true> = {
  line: true,
  upload: true,
  create: true,
  find: true,
  get: true,
  cancel: true,
  results: true,
  read: true,
};

function jobsOf({ gemini: { auth, baseUrl }, cloud }: Settings, files: Files): ModelJobs {
  return onDemand(JOBS, async () => {
    const [{ jobsRouter }, { simulatedJobs }, { openJobs }, { workPictures }, { systemClock }] = await Promise.all([
      import('./platform/local/model-router.ts'),
      import('./platform/local/simulated-jobs.ts'),
      import('./platform/google/job-access.ts'),
      import('./platform/google/index.ts'),
      import('./platform/local/system-clock.ts'),
    ]);
    const objects = { bucket: cloud.workBucket ?? '', prefix: 'objects' };
    const real = openJobs({ auth, baseUrl, files, objects, pictures: workPictures(cloud) });
    return jobsRouter(simulatedJobs({ models: simulated(files.open), files, clock: systemClock() }), real);
  });
}

/** The same promise for everybody; after a failure the next one tries again. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((thrown: unknown) => {
      made = undefined;
      throw thrown;
    });
    return made;
  };
}
