import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { FileRef } from '../../functions/domain/model-call.ts';
import type { GeminiAuth } from '../../functions/platform/google/gemini-models.ts';
import { googleError } from '../support/gemini-replies.ts';
import { API_KEY, failureOf, geminiSetup, requestOf, STANDARD, storedFile } from '../support/gemini-setup.ts';

describe('what is sent', () => {
  it('a text call: words, system instruction, token limit, and no generation options beside', async () => {
    const { server, models } = await geminiSetup();
    await models.call(requestOf('text', { system: 'Be exact.', maxOutputTokens: 500 }), STANDARD);
    expect(server.calls).toHaveLength(1);
    expect(server.calls[0]).toMatchObject({
      path: '/v1beta/models/fake-text:generateContent',
      model: 'fake-text',
      kind: 'text',
      key: API_KEY,
      prompt: 'What is this?',
      system: 'Be exact.',
      status: 200,
      paid: true,
    });
    expect(server.calls[0]?.body.generationConfig).toEqual({ maxOutputTokens: 500 });
    expect(server.calls[0]?.body.serviceTier).toBeUndefined();
  });

  it('a json call: the schema as it is, without its dialect', async () => {
    const { server, models } = await geminiSetup();
    const schema = {
      type: 'object',
      properties: { choice: { enum: ['yes', 'no', 'cannot_tell'] }, items: { type: 'array', minItems: 1 } },
      required: ['choice'],
      additionalProperties: false,
    };
    const jsonSchema = { $schema: 'https://json-schema.org/draft/2020-12/schema', ...schema };
    await models.call(requestOf('json', { jsonSchema }), STANDARD);
    expect(server.calls[0]?.kind).toBe('json');
    expect(server.calls[0]?.body.generationConfig).toEqual({
      ...{ responseMimeType: 'application/json', responseJsonSchema: schema },
      maxOutputTokens: 16_384,
    });
    expect(jsonSchema.$schema).toBeDefined();
  });

  it('an image call: modalities and aspect ratio', async () => {
    const { server, models } = await geminiSetup();
    await models.call(requestOf('image', { aspectRatio: '4:5' }), STANDARD);
    await models.call(requestOf('image'), STANDARD);
    expect(server.calls.map(({ kind, body }) => [kind, body.generationConfig])).toEqual([
      ['image', { responseModalities: ['TEXT', 'IMAGE'], imageConfig: { aspectRatio: '4:5' } }],
      ['image', { responseModalities: ['TEXT', 'IMAGE'] }],
    ]);
  });

  it('the flex lane as service tier', async () => {
    const { server, models } = await geminiSetup();
    await models.call(requestOf('text'), { ...STANDARD, lane: 'flex' });
    expect(server.calls[0]?.body.serviceTier).toBe('flex');
  });

  it('nothing in the batch lane', async () => {
    const { server, models } = await geminiSetup();
    const error = await failureOf(models.call(requestOf('text'), { ...STANDARD, lane: 'batch' }));
    expect(error.code).toBe('internal');
    expect(server.calls).toHaveLength(0);
  });

  it('files byte for byte and in their place among the words', async () => {
    const bytes = Buffer.from(Array.from({ length: 5000 }, (_, n) => (n * 31) % 256));
    // A view into a larger buffer, as reads from a pool are.
    const { file, open } = storedFile(new Uint8Array(bytes.buffer, bytes.byteOffset + 7, 4001), 'image/webp');
    const { server, models } = await geminiSetup({}, { open });
    await models.call(requestOf('text', { parts: [{ text: 'a' }, { file }, { text: 'b' }] }), STANDARD);
    const parts = server.calls[0]?.body.contents?.[0]?.parts ?? [];
    expect(parts.map((part) => part.text ?? part.inlineData?.mimeType)).toEqual(['a', 'image/webp', 'b']);
    expect(server.calls[0]?.images).toEqual([{ mimeType: 'image/webp', bytes: 4001, sha256: file.sha256 }]);
  });

  it('several files, the same one among them twice, each where it belongs', async () => {
    const first = storedFile(Buffer.from('first'.repeat(999)), 'image/png');
    const second = storedFile(Buffer.from('zweites ünd längeres'.repeat(999)), 'image/png');
    const files = [first.file, second.file, first.file];
    const open = (file: FileRef) => (file === first.file ? first : second).open(file);
    const { server, models } = await geminiSetup({}, { open });
    const parts = files.flatMap((file, n) => [{ text: `„${n}“ 💡` }, { file }]);
    await models.call(requestOf('text', { parts }), STANDARD);
    expect(server.calls[0]?.images.map(({ sha256 }) => sha256)).toEqual(files.map((file) => file.sha256));
    const texts = (server.calls[0]?.body.contents?.[0]?.parts ?? []).flatMap((part) => part.text ?? []);
    expect(texts).toEqual(['„0“ 💡', '„1“ 💡', '„2“ 💡']);
  });

  const photos = new URL('../../../shared/data/products/', import.meta.url);
  it.skipIf(!existsSync(photos))('real photos (skipped where ../shared/data/products is absent)', async () => {
    for (const name of readdirSync(photos).filter((entry) => entry.endsWith('.jpg'))) {
      const bytes = readFileSync(new URL(name, photos));
      const { file, open } = storedFile(bytes, 'image/jpeg');
      const { server, models } = await geminiSetup({}, { open });
      await models.call(requestOf('text', { parts: [{ file }] }), STANDARD);
      expect(server.calls[0]?.images[0]?.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    }
  });

  it('is not sent when a file cannot be read', async () => {
    const { file } = storedFile(Buffer.from('x'), 'image/png');
    const { server, models } = await geminiSetup({}, { open: () => Promise.reject(new Error('disk trouble')) });
    const error = await failureOf(models.call(requestOf('text', { parts: [{ file }] }), STANDARD));
    expect(error.message).toContain('disk trouble');
    expect(server.calls).toHaveLength(0);
  });

  it('reads files when the call goes out, not when it is made ready', async () => {
    let reads = 0;
    const { file, open } = storedFile(Buffer.from('x'), 'image/png');
    const counting = (ref: typeof file) => {
      reads += 1;
      return open(ref);
    };
    const { models } = await geminiSetup({}, { open: counting });
    const request = requestOf('text', { parts: [{ file }] });
    expect(reads).toBe(0);
    await models.call(request, STANDARD);
    expect(reads).toBe(1);
  });

  it('goes out once even where the answer asks for a continuation', async () => {
    const respond = () => ({
      candidates: [
        { finishReason: 'CONTINUATION', continuationToken: 'bW9yZQ==', content: { parts: [{ text: 'a' }] } },
      ],
      usageMetadata: { promptTokenCount: 1 },
    });
    const { server, models } = await geminiSetup({ respond });
    expect((await failureOf(models.call(requestOf('text'), STANDARD))).code).toBe('truncated_answer');
    expect(server.calls).toHaveLength(1);
  });
});

describe('time', () => {
  const hanging = { faults: () => ({ kind: 'hang' as const }) };

  it('its own limit is a timeout that may be tried again', async () => {
    const { server, models } = await geminiSetup(hanging);
    const error = await failureOf(models.call(requestOf('text'), { ...STANDARD, timeoutMs: 60 }));
    expect(error).toMatchObject({ code: 'timeout', disposition: 'transient', scope: 'item', paid: undefined });
    expect(error.message).toContain('fake-text gave no answer within 0.06 s');
    expect(server.calls).toHaveLength(1);
  });

  it("the caller's abort comes back as the caller's reason", async () => {
    const { models } = await geminiSetup(hanging);
    const abort = new AbortController();
    const reason = new Error('Ctrl-C');
    const call = models.call(requestOf('text'), { ...STANDARD, signal: abort.signal });
    setTimeout(() => abort.abort(reason), 30);
    await expect(call).rejects.toBe(reason);
  });

  it('nothing is sent for a signal that is already aborted', async () => {
    const { server, models } = await geminiSetup();
    const reason = new Error('too late');
    const call = models.call(requestOf('text'), { ...STANDARD, signal: AbortSignal.abort(reason) });
    await expect(call).rejects.toBe(reason);
    expect(server.calls).toHaveLength(0);
  });

  it('the limit and the abort hold while an answer is coming in', async () => {
    const { models } = await geminiSetup({ faults: () => ({ kind: 'stall' }) });
    const error = await failureOf(models.call(requestOf('text'), { ...STANDARD, timeoutMs: 60 }));
    expect(error.code).toBe('timeout');
    const reason = new Error('Ctrl-C');
    const abort = new AbortController();
    const call = models.call(requestOf('text'), { ...STANDARD, signal: abort.signal });
    setTimeout(() => abort.abort(reason), 60);
    await expect(call).rejects.toBe(reason);
  });

  it('the limit holds for what precedes the request', async () => {
    const never = { getRequestHeaders: () => new Promise<Headers>(() => {}) };
    const auth = { kind: 'vertex', project: 'p', location: 'l', authClient: never } as unknown as GeminiAuth;
    const { server, models } = await geminiSetup({}, { auth });
    const error = await failureOf(models.call(requestOf('text'), { ...STANDARD, timeoutMs: 50 }));
    expect(error.code).toBe('timeout');
    expect(server.calls).toHaveLength(0);
  });

  it('an answer in time is not disturbed by an abort afterwards, and the signal keeps no listeners', async () => {
    const { models } = await geminiSetup();
    const abort = new AbortController();
    const remove = vi.spyOn(abort.signal, 'removeEventListener');
    const add = vi.spyOn(abort.signal, 'addEventListener');
    const answer = await models.call(requestOf('text'), { ...STANDARD, signal: abort.signal });
    abort.abort();
    await pause(5);
    expect(answer.text).toBeTruthy();
    expect(remove).toHaveBeenCalledTimes(add.mock.calls.length);
  });

  it('a timed-out call ends its connection, so the service can see it', async () => {
    const { server, models } = await geminiSetup({ latencyMs: 400 });
    await failureOf(models.call(requestOf('text'), { ...STANDARD, timeoutMs: 40 }));
    await vi.waitFor(() => expect(server.calls).toHaveLength(1));
    expect(server.calls[0]?.paid).toBe(false);
  });
});

describe('Vertex AI', () => {
  const path = '/v1beta1/projects/shop/locations/global/publishers/google/models/fake-text:generateContent';

  it('with an API key', async () => {
    const auth: GeminiAuth = { kind: 'vertex', project: 'shop', location: 'global', apiKey: API_KEY };
    const { server, models } = await geminiSetup({}, { auth });
    expect((await models.call(requestOf('text'), STANDARD)).text).toBeTruthy();
    expect(server.calls[0]).toMatchObject({ path, key: API_KEY, authorization: undefined });
  });

  it.each([
    ['no project', {}],
    ['an empty project', { project: '', location: 'global' }],
  ])('with an API key and %s', async (_name, place) => {
    const { server, models } = await geminiSetup({}, { auth: { kind: 'vertex', apiKey: API_KEY, ...place } });
    await models.call(requestOf('text'), STANDARD);
    expect(server.calls[0]?.path).toBe('/v1beta1/publishers/google/models/fake-text:generateContent');
  });

  it('with credentials', async () => {
    const auth = vertexAuth();
    const { server, models } = await geminiSetup({}, { auth });
    await models.call(requestOf('image', { aspectRatio: '1:1', model: 'fake-text' }), STANDARD);
    await models.call(requestOf('json', { jsonSchema: { type: 'object' } }), { ...STANDARD, lane: 'flex' });
    expect(server.calls[0]).toMatchObject({ path, key: undefined, authorization: 'Bearer ya29.token' });
    expect(server.calls[1]?.body.generationConfig).toMatchObject({ responseJsonSchema: { type: 'object' } });
  });

  it('says which credentials are missing', async () => {
    const reason = new Error('Could not load the default credentials. Browse to https://cloud.google.com/docs.');
    const { models } = await geminiSetup({}, { auth: vertexAuth(() => Promise.reject(reason)) });
    const error = await failureOf(models.call(requestOf('text'), STANDARD));
    expect(error).toMatchObject({ code: 'auth_failed', disposition: 'permanent', scope: 'batch' });
    expect(error.message).toContain('Could not load the default credentials');
  });
});

describe('the environment', () => {
  it('does not turn a key into Vertex AI, nor choose another API version or address', async () => {
    vi.stubEnv('GOOGLE_GENAI_USE_ENTERPRISE', 'true');
    vi.stubEnv('GOOGLE_GENAI_API_VERSION', 'v9');
    vi.stubEnv('GOOGLE_CLOUD_PROJECT', 'other');
    vi.stubEnv('GOOGLE_API_KEY', 'another-key');
    vi.stubEnv('GOOGLE_GEMINI_BASE_URL', 'http://127.0.0.1:9');
    onTestFinished(() => void vi.unstubAllEnvs());
    const { server, models } = await geminiSetup();
    await models.call(requestOf('text'), STANDARD);
    expect(server.calls[0]).toMatchObject({ path: '/v1beta/models/fake-text:generateContent', key: API_KEY });
  });

  it('does not put a key in the place of credentials, and is not commented on', async () => {
    vi.stubEnv('GOOGLE_API_KEY', 'another-key');
    vi.stubEnv('GEMINI_API_KEY', 'a-third-key');
    onTestFinished(() => void vi.unstubAllEnvs());
    const words = [vi.spyOn(console, 'debug'), vi.spyOn(console, 'warn')];
    const { server, models } = await geminiSetup({}, { auth: vertexAuth() });
    await models.call(requestOf('text'), STANDARD);
    expect(server.calls[0]).toMatchObject({ key: undefined, authorization: 'Bearer ya29.token' });
    for (const spy of words) expect(spy).not.toHaveBeenCalled();
  });
});

describe('check', () => {
  it('names the key and each model once', async () => {
    const { server, models } = await geminiSetup({ keys: [API_KEY], models: ['good'] });
    expect(await models.check(['good', 'gone', 'good'])).toEqual([
      { what: 'API key', ok: true, message: 'accepted' },
      { what: 'model good', ok: true, message: 'available' },
      { what: 'model gone', ok: false, message: expect.stringContaining('does not exist or is retired') },
    ]);
    expect(server.calls).toHaveLength(0);
  });

  it('says when the key is refused', async () => {
    const { models } = await geminiSetup({ keys: ['another'] });
    const [key, model] = await models.check(['good']);
    expect(key).toMatchObject({ what: 'API key', ok: false, message: expect.stringContaining('API key not valid') });
    expect(model?.ok).toBe(false);
  });

  it('says when nothing answers', async () => {
    const { server, models } = await geminiSetup();
    await server.close();
    const [key] = await models.check(['good']);
    expect(key).toMatchObject({ ok: false, message: expect.stringContaining('ECONNREFUSED') });
  });

  it('works with Vertex AI', async () => {
    const { models } = await geminiSetup({ models: ['good'] }, { auth: vertexAuth() });
    expect(await models.check(['good'])).toEqual([
      { what: 'Google Cloud credentials', ok: true, message: 'accepted' },
      { what: 'model good', ok: true, message: 'available' },
    ]);
  });
});

describe('many calls at once', () => {
  it('each gets its own answer and one request', async () => {
    const { server, models } = await geminiSetup({
      latencyMs: 5,
      respond: ({ prompt }) => ({
        candidates: [{ finishReason: 'STOP', content: { parts: [{ text: `re: ${prompt}` }] } }],
        usageMetadata: { promptTokenCount: 1 },
      }),
      faults: ({ n }) => (n % 7 === 0 ? googleError(503, 'UNAVAILABLE', 'Overloaded.') : undefined),
    });
    const prompts = Array.from({ length: 100 }, (_, n) => `question ${n}`);
    const answers = await Promise.allSettled(
      prompts.map((text) => models.call(requestOf('text', { parts: [{ text }] }), STANDARD)),
    );
    const right = answers.filter(
      (answer, n) => answer.status === 'fulfilled' && answer.value.text === `re: question ${n}`,
    );
    expect(right).toHaveLength(86);
    expect(server.counts).toMatchObject({ calls: 100, paid: 86 });
  });
});

/** Credentials as the SDK asks for them. */
function vertexAuth(
  getRequestHeaders = () => Promise.resolve(new Headers({ authorization: 'Bearer ya29.token' })),
): GeminiAuth {
  return {
    kind: 'vertex',
    project: 'shop',
    location: 'global',
    authClient: { getRequestHeaders },
  } as unknown as GeminiAuth;
}
