import { inspect } from 'node:util';
import { ApiError } from '@google/genai';
import {
  type Disposition,
  type ErrorCode,
  type ErrorDetails,
  ProofsheetError,
  remedyFor,
} from '../../domain/errors.ts';

export interface FailureContext {
  model: string;
  /** Milliseconds since 1970. */
  now: number;
  /** Texts that must not appear in any message. */
  secrets: readonly string[];
}

/** An error answer of the service. */
interface Failure {
  http: number;
  /** Google's name for it, e.g. RESOURCE_EXHAUSTED; the plain status text where the body is not Google's. */
  status: string;
  message: string;
  reasons: string[];
  /** Ids and metrics of the quotas that were exceeded. */
  quotas: string[];
  retryAfterMs?: number;
}

interface Row {
  http: readonly number[];
  when?: (failure: Failure) => boolean;
  code: ErrorCode;
  disposition: Disposition;
  scope?: 'batch';
  /** What to wait where the service does not say; `wins` where it may say too little. */
  wait?: { ms: (now: number) => number; wins?: boolean };
}

const says = (pattern: RegExp) => (failure: Failure) => pattern.test(failure.message);
const named = (status: string) => (failure: Failure) => failure.status === status;
const quotaIs = (pattern: RegExp) => (failure: Failure) => failure.quotas.some((quota) => pattern.test(quota));

/** The first row that fits decides. Sources: the Gemini API's troubleshooting page, Vertex error codes, bodies seen in public. */
const ROWS: readonly Row[] = [
  {
    http: [400],
    when: (failure) =>
      failure.reasons.includes('API_KEY_INVALID') || says(/api key (not valid|not found|expired)/i)(failure),
    code: 'auth_failed',
    disposition: 'permanent',
    scope: 'batch',
  },
  {
    http: [400],
    when: named('FAILED_PRECONDITION'),
    code: 'service_refused',
    disposition: 'permanent',
    scope: 'batch',
  },
  { http: [400], code: 'invalid_request', disposition: 'permanent' },
  { http: [401, 403], code: 'auth_failed', disposition: 'permanent', scope: 'batch' },
  { http: [404], when: named('NOT_FOUND'), code: 'model_not_found', disposition: 'permanent', scope: 'batch' },
  // No Google error inside: the address is wrong, not the model.
  { http: [404], code: 'bad_response', disposition: 'permanent', scope: 'batch' },
  { http: [408, 504], code: 'timeout', disposition: 'transient' },
  { http: [409, 499], code: 'server_error', disposition: 'transient' },
  {
    http: [429],
    when: says(/spend-based|spending rate/i),
    code: 'spend_limited',
    disposition: 'transient',
    // The window rolls over ten minutes; asking more often than this only makes noise.
    wait: { ms: () => 60_000 },
  },
  {
    http: [429],
    when: says(/prepa(id|yment)|spend(ing)? cap|credits? (is|are|has been|have been) (depleted|exhausted|used up)/i),
    code: 'credit_exhausted',
    disposition: 'permanent',
    scope: 'batch',
  },
  // A quota of nothing: the model is not open to this project (free tier), and waiting does not change it.
  { http: [429], when: says(/\blimit: 0\b/), code: 'service_refused', disposition: 'permanent', scope: 'batch' },
  {
    http: [429],
    when: quotaIs(/per_?day/i),
    code: 'daily_quota',
    disposition: 'transient',
    scope: 'batch',
    // Such answers often carry a RetryInfo of seconds, which is true for the minute's quota only.
    wait: { ms: msUntilPacificMidnight, wins: true },
  },
  { http: [429], code: 'rate_limited', disposition: 'transient' },
  { http: [502, 503], code: 'overloaded', disposition: 'transient' },
];

/** Any failure of a request that has no readable answer, as one of ours. Nothing in it names a secret. */
export function translateFailure(thrown: unknown, context: FailureContext): ProofsheetError {
  if (thrown instanceof ProofsheetError) return thrown;
  if (thrown instanceof ApiError) return translateAnswer(readFailure(thrown), context);
  const { code, disposition, scope, what } = classify(thrown, context);
  const details: ErrorDetails = { disposition, scope: scope ?? 'item' };
  const depicted = inspect(thrown, { depth: 5 });
  if (redact(depicted, context.secrets) === depicted) details.cause = thrown;
  return new ProofsheetError(code, sentence(context.model, what, code), details);
}

/** `<model> <what happened>: <meaning>; <remedy>.` */
export function sentence(model: string, what: string, code: ErrorCode): string {
  const remedy = remedyFor(code);
  return `${model} ${what}: ${remedy.slice(0, 1).toLowerCase()}${remedy.slice(1)}`;
}

/** The beginning of a foreign text, in brackets, fit for a one-line message; nothing for no text. */
export function quoted(text: string | undefined): string {
  const plain = (text ?? '')
    .slice(0, 4_000)
    .replaceAll(/<(style|script)[\s\S]*?<\/\1>|<[^>]*>/gi, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  if (plain === '') return '';
  return ` ("${plain.length > 200 ? `${plain.slice(0, 199)}…` : plain}")`;
}

/** Milliseconds until the next midnight in Los Angeles, when daily quotas start anew. */
export function msUntilPacificMidnight(now: number): number {
  const [year, month, day] = pacificTime(now);
  // Midnight is 7 or 8 hours behind UTC; clocks change at two in the morning, so exactly one of the two fits.
  const midnights = [7, 8].map((hours) => Date.UTC(year, month - 1, day + 1, hours));
  const midnight = midnights.find((at) => pacificTime(at)[3] === 0) ?? now;
  return midnight - now;
}

function pacificTime(at: number): [year: number, month: number, day: number, hour: number] {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: 'America/Los_Angeles',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
  }).formatToParts(at);
  const read = (type: string) => Number(parts.find((part) => part.type === type)?.value);
  return [read('year'), read('month'), read('day'), read('hour')];
}

