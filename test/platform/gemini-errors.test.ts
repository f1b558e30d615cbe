import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../functions/domain/errors.ts';
import { msUntilPacificMidnight, translateFailure } from '../../functions/platform/google/gemini-errors.ts';
import { dailyQuota, type Fault, googleError, rateLimited } from '../support/gemini-replies.ts';
import { API_KEY, failureOf, geminiSetup, requestOf, STANDARD } from '../support/gemini-setup.ts';

/** 2026-11-20, 12:00 in Los Angeles: twelve hours before the daily quota starts anew. */
const NOON = Date.UTC(2026, 10, 20, 20);
const DAY_LEFT = 12 * 3_600_000;

const errorInfo = (reason: string) => ({ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason });
const html = (http: number): Fault => ({ kind: 'html', http, html: '<html><b>nginx</b></html>' });
const exhausted = (message: string) => googleError(429, 'RESOURCE_EXHAUSTED', message);
const wrapped = (fault: Fault, wrap: (body: unknown) => unknown): Fault =>
  fault.kind === 'error' ? { ...fault, body: wrap(fault.body) } : fault;

interface Expected {
  code: ErrorCode;
  disposition: 'permanent' | 'transient';
  scope?: 'item' | 'batch';
  retryAfterMs?: number;
}

const ANSWERS: [name: string, fault: Fault, expected: Expected][] = [
  [
    'an invalid argument',
    googleError(400, 'INVALID_ARGUMENT', 'Unable to process input image.'),
    { code: 'invalid_request', disposition: 'permanent' },
  ],
  [
    'a wrong key by its reason',
    googleError(400, 'INVALID_ARGUMENT', 'Not good.', [errorInfo('API_KEY_INVALID')]),
    { code: 'auth_failed', disposition: 'permanent', scope: 'batch' },
  ],
  [
    'a wrong key by its wording',
    googleError(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.'),
    { code: 'auth_failed', disposition: 'permanent', scope: 'batch' },
  ],
  [
    'an expired key',
    googleError(400, 'INVALID_ARGUMENT', 'API key expired. Please renew the API key.'),
    { code: 'auth_failed', disposition: 'permanent', scope: 'batch' },
  ],
  [
    'a region without service',
    googleError(400, 'FAILED_PRECONDITION', 'User location is not supported for the API use.'),
    { code: 'service_refused', disposition: 'permanent', scope: 'batch' },
  ],
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
    'a retired model',
    googleError(404, 'NOT_FOUND', 'models/x is not found for API version v1beta.'),
    { code: 'model_not_found', disposition: 'permanent', scope: 'batch' },
  ],
  ['a wrong address', html(404), { code: 'bad_response', disposition: 'permanent', scope: 'batch' }],
  ['408', googleError(408, 'DEADLINE', 'Late.'), { code: 'timeout', disposition: 'transient' }],
  ['409', googleError(409, 'ABORTED', 'Conflict.'), { code: 'server_error', disposition: 'transient' }],
  ['413', html(413), { code: 'invalid_request', disposition: 'permanent' }],
  ['499', googleError(499, 'CANCELLED', 'Gone.'), { code: 'server_error', disposition: 'transient' }],
  ['429 with nothing more', exhausted('Resource exhausted.'), { code: 'rate_limited', disposition: 'transient' }],
  [
    '429 with a wait',
    rateLimited({ retryDelay: '31s' }),
    { code: 'rate_limited', disposition: 'transient', retryAfterMs: 31_000 },
  ],
  [
    '429 with a fraction',
    rateLimited({ retryDelay: '12.5s' }),
    { code: 'rate_limited', disposition: 'transient', retryAfterMs: 12_500 },
  ],
  [
    '429 with a wait of no sense',
    rateLimited({ retryDelay: 'soon' }),
    { code: 'rate_limited', disposition: 'transient' },
  ],
  [
    '429 in an array',
    wrapped(rateLimited({ retryDelay: '3s' }), (body) => [body]),
    { code: 'rate_limited', disposition: 'transient', retryAfterMs: 3000 },
  ],
  [
    '429 inside its own message',
    wrapped(rateLimited({ retryDelay: '3s' }), (body) => ({ error: { code: 429, message: JSON.stringify(body) } })),
    { code: 'rate_limited', disposition: 'transient', retryAfterMs: 3000 },
  ],
  [
    "the day's quota, whatever its RetryInfo says",
    dailyQuota(),
    { code: 'daily_quota', disposition: 'transient', scope: 'batch', retryAfterMs: DAY_LEFT },
  ],
  [
    'the quota of a day by its metric name',
    rateLimited({ quotaId: 'generate_requests_per_model_per_day' }),
    { code: 'daily_quota', disposition: 'transient', scope: 'batch', retryAfterMs: DAY_LEFT },
  ],
  [
    'a quota of nothing',
    rateLimited({
      quotaId: 'GenerateRequestsPerDayPerProjectPerModel-FreeTier',
      message: 'Quota exceeded for metric: generate_content_free_tier_requests, limit: 0, model: x',
      retryDelay: '31s',
    }),
    { code: 'service_refused', disposition: 'permanent', scope: 'batch' },
  ],
  [
    'empty prepayment',
    exhausted('Your prepayment credits are depleted. Please go to AI Studio.'),
    { code: 'credit_exhausted', disposition: 'permanent', scope: 'batch' },
  ],
  [
    'a spend cap',
    exhausted('Your project has exceeded its monthly spending cap.'),
    { code: 'credit_exhausted', disposition: 'permanent', scope: 'batch' },
  ],
  [
    'the rolling spend limit',
    exhausted("You exceeded your spend-based rate limit, see your account's billing history and tier."),
    { code: 'spend_limited', disposition: 'transient', retryAfterMs: 60_000 },
  ],
  ['500', googleError(500, 'INTERNAL', 'An internal error.'), { code: 'server_error', disposition: 'transient' }],
  ['502', html(502), { code: 'overloaded', disposition: 'transient' }],
  ['503', googleError(503, 'UNAVAILABLE', 'Overloaded.'), { code: 'overloaded', disposition: 'transient' }],
  ['504', googleError(504, 'DEADLINE_EXCEEDED', 'Late.'), { code: 'timeout', disposition: 'transient' }],
  ['another 5xx', html(520), { code: 'server_error', disposition: 'transient' }],
  ['a body that breaks off', { kind: 'cut' }, { code: 'network', disposition: 'transient' }],
  ['a connection that is reset', { kind: 'reset' }, { code: 'network', disposition: 'transient' }],
  ['a page instead of JSON', { kind: 'html' }, { code: 'bad_response', disposition: 'transient' }],
  ['broken JSON', { kind: 'broken-json' }, { code: 'bad_response', disposition: 'transient' }],
  ['JSON null', { kind: 'error', http: 200, body: null }, { code: 'bad_response', disposition: 'transient' }],
  ['a JSON text', { kind: 'error', http: 200, body: 'ok' }, { code: 'bad_response', disposition: 'transient' }],
  [
    'somebody else’s JSON',
    { kind: 'error', http: 200, body: { ok: 1 } },
    { code: 'bad_response', disposition: 'transient' },
  ],
  [
    'JSON of a wrong shape',
    { kind: 'error', http: 200, body: { candidates: 'x' } },
    { code: 'bad_response', disposition: 'transient' },
  ],
];

