import type { Batch } from '../domain/batch.ts';
import type { ProofsheetError } from '../domain/errors.ts';
import type { App } from './app.ts';

/** What a batch says that stopped for an error; it goes on by itself where the error says when. */
export function pauseFor(app: Pick<App, 'clock'>, error: ProofsheetError): Batch['pause'] {
  const pause = { code: error.code, message: error.message };
  return error.retryAfterMs === undefined ? pause : { ...pause, until: app.clock.now() + error.retryAfterMs };
}
