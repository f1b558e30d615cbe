import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { RunDocument } from '../../functions/report/report-format.ts';
import { type CliWorld, cliWorld, photoNames } from '../support/cli.ts';
import { callsFor, endOf } from '../support/fidelity-responder.ts';
import {
  type GeckoCall,
  type GeckoServer,
  type GeckoServerOptions,
  rubricsReply,
  startGeckoServer,
  verdictsReply,
  wireRubric,
} from '../support/gecko-server.ts';
import { textOfPng } from '../support/png.ts';
import { type StorageServer, startStorageServer } from '../support/storage-server.ts';
import { tempHome } from '../support/temp-home.ts';

const GECKO = 'gecko_text2image_v1';

it('judges a batch by the service, one rubric per product, and takes no answer twice', async () => {
  const names = photoNames(3);
  let failed = false;
  const { world, gecko, storage } = await vertexWorld(names, {
    // One failure inside an answer with status 200, which is tried again.
    respond: (call, picture) => {
      if (call.method === 'generateInstanceRubrics' || failed) return respond(call, picture);
      failed = true;
      return { metricResults: [{ error: { code: 13, message: 'Judge model failed.' } }] };
    },
  });
  const end = await world.cli(...world.run('--json'));
  expect(end.stderr).toContain(`PRICE UNKNOWN for ${GECKO}`);
  const run: RunDocument = JSON.parse(end.stdout);
  expect(run).toMatchObject({ state: 'finished', counts: { total: 3, passed: 2, failed: 1, error: 0 } });
  // The service's one request for a rubric takes the place of two.
  const calls = names.map((name) => callsFor(name) - 1);
  expect(run.calls).toBe(calls.reduce((sum, one) => sum + one));

  const items = readFileSync(join(run.output_dir, 'metadata', 'items.jsonl'), 'utf8')
    .trimEnd()
    .split('\n');
  const ends = items.map((line) => JSON.parse(line)).map(({ name, status, score }) => ({ name, status, score }));
  expect(ends.sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual(names.map((name) => ({ name, ...endOf(name) })));
  expect(readFileSync(join(run.output_dir, 'metadata', 'processing_stats.json'), 'utf8')).toContain(`gecko · ${GECKO}`);

  const asked = (method: GeckoCall['method']) => gecko.calls.filter((call) => call.method === method);
  expect(asked('generateInstanceRubrics')).toHaveLength(3);
  expect(new Set(asked('evaluateInstances').map(({ prompt }) => prompt)).size).toBe(3);
  expect(storage.objects.list('judging', {}).items).toHaveLength(6);
  expect(new Set(gecko.calls.map(({ path }) => path.split(':')[0]))).toEqual(
    new Set(['/v1beta1/projects/shop/locations/us-central1']),
  );
  expect(gecko.calls.every(({ authorization }) => /^Bearer token-\d$/.test(authorization ?? ''))).toBe(true);

  const before = gecko.calls.length;
  const again = await world.json(...world.run());
  expect(again).toMatchObject({ calls: 0, counts: { skipped: 3 } });
  expect(gecko.calls).toHaveLength(before);

  const doctor = await world.cli('doctor');
  expect(doctor.stdout).toContain(`✔ judge ${GECKO}: available in us-central1`);
  expect(doctor.stdout).toContain('✔ Google Cloud credentials: accepted');
  expect(doctor.stdout).toContain(`✘ price of ${GECKO}: unknown`);
});

it('pauses the batch with one sentence when the service refuses, and resume goes on', async () => {
  let refused = true;
  const { world, gecko } = await vertexWorld(['a-first.png'], {
    respond: (call, picture) =>
      refused ? { error: { code: 403, status: 'PERMISSION_DENIED', message: 'No access.' } } : respond(call, picture),
  });
  const end = await world.cli(...world.run('--json'));
  expect(end.code).toBe(1);
  expect(end.stderr).toMatch(/Stopped: gecko_text2image_v1 answered 403.*No access.*then resume\./);
  refused = false;
  const run = await world.json('resume');
  expect(run).toMatchObject({ state: 'finished', calls: 4, counts: { passed: 1 } });
  expect(gecko.calls).toHaveLength(3);
});

it.each([
  [
    'an API key',
    { GEMINI_API_KEY: 'test', JUDGE_BUCKET: 'gs://judging' },
    /service of Vertex AI, which takes no API key/,
  ],
  ['no bucket', { GOOGLE_GENAI_USE_ENTERPRISE: 'true', GOOGLE_CLOUD_PROJECT: 'shop' }, /set JUDGE_BUCKET to a place/],
])('with %s is refused in one sentence before anything is asked', async (_, access, sentence) => {
  const env = { GEMINI_API_KEY: '', ...access, JUDGE: GECKO };
  const world = await cliWorld(['a-first.png'], {}, { env });
  for (const more of [[], ['--dry-run']]) {
    const end = await world.cli(...world.run(...more));
    expect(end).toMatchObject({ code: 2, stdout: '' });
    expect(end.stderr).toMatch(sentence);
    expect(end.stderr.trim().split('\n')).toHaveLength(1);
  }
  expect(world.server.counts.calls).toBe(0);
  expect(await world.json('list')).toEqual([]);
});

it('is named by doctor when an API key is all there is', async () => {
  const world = await cliWorld([], {}, { env: { JUDGE: GECKO } });
  const end = await world.cli('doctor');
  expect(end.code).toBe(1);
  expect(end.stdout).toMatch(/✘ judge gecko_text2image_v1: .*service of Vertex AI/);
  expect(end.stdout).toContain('✔ API key: accepted');
});

it('gives way to the rubric judge in a simulated run, loudly', async () => {
  const world = await cliWorld(['a-first.png'], {}, { env: { JUDGE: GECKO } });
  const end = await world.cli(...world.run('--simulate', '--json', '--quiet', '--dry-run'));
  expect(end.stderr).toContain(`SIMULATED: the judge ${GECKO} cannot be simulated; the built-in rubric judge`);
  expect(JSON.parse(end.stdout).models).toEqual(['simulated-text', 'simulated-image', 'simulated-judge']);
});

it.each(['judging', 'https://judging', 'gs://', 'gs://Judging/x'])('refuses %s as a bucket', async (place) => {
  const world = await cliWorld([], {}, { env: { JUDGE_BUCKET: place } });
  expect(await world.cli('list')).toMatchObject({ code: 2, stderr: expect.stringContaining('JUDGE_BUCKET is "') });
});

/** The command line with Vertex AI, the evaluation service and Cloud Storage at its side, and credentials for them. */
async function vertexWorld(
  names: readonly string[],
  serving: { respond: (call: GeckoCall, picture: Buffer) => unknown },
): Promise<{ world: CliWorld; gecko: GeckoServer; storage: StorageServer }> {
  const storage = await startStorageServer({ buckets: ['judging'] });
  onTestFinished(() => storage.close());
  const pictureOf = ({ picture }: GeckoCall): Buffer => {
    const [, bucket = '', name = ''] = /^gs:\/\/([^/]+)\/(.*)$/.exec(picture ?? '') ?? [];
    return bucket === '' ? Buffer.alloc(0) : storage.objects.bytes(bucket, name);
  };
  let otherwise = '';
  const options: GeckoServerOptions = {
    respond: (call) => serving.respond(call, pictureOf(call)),
    otherwise: () => otherwise,
  };
  const gecko = await startGeckoServer(options);
  onTestFinished(() => gecko.close());
  const env = {
    ...{ GEMINI_API_KEY: '', GOOGLE_GENAI_USE_ENTERPRISE: 'true', GOOGLE_CLOUD_PROJECT: 'shop' },
    ...{ GOOGLE_VERTEX_BASE_URL: gecko.url, STORAGE_EMULATOR_HOST: storage.url },
    ...{ JUDGE: GECKO, JUDGE_BUCKET: 'gs://judging/pictures/' },
    GOOGLE_APPLICATION_CREDENTIALS: credentialsFor(await tempHome(), gecko),
  };
  const world = await cliWorld(names, {}, { env });
  otherwise = world.server.url;
  return { world, gecko, storage };
}

/** Application default credentials that get their access tokens here. */
function credentialsFor(folder: string, { url }: GeckoServer): string {
  const [path, source] = [join(folder, 'credentials.json'), join(folder, 'subject.txt')];
  writeFileSync(source, 'subject');
  const credentials = {
    type: 'external_account',
    audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `${url}/token`,
    credential_source: { file: source },
  };
  writeFileSync(path, JSON.stringify(credentials));
  return path;
}

/** Six criteria for every product; pictures fail as they do in the eyes of the rubric judge. */
function respond(call: GeckoCall, picture: Buffer): unknown {
  if (call.method === 'generateInstanceRubrics') {
    return rubricsReply([1, 2, 3, 4, 5, 6].map((part) => wireRubric(`c${part}`, `Is part ${part} right?`)));
  }
  const text = textOfPng(picture) ?? '';
  const round = Number(/round (\d)/.exec(text)?.[1]);
  const passes = !text.includes('never') && round >= (text.includes('second') ? 2 : 1);
  const failing = round % 2 === 1 ? ['c1', 'c2'] : ['c3', 'c4'];
  return verdictsReply(call, ({ rubricId = '' }) => passes || !failing.includes(rubricId));
}