describe('failures on the wire', () => {
  it.each(ANSWERS)('%s', async (_name, fault, expected) => {
    const { server, models } = await geminiSetup({ faults: () => fault }, { now: () => NOON });
    const error = await failureOf(models.call(requestOf('text'), STANDARD));
    expect({
      code: error.code,
      disposition: error.disposition,
      scope: error.scope,
      retryAfterMs: error.retryAfterMs,
      paid: error.paid,
    }).toEqual({ scope: 'item', retryAfterMs: undefined, paid: undefined, ...expected });
    expect(error.message).toMatch(/^fake-text [^\n]*\.$/);
    expect(error.message.length).toBeLessThan(500);
    // No hidden second request, whatever went wrong.
    expect(server.calls).toHaveLength(1);
    expect(server.counts.paid).toBe(0);
  });

  it('a connection that is reset although it worked before is not used for a hidden second request', async () => {
    const { server, models } = await geminiSetup({ faults: ({ n }) => (n === 2 ? { kind: 'reset' } : undefined) });
    await models.call(requestOf('text'), STANDARD);
    expect((await failureOf(models.call(requestOf('text'), STANDARD))).code).toBe('network');
    expect(server.calls).toHaveLength(2);
  });

  it('a closed port', async () => {
    const { server, models } = await geminiSetup();
    await server.close();
    const error = await failureOf(models.call(requestOf('text'), STANDARD));
    expect(error).toMatchObject({ code: 'network', disposition: 'transient' });
    expect(error.message).toContain('ECONNREFUSED');
  });

  it('an address that is none', async () => {
    const { models } = await geminiSetup({}, { baseUrl: 'nowhere' });
    const error = await failureOf(models.call(requestOf('text'), STANDARD));
    expect(error).toMatchObject({ code: 'bad_response', disposition: 'permanent', scope: 'batch' });
  });
});

