import { ApiError } from '@google/genai';
import { ProofsheetError } from '../../domain/errors.ts';
import {
  type FileRef,
  GECKO,
  type JudgeAnswer,
  type ModelRequest,
  type RubricAnswer,
} from '../../domain/model-call.ts';
import type { CallOptions, Models } from '../ports.ts';
import { withinCallLimit } from './call-limit.ts';
import { judgeBody, readJudgement, readRubric, rubricBody } from './gecko-wire.ts';
import { translateFailure } from './gemini-errors.ts';

export interface VertexGeckoOptions {
  project: string;
  location: string;
  /** Address of the API, where it is not Google's own. */
  baseUrl?: string;
  /** Where Google's side can read pictures. */
  pictures: PicturePlace;
  /** Without it, the application default credentials. */
  credentials?: Credentials;
  /** Milliseconds since 1970. */
  now?: () => number;
}

/** The service takes pictures from Cloud Storage only: it silently leaves out the bytes of inlined ones and judges without them. */
export interface PicturePlace {
  /** The picture's gs:// URI; puts it there if it is not. */
  uriOf(picture: FileRef): Promise<string>;
  /** Fails when the place cannot be used. */
  check(): Promise<void>;
}

interface Credentials {
  getRequestHeaders(): Promise<Headers>;
}

type Method = 'generateInstanceRubrics' | 'evaluateInstances';
type Post = (method: Method, body: Record<string, unknown>) => Promise<unknown>;

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
/** Of a picture that Vertex AI reads from Cloud Storage. Source: its page on image understanding. */
const MAX_PICTURE_BYTES = 30 * 1024 * 1024;
const CHECK_TIMEOUT_MS = 15_000;
const NO_USAGE = { input: 0, cached: 0, output: 0, outputImage: 0, thoughts: 0 };

/**
 * The Gecko metric of Vertex AI's evaluation service, by REST as its clients for JavaScript know nothing of it. Answers the
 * kinds `rubric` and `judge`, one request each. The service tells neither tokens nor the model behind the metric: usage is
 * 0 and the version is that of the metric.
 */
export function vertexGecko(options: VertexGeckoOptions): Models {
  const ask = asker(options);

  async function answer(request: ModelRequest, post: Post): Promise<RubricAnswer | JudgeAnswer> {
    if (request.kind === 'rubric') {
      return readRubric(await post('generateInstanceRubrics', rubricBody(request)), request.model);
    }
    const picture = pictureOf(request);
    const uri = await options.pictures.uriOf(picture);
    return readJudgement(await post('evaluateInstances', judgeBody(request, { ...picture, uri })), request);
  }

  return {
    async call(request, limit) {
      if (request.model !== GECKO || (request.kind !== 'rubric' && request.kind !== 'judge')) {
        throw new ProofsheetError('internal', `${request.model} was asked for ${request.kind} at the judging service.`);
      }
      const text = JSON.stringify(await ask(limit, (post) => answer(request, post)));
      return { text, usage: NO_USAGE, modelVersion: GECKO, responseId: '' };
    },

    async check() {
      const what = `judge ${GECKO}`;
      try {
        await ask({ timeoutMs: CHECK_TIMEOUT_MS }, async (post) => {
          await options.pictures.check();
          // Nothing can be evaluated without a metric, so this costs nothing; who refuses it as invalid is there and lets us in.
          await post('evaluateInstances', {});
        });
      } catch (error) {
        if (!(error instanceof ProofsheetError)) throw error;
        if (error.code !== 'invalid_request') return [{ what, ok: false, message: error.message }];
      }
      return [{ what, ok: true, message: `available in ${options.location}` }];
    },
  };
}

type Ask = <T>(limit: Pick<CallOptions, 'timeoutMs' | 'signal'>, work: (post: Post) => Promise<T>) => Promise<T>;

/** Does the work of one call; whatever goes wrong before, in and after its request is one of our errors. */
function asker(options: VertexGeckoOptions): Ask {
  const credentials = options.credentials ?? defaultCredentials();
  const now = options.now ?? Date.now;
  return (limit, work) =>
    withinCallLimit(GECKO, limit, async (signal) => {
      const secrets: string[] = [];
      const post: Post = async (method, body) => {
        const headers = new Headers(await credentials.getRequestHeaders());
        secrets.push(headers.get('authorization')?.replace(/^Bearer /, '') ?? '');
        headers.set('content-type', 'application/json');
        signal.throwIfAborted();
        const init = { method: 'POST', headers, body: JSON.stringify(body), signal };
        const response = await fetch(addressOf(options, method), init);
        const text = await response.text();
        if (!response.ok) throw new ApiError({ status: response.status, message: text });
        return JSON.parse(text);
      };
      try {
        return await work(post);
      } catch (thrown) {
        throw translateFailure(thrown, { model: GECKO, now: now(), secrets });
      }
    });
}

function pictureOf({ model, parts }: ModelRequest): FileRef {
  const [picture] = parts.flatMap((part) => ('file' in part ? part.file : []));
  if (picture === undefined) throw new ProofsheetError('internal', `${model} was asked to judge without a picture.`);
  if (picture.bytes <= MAX_PICTURE_BYTES) return picture;
  const size = Math.ceil(picture.bytes / (1024 * 1024));
  throw new ProofsheetError(
    'invalid_request',
    `${model} takes pictures of up to 30 MB and this one has ${size} MB; set another image model or JUDGE=rubric.`,
  );
}

/** As Google's own clients choose the host. */
function addressOf({ project, location, baseUrl }: VertexGeckoOptions, method: Method): string {
  const host = MULTI_REGIONS.includes(location)
    ? `aiplatform.${location}.rep.googleapis.com`
    : `${location === 'global' ? '' : `${location}-`}aiplatform.googleapis.com`;
  const base = (baseUrl ?? `https://${host}`).replace(/\/+$/, '');
  return `${base}/v1beta1/projects/${project}/locations/${location}:${method}`;
}

const MULTI_REGIONS: readonly string[] = ['us', 'eu'];

/** The library is loaded when it is first needed. It keeps tokens and renews them. */
function defaultCredentials(): Credentials {
  let opened: Promise<Credentials> | undefined;
  const open = async () => {
    const { GoogleAuth } = await import('google-auth-library');
    return new GoogleAuth({ scopes: SCOPE });
  };
  return {
    async getRequestHeaders() {
      opened ??= open();
      return (await opened).getRequestHeaders();
    },
  };
}
