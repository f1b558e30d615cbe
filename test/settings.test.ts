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

/** Settings as they are in a folder with these files, with no other variables of their names than these. */
async function load(env: Record<string, string>, files: Record<string, string> = {}): Promise<Settings> {
  const cwd = await tempHome();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
  for (const name of Object.keys(process.env)) {
    if (/^(GOOGLE|GEMINI|JUDGE)/.test(name)) vi.stubEnv(name, undefined);
  }
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  return loadSettings({ flags: {}, cwd });
}
