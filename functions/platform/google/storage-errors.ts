import { ProofsheetError } from '../../domain/errors.ts';

/** HTTP status of an error of the client library, whichever of its layers it comes from. */
export function httpStatus(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const of: { code?: unknown; status?: unknown; response?: { status?: unknown } } = error;
  const status = [of.code, of.status, of.response?.status].map(Number).find((number) => number >= 300 && number < 600);
  return status;
}

/** Broken connections, overload and failures of the service pass; a request that is wrong stays wrong. */
export function isPassing(error: unknown): boolean {
  const status = httpStatus(error);
  return status === undefined || status >= 500 || [408, 412, 429].includes(status);
}

/** A 404 can be about the object or about its bucket. */
export function isBucketMissing(error: unknown): boolean {
  return error instanceof Error && /specified bucket does not exist/i.test(error.message);
}

/** What Cloud Storage says about an object that was to be read: file_missing, unreadable_file, or as `storageError`. */
export function readError(error: unknown, uri: string): ProofsheetError {
  if (error instanceof ProofsheetError) return error;
  const details = { cause: error };
  switch (httpStatus(error)) {
    case 404:
      return new ProofsheetError('file_missing', `There is no ${uri}; check the name and the bucket.`, details);
    case 403:
      return new ProofsheetError(
        'unreadable_file',
        `No permission to read ${uri}; grant roles/storage.objectViewer on its bucket.`,
        details,
      );
    default:
      return storageError(error, `${uri} could not be read`);
  }
}

/** What Cloud Storage says about an object that was to be written: `storage`, or as `storageError`. */
export function writeError(error: unknown, uri: string): ProofsheetError {
  if (error instanceof ProofsheetError) return error;
  const details = { cause: error, scope: 'batch' as const };
  switch (httpStatus(error)) {
    case 404:
      return new ProofsheetError('storage', `${uri} cannot be written: there is no such bucket; create it.`, details);
    case 403:
      return new ProofsheetError(
        'storage',
        `No permission to write ${uri}; grant roles/storage.objectUser on its bucket.`,
        details,
      );
    default:
      return storageError(error, `${uri} could not be written`);
  }
}

/** Credentials are the operator's to fix. */
function storageError(error: unknown, what: string): ProofsheetError {
  const reason = error instanceof Error ? error.message : String(error);
  const message = (remedy: string): string => `${what} (${reason.trim().slice(0, 200)}); ${remedy}.`;
  if (httpStatus(error) === 401 || /default credentials|invalid_grant/.test(reason)) {
    const details = { cause: error, scope: 'batch' as const };
    return new ProofsheetError('auth_failed', message('check the credentials of this process'), details);
  }
  if (!isPassing(error)) return new ProofsheetError('storage', message('check the name'), { cause: error });
  return new ProofsheetError('storage_unavailable', message('the work goes on by itself'), {
    cause: error,
    disposition: 'transient',
  });
}