describe('the key', () => {
  const echoes: [string, Fault][] = [
    ['an error that repeats it', googleError(400, 'INVALID_ARGUMENT', `API key ${API_KEY} not valid`)],
    ['a page that repeats it', { kind: 'html', http: 403, html: `<p>${API_KEY}</p>` }],
    ['JSON inside a message', googleError(429, 'X', JSON.stringify({ error: { message: API_KEY } }))],
    ['another Google key', googleError(403, 'X', 'Key AIzaSyA-another-key-of-39-characters-xyz is blocked')],
  ];

  it.each(echoes)('is in no part of the error: %s', async (_name, fault) => {
    const { models } = await geminiSetup({ faults: () => fault });
    const error = await failureOf(models.call(requestOf('text'), STANDARD));
    expect(inspect(error, { depth: 10 })).not.toMatch(/AIza/);
    expect(error.message).toContain('[key]');
  });

  it('is in no part of the error when it cannot be sent', async () => {
    const apiKey = 'a key with\na line feed';
    const { server, models } = await geminiSetup({}, { auth: { kind: 'key', apiKey } });
    const error = await failureOf(models.call(requestOf('text'), STANDARD));
    expect(error).toMatchObject({ code: 'auth_failed', scope: 'batch' });
    expect(inspect(error, { depth: 10 })).not.toContain('line feed');
    expect(server.calls).toHaveLength(0);
  });
});

describe('failures of the credentials', () => {
  const context = { model: 'm', now: NOON, secrets: [] };
  const gaxios = (status: number) => Object.assign(new Error('Request failed'), { name: 'GaxiosError', status });

  it.each([
    [new Error('Could not load the default credentials. Browse to …'), 'auth_failed'],
    [gaxios(400), 'auth_failed'],
    [gaxios(503), 'server_error'],
    [Object.assign(new Error('request failed'), { name: 'GaxiosError', code: 'ENOTFOUND' }), 'network'],
    [new Error('something new'), 'internal'],
    ['a text', 'internal'],
  ])('%s', (thrown, code) => {
    expect(translateFailure(thrown, context).code).toBe(code);
  });
});

describe('the next midnight in Los Angeles', () => {
  it.each([
    ['winter', '2026-11-20T20:00:00Z', '2026-11-21T08:00:00Z'],
    ['summer', '2026-07-01T12:34:56Z', '2026-07-02T07:00:00Z'],
    ['already the next day in UTC', '2026-07-02T03:00:00Z', '2026-07-02T07:00:00Z'],
    ['at midnight itself', '2026-07-02T07:00:00Z', '2026-07-03T07:00:00Z'],
    ['a millisecond before', '2026-07-02T06:59:59.999Z', '2026-07-02T07:00:00Z'],
    ['the 23-hour day in spring', '2026-03-08T08:00:00Z', '2026-03-09T07:00:00Z'],
    ['the eve of it', '2026-03-08T07:30:00Z', '2026-03-08T08:00:00Z'],
    ['the 25-hour day in autumn', '2026-11-01T07:00:00Z', '2026-11-02T08:00:00Z'],
    ['the eve of it', '2026-11-01T06:30:00Z', '2026-11-01T07:00:00Z'],
    ['the end of a year', '2027-01-01T00:00:00Z', '2027-01-01T08:00:00Z'],
  ])('%s: %s', (_name, now, midnight) => {
    expect(new Date(Date.parse(now) + msUntilPacificMidnight(Date.parse(now))).toISOString()).toBe(
      new Date(midnight).toISOString(),
    );
  });
});
