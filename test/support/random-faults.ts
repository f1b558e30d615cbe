import { createHash } from 'node:crypto';
import { outputLimitOf } from '../../functions/domain/model-call.ts';
import { declinedReply, type Fault, googleError, type Reply, rateLimited, textReply } from './gemini-replies.ts';
import type { Call } from './gemini-server.ts';

/** Of a question that is asked the first time. */
const FIRST_LIMIT = outputLimitOf({ kind: 'json' });
const SOON = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '0.05s' };

export const serverError: Fault = googleError(500, 'INTERNAL', 'An internal error has occurred.', [SOON]);
const overloaded = googleError(503, 'UNAVAILABLE', 'The model is overloaded.', [SOON]);

const FAULTS: readonly Fault[] = [
  rateLimited({ retryDelay: '0.1s' }),
  serverError,
  overloaded,
  { kind: 'reset' },
  { kind: 'cut' },
  { kind: 'broken-json' },
];
/** Billed, of no use, and better when it is asked for again. */
const USELESS: readonly Reply[] = [
  declinedReply('MAX_TOKENS', { parts: [{ text: '{"results": [{"id": "q1", "ent' }] }),
  textReply('{"results": [{"id": "q1"'),
];
/** The same request fails at most so often in a row, fewer times than a call is tried. */
const MOST_IN_A_ROW = 2;

/**
 * Faults that hit a share of all calls. Which ones depends on the seed and on the request alone, not on the order in which
 * calls arrive.
 */
export function randomFaults(seed: string, share: number) {
  const seen = new Map<string, number>();
  let useless = 0;
  return {
    /** How many billed answers were of no use. */
    get useless() {
      return useless;
    },
    faultOf(call: Call): Fault | undefined {
      const request = createHash('sha256').update(JSON.stringify(call.body)).digest('hex');
      const times = (seen.get(request) ?? 0) + 1;
      seen.set(request, times);
      return times > MOST_IN_A_ROW ? undefined : pick(`${seed} ${request} ${times}`, share, FAULTS);
    },
    /** Only for a question that is asked the first time. */
    uselessReply(call: Call): Reply | undefined {
      const asked = JSON.stringify(call.body.contents);
      const again =
        call.body.generationConfig?.maxOutputTokens !== FIRST_LIMIT || asked.includes('the complete answer');
      if (call.kind !== 'json' || again) return undefined;
      const reply = pick(`${seed} useless ${asked}`, share, USELESS);
      if (reply !== undefined) useless += 1;
      return reply;
    },
  };
}

function pick<T>(key: string, share: number, from: readonly T[]): T | undefined {
  const digest = createHash('sha256').update(key).digest();
  if (digest.readUInt32BE(0) / 2 ** 32 >= share) return undefined;
  return from[digest.readUInt32BE(4) % from.length];
}
