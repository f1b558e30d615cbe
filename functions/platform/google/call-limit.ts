import { ProofsheetError } from '../../domain/errors.ts';
import type { CallOptions } from '../ports.ts';
import { sentence } from './gemini-errors.ts';

/**
 * Does the work of one call within its time limit, also where the work itself does not heed the signal, as when an access
 * token is fetched. The caller's abort comes back as the caller's reason, the limit as `timeout`, all else as it was thrown.
 */
export async function withinCallLimit<T>(
  model: string,
  { timeoutMs, signal }: Pick<CallOptions, 'timeoutMs' | 'signal'>,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const ours = new AbortController();
  const timer = setTimeout(() => ours.abort(timeoutOf(model, timeoutMs)), timeoutMs);
  const follow = () => ours.abort(signal?.reason);
  signal?.addEventListener('abort', follow, { once: true });
  try {
    return await Promise.race([abortOf(ours.signal), work(ours.signal)]);
  } catch (thrown) {
    // Libraries throw the same AbortError for a timeout and for the caller's abort.
    throw ours.signal.aborted ? ours.signal.reason : thrown;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', follow);
  }
}

function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function timeoutOf(model: string, timeoutMs: number): ProofsheetError {
  const message = sentence(model, `gave no answer within ${timeoutMs / 1000} s`, 'timeout');
  return new ProofsheetError('timeout', message, { disposition: 'transient' });
}
