import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { ErrorCode } from '../../functions/domain/errors.ts';
import {
  type Criterion,
  GECKO,
  judgeAnswerSchema,
  type ModelRequest,
  rubricAnswerSchema,
} from '../../functions/domain/model-call.ts';
import { openGecko, withGecko } from '../../functions/platform/google/gecko-access.ts';
import { stagedPictures, storedPictures } from '../../functions/platform/google/staged-pictures.ts';
import { type VertexGeckoOptions, vertexGecko } from '../../functions/platform/google/vertex-gecko.ts';
import type { Models } from '../../functions/platform/ports.ts';
import { answer, scriptedModels } from '../support/engine-fakes.ts';
import {
  type GeckoServer,
  type GeckoServerOptions,
  rubricsReply,
  startGeckoServer,
  verdictsReply,
  wireRubric,
} from '../support/gecko-server.ts';
import { dailyQuota, type Fault, googleError, rateLimited } from '../support/gemini-replies.ts';
import { failureOf, STANDARD, storedFile } from '../support/gemini-setup.ts';
import { startStorageServer } from '../support/storage-server.ts';

const DESCRIPTION = 'A red mug with its handle on the left and no text.';
const PICTURE = { sha256: 'ab'.repeat(32), mimeType: 'image/webp', bytes: 3 };
const CRITERIA: Criterion[] = [
  { id: 'c1', text: 'Is the mug red?', type: 'ATTRIBUTE', importance: 'HIGH' },
  { id: 'c2', text: 'Is the handle on the left?' },
  { id: 'c3', text: 'Is there no text?' },
];
const TOKEN = 'secret-token-of-another-issuer';

const rubricRequest: ModelRequest = { kind: 'rubric', model: GECKO, parts: [{ text: DESCRIPTION }] };
const judgeRequest: ModelRequest = {
  ...{ kind: 'judge', model: GECKO, criteria: CRITERIA },
  parts: [{ text: DESCRIPTION }, { file: PICTURE }],
};

const OPTIONS: VertexGeckoOptions = {
  ...{ project: 'shop', location: 'europe-west4' },
  pictures: { uriOf: ({ sha256 }) => Promise.resolve(`gs://work/${sha256}`), check: () => Promise.resolve() },
  credentials: { getRequestHeaders: () => Promise.resolve(new Headers({ authorization: `Bearer ${TOKEN}` })) },
};

async function setup(
  serving: GeckoServerOptions = {},
  options: Partial<VertexGeckoOptions> = {},
): Promise<{ server: GeckoServer; models: Models }> {
  const server = await startGeckoServer(serving);
  onTestFinished(() => server.close());
  return { server, models: vertexGecko({ ...OPTIONS, baseUrl: server.url, ...options }) };
}

async function rubricOf(respond: () => unknown): Promise<Criterion[]> {
  const { models } = await setup({ respond });
  return rubricAnswerSchema.parse(JSON.parse((await models.call(rubricRequest, STANDARD)).text ?? '')).criteria;
}

async function judgementOf(respond: GeckoServerOptions['respond'], request = judgeRequest) {
  const { models } = await setup({ ...(respond && { respond }) });
  return judgeAnswerSchema.parse(JSON.parse((await models.call(request, STANDARD)).text ?? ''));
}