function translateAnswer(failure: Failure, context: FailureContext): ProofsheetError {
  const row =
    ROWS.find((entry) => entry.http.includes(failure.http) && (entry.when?.(failure) ?? true)) ?? otherRow(failure);
  const excerpt = quoted(redact(failure.message, context.secrets));
  const status = [failure.http, failure.status].filter(Boolean).join(' ');
  const message = sentence(context.model, `answered ${status}${excerpt}`, row.code);
  const own = row.wait?.ms(context.now);
  const retryAfterMs = row.wait?.wins ? own : (failure.retryAfterMs ?? own);
  return new ProofsheetError(row.code, message, {
    disposition: row.disposition,
    scope: row.scope ?? 'item',
    ...(row.disposition === 'transient' && retryAfterMs !== undefined && { retryAfterMs }),
  });
}

function otherRow(failure: Failure): Omit<Row, 'http'> {
  if (failure.http >= 500) return { code: 'server_error', disposition: 'transient' };
  return { code: 'invalid_request', disposition: 'permanent' };
}

/** ApiError's message is the body as JSON; bodies come as an object, in an array, or once more inside the message. */
function readFailure(error: ApiError): Failure {
  const body = errorOf(parse(error.message)) ?? {};
  const inner = typeof body.message === 'string' ? (errorOf(parse(body.message)) ?? body) : body;
  const details = Array.isArray(inner.details) ? inner.details.filter(isRecord) : [];
  const violations = details.flatMap((detail) => (Array.isArray(detail.violations) ? detail.violations : []));
  const texts = (values: unknown[]) => values.filter((value) => typeof value === 'string');
  const retryAfterMs = durationMs(details.map((detail) => detail.retryDelay).find((delay) => delay !== undefined));
  return {
    http: error.status,
    status: typeof inner.status === 'string' ? inner.status : '',
    message: typeof inner.message === 'string' ? inner.message : '',
    reasons: texts(details.map((detail) => detail.reason)),
    quotas: texts(violations.filter(isRecord).flatMap((violation) => [violation.quotaId, violation.quotaMetric])),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** A protobuf duration as JSON: `31s`, `12.5s`. */
function durationMs(text: unknown): number | undefined {
  const seconds = typeof text === 'string' ? /^(\d+(?:\.\d+)?)s$/.exec(text)?.[1] : undefined;
  return seconds === undefined ? undefined : Math.ceil(Number(seconds) * 1000);
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function errorOf(body: unknown): Record<string, unknown> | undefined {
  const first: unknown = Array.isArray(body) ? body[0] : body;
  return isRecord(first) && isRecord(first.error) ? first.error : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Failures without an answer of the service: by what the SDK, fetch and the credentials library throw. */
function classify(
  thrown: unknown,
  { secrets }: FailureContext,
): { code: ErrorCode; disposition: Disposition; scope?: 'batch'; what: string } {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const codes = codesOf(error);
  const what = `was not asked${quoted(redact(error.message, secrets))}`;
  // The SDK reports JSON that cannot be read, JSON that is no object, and a status it does not expect in these ways.
  if (error instanceof SyntaxError || /sdkHttpResponse|^\{"error":/.test(error.message)) {
    return { code: 'bad_response', disposition: 'transient', what: 'answered with a body that cannot be read' };
  }
  if (codes.includes('ERR_INVALID_URL')) {
    return { code: 'bad_response', disposition: 'permanent', scope: 'batch', what: 'has no valid address' };
  }
  if (/^(fetch failed|terminated)$|premature close/i.test(error.message) || codes.some(isConnectionCode)) {
    return { code: 'network', disposition: 'transient', what: `was not reached (${codes.at(-1) ?? error.message})` };
  }
  // The credentials library speaks to a service of its own.
  if (error.name === 'GaxiosError' && 'status' in error && Number(error.status) >= 500) {
    return { code: 'server_error', disposition: 'transient', what };
  }
  if (error.name === 'GaxiosError' || ACCESS_TROUBLE.test(error.message)) {
    return { code: 'auth_failed', disposition: 'permanent', scope: 'batch', what };
  }
  return { code: 'internal', disposition: 'permanent', what };
}

const ACCESS_TROUBLE = /credential|access token|invalid_grant|authenticat|project id|api key|header value/i;

function isConnectionCode(code: string): boolean {
  return /^(ECONN|ENOTFOUND|EAI_|EPIPE|ETIMEDOUT|EHOST|ENET|UND_ERR_|ERR_TLS|ERR_SSL|ERR_STREAM|CERT_)/.test(code);
}

/** Codes of an error and its causes, outermost first. */
function codesOf(error: Error): string[] {
  const codes: string[] = [];
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if ('code' in at && typeof at.code === 'string') codes.push(at.code);
  }
  return codes;
}

/** Without the secrets at hand and whatever else looks like a Google API key or access token. */
function redact(text: string, secrets: readonly string[]): string {
  const own = secrets.filter((secret) => secret !== '');
  const clean = own.reduce((rest, secret) => rest.replaceAll(secret, '[key]'), text);
  return clean.replaceAll(/AIza[\w-]{20,}|ya29\.[\w.-]+/g, '[key]');
}
