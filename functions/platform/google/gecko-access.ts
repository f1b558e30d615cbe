import { ProofsheetError } from '../../domain/errors.ts';
import { GECKO } from '../../domain/model-call.ts';
import { onDemand } from '../../lib/on-demand.ts';
import type { Models } from '../ports.ts';
import type { GeminiAuth } from './gemini-models.ts';
import type { PicturePlace, VertexGeckoOptions } from './vertex-gecko.ts';

const NEEDS_VERTEX = `The judge ${GECKO} is a service of Vertex AI, which takes no API key; set GOOGLE_GENAI_USE_ENTERPRISE=true, GOOGLE_CLOUD_PROJECT and application default credentials, or JUDGE=rubric.`;
const NEEDS_BUCKET = `The judge ${GECKO} reads pictures from Cloud Storage only; set JUDGE_BUCKET to a place such as gs://my-bucket/judge, or JUDGE=rubric.`;

export interface GeckoAccess extends Pick<VertexGeckoOptions, 'location' | 'baseUrl' | 'credentials'> {
  auth?: GeminiAuth;
  pictures: PicturePlace | undefined;
}

/** The Gecko judge where it can be asked; else `unavailable` says why, by model id, and so does every request. */
export function openGecko(access: GeckoAccess): { gecko: Models; unavailable: Record<string, string> } {
  const { auth, pictures, ...rest } = access;
  if (auth?.kind !== 'vertex' || !auth.project) return absent(NEEDS_VERTEX);
  if (pictures === undefined) return absent(NEEDS_BUCKET);
  const options = { ...rest, project: auth.project, pictures };
  const gecko = onDemand<Models>({ call: true, check: true }, async () => {
    const { vertexGecko } = await import('./vertex-gecko.ts');
    return vertexGecko(options);
  });
  return { gecko, unavailable: {} };
}

/** Requests for the Gecko judge to it, all others to Gemini. */
export function withGecko(gemini: Models, gecko: Models): Models {
  return {
    call: (request, options) => (request.model === GECKO ? gecko : gemini).call(request, options),
    async check(models) {
      const others = models.filter((model) => model !== GECKO);
      const judges = others.length < models.length ? gecko.check([GECKO]) : [];
      return [...(await gemini.check(others)), ...(await judges)];
    },
  };
}

function absent(message: string): ReturnType<typeof openGecko> {
  const gecko: Models = {
    call: () => Promise.reject(new ProofsheetError('auth_failed', message, { scope: 'batch' })),
    check: () => Promise.resolve([{ what: `judge ${GECKO}`, ok: false, message }]),
  };
  return { gecko, unavailable: { [GECKO]: message } };
}