describe('what is sent', () => {
  it('for a rubric: the description alone, and the metric with its version', async () => {
    const { server, models } = await setup();
    await models.call(rubricRequest, STANDARD);
    expect(server.calls).toHaveLength(1);
    expect(server.calls[0]).toMatchObject({
      path: '/v1beta1/projects/shop/locations/europe-west4:generateInstanceRubrics',
      authorization: `Bearer ${TOKEN}`,
    });
    expect(server.calls[0]?.body).toEqual({
      contents: [{ role: 'user', parts: [{ text: DESCRIPTION }] }],
      predefinedRubricGenerationSpec: { metric_spec_name: 'gecko_text2image_v1' },
    });
  });

  it('for a picture: the description as the prompt, the picture by its place, the frozen rubric as it came', async () => {
    const { server, models } = await setup();
    await models.call(judgeRequest, STANDARD);
    expect(server.calls[0]?.path).toBe('/v1beta1/projects/shop/locations/europe-west4:evaluateInstances');
    const fileData = { fileUri: `gs://work/${PICTURE.sha256}`, mimeType: 'image/webp' };
    expect(server.calls[0]?.body).toEqual({
      metrics: [{ predefined_metric_spec: { metric_spec_name: 'gecko_text2image_v1' } }],
      instance: {
        prompt: { contents: { contents: [{ role: 'user', parts: [{ text: DESCRIPTION }] }] } },
        response: { contents: { contents: [{ role: 'model', parts: [{ fileData }] }] } },
        rubricGroups: {
          gecko_image_rubrics: {
            rubrics: [
              wireRubric('c1', 'Is the mug red?', { type: 'ATTRIBUTE', importance: 'HIGH' }),
              wireRubric('c2', 'Is the handle on the left?'),
              wireRubric('c3', 'Is there no text?'),
            ],
          },
        },
      },
    });
  });

  it.each([
    ['us-central1', 'https://us-central1-aiplatform.googleapis.com/v1beta1/projects/shop/locations/us-central1:'],
    ['global', 'https://aiplatform.googleapis.com/v1beta1/projects/shop/locations/global:'],
    ['eu', 'https://aiplatform.eu.rep.googleapis.com/v1beta1/projects/shop/locations/eu:'],
  ])('to the host of %s', async (location, address) => {
    const models = vertexGecko({ ...OPTIONS, location });
    const sent = vi.spyOn(globalThis, 'fetch').mockRejectedValue(new TypeError('fetch failed'));
    onTestFinished(() => sent.mockRestore());
    await failureOf(models.call(rubricRequest, STANDARD));
    expect(sent.mock.calls[0]?.[0]).toBe(`${address}generateInstanceRubrics`);
  });

  it('below the path of another address', async () => {
    const { server } = await setup();
    const { models } = await setup({}, { baseUrl: `${server.url}/proxy/` });
    await models.call(rubricRequest, STANDARD);
    expect(server.calls[0]?.path).toMatch(/^\/proxy\/v1beta1\/projects\/shop\//);
  });

  it('never a picture of more than 30 MB, nor any other kind of request', async () => {
    const { server, models } = await setup();
    const large = { ...judgeRequest, parts: [{ text: DESCRIPTION }, { file: { ...PICTURE, bytes: 31_457_281 } }] };
    expect(await failureOf(models.call(large, STANDARD))).toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('31 MB'),
    });
    expect(await failureOf(models.call({ ...rubricRequest, kind: 'text' }, STANDARD))).toMatchObject({
      code: 'internal',
    });
    expect(await failureOf(models.call({ ...judgeRequest, parts: [{ text: 'x' }] }, STANDARD))).toMatchObject({
      code: 'internal',
    });
    expect(server.calls).toHaveLength(0);
  });
});

describe('pictures', () => {
  it('are put into the bucket once, as what they are, before the service is asked to look', async () => {
    const storage = await startStorageServer({ buckets: ['work'] });
    onTestFinished(() => storage.close());
    const { file, open } = storedFile(Buffer.from('a picture'), 'image/png');
    const client = { apiEndpoint: storage.url, projectId: 'shop', useAuthWithCustomEndpoint: false };
    const pictures = stagedPictures({ objects: { bucket: 'work', prefix: 'judge' }, open, client });
    const { server, models } = await setup({}, { pictures });
    const request = { ...judgeRequest, parts: [{ text: DESCRIPTION }, { file }] };
    await models.call(request, STANDARD);
    await models.call(request, STANDARD);
    const name = `judge/${file.sha256.slice(0, 2)}/${file.sha256}`;
    expect(server.calls.map(({ picture }) => picture)).toEqual([`gs://work/${name}`, `gs://work/${name}`]);
    expect(storage.objects.bytes('work', name).toString()).toBe('a picture');
    expect(storage.objects.list('work', {}).items).toHaveLength(1);
    expect(storage.objects.get('work', name)).toMatchObject({ contentType: 'image/png', metageneration: '1' });
    await pictures.check();

    const nowhere = stagedPictures({ objects: { bucket: 'none', prefix: '' }, open, client });
    // What is kept there anyway is not put there again.
    const before = storage.calls.length;
    const kept = storedPictures({ objects: { bucket: 'work', prefix: 'judge' }, client });
    expect(await kept.uriOf(file)).toBe(`gs://work/${name}`);
    expect(storage.calls).toHaveLength(before);
    await kept.check();

    const { models: lost, server: idle } = await setup({}, { pictures: nowhere });
    expect(await failureOf(lost.call(request, STANDARD))).toMatchObject({ code: 'storage', scope: 'batch' });
    expect(await lost.check([GECKO])).toMatchObject([{ ok: false, message: expect.stringContaining('gs://none') }]);
    expect(idle.calls).toHaveLength(0);
  });
});

