import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadSettings, type Settings } from '../functions/settings.ts';
import { tempHome } from './support/temp-home.ts';

afterEach(() => vi.unstubAllEnvs());

describe('empty variables', () => {
  it('count as not set, real ones and those of .env', async () => {
    const settings = await load(
      { GOOGLE_CLOUD_LOCATION: '' },
      { '.env': 'GOOGLE_CLOUD_LOCATION=\nJUDGE=\nGEMINI_API_KEY=k' },
    );
    expect(settings.gemini.auth).toEqual({ kind: 'key', apiKey: 'k' });
    expect(settings.gecko).toEqual({ location: 'us-central1' });
    expect(settings.recipe).toEqual({});
  });
});

describe('the judging service', () => {
  it.each([
    ['nothing is set', {}, 'us-central1'],
    ['models are everywhere', { GOOGLE_CLOUD_LOCATION: 'global' }, 'us-central1'],
    ['models have a region', { GOOGLE_CLOUD_LOCATION: 'europe-west4' }, 'europe-west4'],
    ['it has one of its own', { GOOGLE_CLOUD_LOCATION: 'europe-west4', JUDGE_LOCATION: 'global' }, 'global'],
  ])('is asked in the right region when %s', async (_, env, location) => {
    expect((await load(env)).gecko.location).toBe(location);
  });

  it.each([
    ['gs://bucket', { bucket: 'bucket', prefix: '' }],
    ['gs://my-bucket_1.example/', { bucket: 'my-bucket_1.example', prefix: '' }],
    ['gs://bucket/some/folder//', { bucket: 'bucket', prefix: 'some/folder' }],
  ])('reads pictures at %s', async (place, bucket) => {
    expect((await load({ JUDGE_BUCKET: place })).gecko.bucket).toEqual(bucket);
  });

  it('can be set in the settings file', async () => {
    const yaml = 'judge: gecko_text2image_v1\njudgeBucket: gs://from-file\njudgeLocation: us-east4\n';
    const settings = await load({ JUDGE_LOCATION: 'us-west1' }, { 'proofsheet.yaml': yaml });
    expect(settings.gecko).toEqual({ location: 'us-west1', bucket: { bucket: 'from-file', prefix: '' } });
    expect(settings.recipe).toEqual({ judge: 'gecko_text2image_v1' });
    await expect(load({}, { 'proofsheet.yaml': 'judge: gecko\n' })).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('the deployed functions', () => {
  it('have names for everything but the buckets', async () => {
    const { cloud, api } = await load({});
    expect(cloud).toMatchObject({
      database: '(default)',
      topics: { process: 'proofsheet-process', finalize: 'proofsheet-finalize', control: 'proofsheet-control' },
      allowedBuckets: [],
      push: { audiences: [] },
      simulate: false,
      leaseMs: 600_000,
    });
    for (const name of ['inboxBucket', 'outputBucket', 'workBucket']) expect(cloud).not.toHaveProperty(name);
    expect(api).toMatchObject({ maxRunningBatches: 1 });
    expect(api).not.toHaveProperty('token');
  });

  it('read the inbox, keep objects with the results and prove every push, unless they are told otherwise', async () => {
    const buckets = { INBOX_BUCKET: 'in', OUTPUT_BUCKET: 'out' };
    expect((await load(buckets)).cloud).toMatchObject({ workBucket: 'out', allowedBuckets: ['in'] });
    const more = { WORK_BUCKET: 'work', ALLOWED_BUCKETS: 'in, shop,,', PUSH_AUDIENCE: 'https://a, https://b' };
    expect((await load({ ...buckets, ...more, PUSH_SERVICE_ACCOUNT: 'p@x', SIMULATE: 'TRUE' })).cloud).toMatchObject({
      ...{ workBucket: 'work', allowedBuckets: ['in', 'shop'], simulate: true },
      push: { audiences: ['https://a', 'https://b'], serviceAccount: 'p@x' },
    });
  });

  it.each([
    { MAX_RUNNING_BATCHES: '0' },
    { LEASE_SECONDS: '1.5' },
    { INBOX_BUCKET: 'same', OUTPUT_BUCKET: 'same' },
    { INBOX_BUCKET: 'in', OUTPUT_BUCKET: 'out', WORK_BUCKET: 'in' },
  ])('refuse %o', async (env) => {
    await expect(load(env as Record<string, string>)).rejects.toMatchObject({ code: 'usage' });
  });
});

/** Settings as they are in a folder with these files, with no other variables of their names than these. */
async function load(env: Record<string, string>, files: Record<string, string> = {}): Promise<Settings> {
  const cwd = await tempHome();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
  for (const name of Object.keys(process.env)) {
    if (
      /^(GOOGLE|GEMINI|JUDGE|PUSH|INBOX|OUTPUT|WORK|ALLOWED|API_TOKEN|MAX|LEASE|SIMULATE|FIRESTORE|(PROCESS|FINALIZE|CONTROL)_TOPIC)/.test(
        name,
      )
    )
      vi.stubEnv(name, undefined);
  }
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  return loadSettings({ flags: {}, cwd });
}