describe('a rubric', () => {
  it('keeps the ids, words, types and importances of the service', async () => {
    const rubrics = [
      wireRubric('a', ' Is it red? ', { type: 'COLOR', importance: 'HIGH' }),
      wireRubric('b', 'Is it a mug?', { importance: 'IMPORTANCE_UNSPECIFIED' }),
      wireRubric('c', 'Is it whole?', { type: '' }),
    ];
    expect(await rubricOf(() => rubricsReply(rubrics))).toEqual([
      { id: 'a', text: ' Is it red? ', type: 'COLOR', importance: 'HIGH' },
      { id: 'b', text: 'Is it a mug?' },
      { id: 'c', text: 'Is it whole?' },
    ]);
  });

  it.each([
    ['no ids', [{}, {}]],
    ['an id for two', [{ rubricId: 'x' }, { rubricId: 'x' }]],
    ['an id for one of two', [{ rubricId: 'x' }, {}]],
  ])('with %s is numbered', async (_, ids) => {
    const rubrics = ids.map((id, index) => ({ ...id, content: { property: { description: `Fact ${index + 1}` } } }));
    expect(await rubricOf(() => rubricsReply(rubrics))).toEqual([
      { id: 'r1', text: 'Fact 1' },
      { id: 'r2', text: 'Fact 2' },
    ]);
  });

  it('has nothing without words in it', async () => {
    const rubrics = [wireRubric('a', ' '), wireRubric('b', 'Is it red?'), { rubricId: 'c' }];
    expect(await rubricOf(() => rubricsReply(rubrics))).toEqual([{ id: 'b', text: 'Is it red?' }]);
  });
});

describe('a judgement', () => {
  const findings = (...met: boolean[]) =>
    CRITERIA.flatMap(({ id }, index) => {
      const one = met[index];
      return one === undefined ? [] : [{ id, met: one, reasoning: `looked at ${id}` }];
    });

  it('has a finding for each criterion; a verdict that is left out is a no', async () => {
    const judgement = await judgementOf((call) => verdictsReply(call, (_, index) => index !== 1));
    expect(judgement).toEqual({ findings: findings(true, false, true), score: 2 / 3 });
  });

  it('has none for a criterion that the service passed over', async () => {
    const judgement = await judgementOf((call) =>
      verdictsReply({ ...call, rubrics: call.rubrics.slice(0, 2) }, () => true),
    );
    expect(judgement.findings).toEqual(findings(true, true));
  });

  it.each([
    ['NaN', 'NaN'],
    ['nothing', undefined],
  ])('does not need a score (%s)', async (_, score) => {
    const judgement = await judgementOf((call) => {
      const reply = verdictsReply(call, () => true) as { metricResults: object[] };
      return { metricResults: [{ ...reply.metricResults[0], score }] };
    });
    expect(judgement).toEqual({ findings: findings(true, true, true) });
  });

  it('is told apart by the words where the service gives no ids back', async () => {
    const judgement = await judgementOf((call) => {
      const rubrics = call.rubrics.toReversed().map(({ content }) => ({ ...(content && { content }) }));
      return verdictsReply({ ...call, rubrics }, (rubric) => /red/.test(rubric.content?.property?.description ?? ''));
    });
    expect(judgement.findings.map(({ id, met }) => [id, met])).toEqual([
      ['c1', true],
      ['c2', false],
      ['c3', false],
    ]);
  });

  it('is told apart by the ids where the service gives no words back, and takes the first of two', async () => {
    const verdict = (rubricId: string, met: boolean) => ({ evaluatedRubric: { rubricId }, verdict: met });
    const rubricVerdicts = [verdict('c3', false), verdict('c1', true), verdict('c1', false), verdict('other', true)];
    const judgement = await judgementOf(() => ({ metricResults: [{ rubricVerdicts }] }));
    expect(judgement.findings.map(({ id, met }) => [id, met])).toEqual([
      ['c1', true],
      ['c3', false],
    ]);
  });

  it('by a rubric of the service’s own stops the batch, even under the ids of the frozen one', async () => {
    const { models } = await setup({
      respond: (call) => {
        const rubrics = call.rubrics.map(({ rubricId = '' }) => wireRubric(rubricId, `Another question ${rubricId}`));
        return verdictsReply({ ...call, rubrics }, () => true);
      },
    });
    const error = await failureOf(models.call(judgeRequest, STANDARD));
    expect(error).toMatchObject({ code: 'bad_response', disposition: 'permanent', scope: 'batch' });
    expect(error.message).toContain('other criteria than the frozen ones');
  });
});

interface Expected {
  code: ErrorCode;
  disposition?: 'permanent';
  scope?: 'batch';
  retryAfterMs?: number;
}
const inside = (code: number, more: object = {}) => ({ metricResults: [{ error: { code, message: 'No.', ...more } }] });
const retryInfo = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '7s' };
const exact = (body: unknown): Fault => ({ kind: 'error', http: 200, body });

describe('failures', () => {
  const wire: [name: string, fault: Fault, expected: Expected][] = [
    [
      '401',
      googleError(401, 'UNAUTHENTICATED', 'No.'),
      { code: 'auth_failed', disposition: 'permanent', scope: 'batch' },
    ],
    [
      '403',
      googleError(403, 'PERMISSION_DENIED', 'No.'),
      { code: 'auth_failed', disposition: 'permanent', scope: 'batch' },
    ],
    [
      '404',
      googleError(404, 'NOT_FOUND', 'No.'),
      { code: 'model_not_found', disposition: 'permanent', scope: 'batch' },
    ],
    ['400', googleError(400, 'INVALID_ARGUMENT', 'No.'), { code: 'invalid_request', disposition: 'permanent' }],
    ['429', rateLimited({ retryDelay: '31s' }), { code: 'rate_limited', retryAfterMs: 31_000 }],
    ['the quota of a day', dailyQuota(), { code: 'daily_quota', scope: 'batch', retryAfterMs: 12 * 3_600_000 }],
    ['500', googleError(500, 'INTERNAL', 'No.'), { code: 'server_error' }],
    ['503', googleError(503, 'UNAVAILABLE', 'No.'), { code: 'overloaded' }],
    ['a body that breaks off', { kind: 'cut' }, { code: 'network' }],
    ['a connection that is reset', { kind: 'reset' }, { code: 'network' }],
    ['a page instead of JSON', { kind: 'html' }, { code: 'bad_response' }],
    ['broken JSON', { kind: 'broken-json' }, { code: 'bad_response' }],
    ['JSON null', exact(null), { code: 'bad_response' }],
    ['a wrong shape', exact({ generatedRubrics: 'x', metricResults: 'x' }), { code: 'bad_response' }],
    ['an error in the body of a 200', exact({ error: { code: 503, message: 'Late.' } }), { code: 'overloaded' }],
    ['an error with a canonical code', exact({ error: { code: 8, message: 'Much.' } }), { code: 'rate_limited' }],
    ['nothing', exact({}), { code: 'server_error' }],
  ];
  const asked: [string, ModelRequest][] = [
    ['rubric', rubricRequest],
    ['judge', judgeRequest],
  ];
  describe.each(asked)('of a %s request', (_kind, request) => {
    it.each(wire)('%s', (_name, fault, expected) => expectFailure(request, fault, expected));
  });

  it.each<[string, unknown, Expected]>([
    ['no result', { metricResults: [] }, { code: 'server_error' }],
    ['a score without verdicts', { metricResults: [{ score: 1 }] }, { code: 'server_error' }],
    ['no verdicts', { metricResults: [{ rubricVerdicts: [] }] }, { code: 'server_error' }],
    ['a verdict that is a word', verdicts({ verdict: 'true' }), { code: 'bad_response' }],
    ['a verdict on nothing', { metricResults: [{ rubricVerdicts: [{ verdict: true }] }] }, { code: 'bad_response' }],
    ['INVALID_ARGUMENT inside', inside(3), { code: 'invalid_request', disposition: 'permanent' }],
    ['DEADLINE_EXCEEDED inside', inside(4), { code: 'timeout' }],
    ['a picture that is not found', inside(5), { code: 'invalid_request', disposition: 'permanent' }],
    ['a picture that may not be read', inside(7), { code: 'auth_failed', disposition: 'permanent', scope: 'batch' }],
    [
      'RESOURCE_EXHAUSTED inside, beside verdicts',
      { metricResults: [{ ...inside(8, { details: [retryInfo] }).metricResults[0], rubricVerdicts: [], score: 0 }] },
      { code: 'rate_limited', retryAfterMs: 7_000 },
    ],
    ['FAILED_PRECONDITION inside', inside(9), { code: 'service_refused', disposition: 'permanent', scope: 'batch' }],
    ['INTERNAL inside', inside(13), { code: 'server_error' }],
    ['UNAVAILABLE inside', inside(14), { code: 'overloaded' }],
    ['a code nobody knows', inside(77), { code: 'server_error' }],
  ])('of a judgement with status 200: %s', (_name, body, expected) =>
    expectFailure(judgeRequest, exact(body), expected),
  );

  it('an empty status beside verdicts is none', async () => {
    const judgement = await judgementOf((call) => {
      const [result] = (verdictsReply(call, () => true) as { metricResults: object[] }).metricResults;
      return { metricResults: [{ ...result, error: {} }] };
    });
    expect(judgement.findings).toHaveLength(3);
  });

  it('never repeat the access token', async () => {
    const fault = googleError(400, 'INVALID_ARGUMENT', `The token ${TOKEN} is odd.`);
    const { models } = await setup({ faults: () => fault });
    const error = await failureOf(models.call(rubricRequest, STANDARD));
    expect(inspect(error, { depth: 10 })).not.toContain(TOKEN);
    expect(error.message).toContain('[key]');
  });

  it('say which credentials are missing, before anything is sent', async () => {
    const credentials = {
      getRequestHeaders: () => Promise.reject(new Error('Could not load the default credentials.')),
    };
    const { server, models } = await setup({}, { credentials });
    const error = await failureOf(models.call(rubricRequest, STANDARD));
    expect(error).toMatchObject({ code: 'auth_failed', scope: 'batch' });
    expect(error.message).toContain('default credentials');
    expect(server.calls).toHaveLength(0);
  });

  it('of the time limit, also while the picture is put in place, and of the caller’s abort', async () => {
    const { server, models } = await setup({ faults: () => ({ kind: 'hang' }) });
    expect(await failureOf(models.call(judgeRequest, { ...STANDARD, timeoutMs: 60 }))).toMatchObject({
      code: 'timeout',
      disposition: 'transient',
    });
    expect(server.calls).toHaveLength(1);
    const reason = new Error('Ctrl-C');
    const abort = new AbortController();
    const call = models.call(rubricRequest, { ...STANDARD, signal: abort.signal });
    setTimeout(() => abort.abort(reason), 30);
    await expect(call).rejects.toBe(reason);

    const pictures = { uriOf: () => new Promise<string>(() => {}), check: () => Promise.resolve() };
    const { server: idle, models: stuck } = await setup({}, { pictures });
    expect((await failureOf(stuck.call(judgeRequest, { ...STANDARD, timeoutMs: 60 }))).code).toBe('timeout');
    expect(idle.calls).toHaveLength(0);
  });
});

/** 2026-11-20, 12:00 in Los Angeles: twelve hours before the daily quota starts anew. */
const NOON = Date.UTC(2026, 10, 20, 20);

async function expectFailure(request: ModelRequest, fault: Fault, expected: Expected): Promise<void> {
  const { server, models } = await setup({ faults: () => fault }, { now: () => NOON });
  const { code, disposition, scope, retryAfterMs, paid, message } = await failureOf(models.call(request, STANDARD));
  expect({ code, disposition, scope, retryAfterMs, paid }).toEqual({
    ...{ disposition: 'transient', scope: 'item', retryAfterMs: undefined, paid: undefined },
    ...expected,
  });
  expect(message).toMatch(/^gecko_text2image_v1 [^\n]*\.$/);
  // No hidden second request, whatever went wrong.
  expect(server.calls).toHaveLength(1);
}

function verdicts(more: object): unknown {
  return { metricResults: [{ rubricVerdicts: [{ evaluatedRubric: wireRubric('c1', 'Is the mug red?'), ...more }] }] };
}

describe('check', () => {
  it('asks for an evaluation by nothing, which costs nothing', async () => {
    const { server, models } = await setup();
    expect(await models.check([GECKO])).toEqual([
      { what: `judge ${GECKO}`, ok: true, message: 'available in europe-west4' },
    ]);
    expect(server.calls.map(({ method, body }) => [method, body])).toEqual([['evaluateInstances', {}]]);
  });

  it('says when the place is not there or access is refused', async () => {
    for (const [http, status] of [[404, 'NOT_FOUND'] as const, [403, 'PERMISSION_DENIED'] as const]) {
      const { models } = await setup({ faults: () => googleError(http, status, 'Not here.') });
      expect(await models.check([GECKO])).toMatchObject([{ ok: false, message: expect.stringContaining('Not here.') }]);
    }
  });
});

describe('access', () => {
  const { pictures, credentials } = OPTIONS;
  const location = 'us-central1';

  it.each([
    [
      'an API key alone',
      { kind: 'key', apiKey: 'k' } as const,
      pictures,
      /Vertex AI.*GOOGLE_CLOUD_PROJECT.*JUDGE=rubric\.$/,
    ],
    ['nothing', undefined, pictures, /Vertex AI/],
    ['a key for Vertex AI', { kind: 'vertex', project: '', location, apiKey: 'k' } as const, pictures, /Vertex AI/],
    ['no bucket', { kind: 'vertex', project: 'shop', location } as const, undefined, /JUDGE_BUCKET.*JUDGE=rubric\.$/],
  ])('with %s is one sentence, for a start, a check and every request', async (_, auth, place, sentence) => {
    const { gecko, unavailable } = openGecko({ ...(auth && { auth }), location, pictures: place });
    expect(unavailable).toEqual({ [GECKO]: expect.stringMatching(sentence) });
    expect(await gecko.check([GECKO])).toEqual([{ what: `judge ${GECKO}`, ok: false, message: unavailable[GECKO] }]);
    const error = await failureOf(gecko.call(rubricRequest, STANDARD));
    expect(error).toMatchObject({ code: 'auth_failed', scope: 'batch', message: unavailable[GECKO] });
  });

  it('sends Gecko’s requests to Gecko and all others to Gemini', async () => {
    const { server } = await setup();
    const auth = { kind: 'vertex', project: 'shop', location } as const;
    const access = { auth, location, pictures, baseUrl: server.url, ...(credentials && { credentials }) };
    const { gecko, unavailable } = openGecko(access);
    expect(unavailable).toEqual({});
    const gemini = scriptedModels(() => answer({ text: 'from Gemini' }));
    const both = withGecko(gemini.models, gecko);
    expect((await both.call({ ...rubricRequest, kind: 'text', model: 'other' }, STANDARD)).text).toBe('from Gemini');
    const judged = await both.call(rubricRequest, STANDARD);
    expect(judged).toMatchObject({ modelVersion: GECKO, usage: { input: 0, output: 0 } });
    expect(gemini.requests).toHaveLength(1);
    expect(server.calls).toHaveLength(1);
    expect((await both.check(['other', GECKO])).map(({ what }) => what)).toEqual([`judge ${GECKO}`]);
    expect(await both.check(['other'])).toEqual([]);
  });
});
