import { type Disposition, type ErrorDetails, ProofsheetError } from '../../domain/errors.ts';

/** Status codes of gRPC (https://grpc.io/docs/guides/status-codes/) that Firestore answers with. */
const CANCELLED = 1;
const UNKNOWN = 2;
const INVALID_ARGUMENT = 3;
const DEADLINE_EXCEEDED = 4;
const NOT_FOUND = 5;
const ALREADY_EXISTS = 6;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;
const ABORTED = 10;
const OUT_OF_RANGE = 11;
const UNIMPLEMENTED = 12;
const INTERNAL = 13;
const UNAVAILABLE = 14;
const DATA_LOSS = 15;
const UNAUTHENTICATED = 16;

interface Row {
  codes: readonly number[];
  disposition: Disposition;
  scope: 'item' | 'batch';
  /** Goes on after `Firestore`. */
  sentence: string;
}

const ROWS: readonly Row[] = [
  {
    codes: [UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED],
    disposition: 'transient',
    scope: 'item',
    sentence: 'did not answer; the work goes on when it does',
  },
  {
    codes: [RESOURCE_EXHAUSTED],
    disposition: 'transient',
    scope: 'item',
    sentence: 'takes no more requests for now; check the quota of the project if it lasts',
  },
  {
    codes: [ABORTED, ALREADY_EXISTS],
    disposition: 'transient',
    scope: 'item',
    sentence: 'met another writer at the same time too often; the work goes on by itself',
  },
  {
    codes: [INTERNAL, UNKNOWN],
    disposition: 'transient',
    scope: 'item',
    sentence: 'failed; the work goes on when it recovers',
  },
  {
    codes: [PERMISSION_DENIED, UNAUTHENTICATED],
    disposition: 'permanent',
    scope: 'batch',
    sentence: 'refused access; give the service account the role roles/datastore.user, then resume',
  },
  {
    codes: [NOT_FOUND],
    disposition: 'permanent',
    scope: 'batch',
    sentence: 'has no such database; create it in native mode, then resume',
  },
  {
    codes: [FAILED_PRECONDITION, UNIMPLEMENTED],
    disposition: 'permanent',
    scope: 'batch',
    sentence: 'lacks an index or is not in native mode; deploy infra/firestore.indexes.json, then resume',
  },
  {
    codes: [INVALID_ARGUMENT, OUT_OF_RANGE],
    disposition: 'permanent',
    scope: 'item',
    sentence: 'refused the data; make the input smaller or report this as a bug',
  },
  {
    codes: [DATA_LOSS],
    disposition: 'permanent',
    scope: 'batch',
    sentence: 'lost data; restore the database from a backup',
  },
];

/** The answers to a commit that was not made because a document was not as it demanded. */
const REFUSALS: readonly number[] = [FAILED_PRECONDITION, ALREADY_EXISTS, NOT_FOUND, ABORTED];

/** The answers that leave open whether a commit was made. */
const UNCLEAR: readonly number[] = [UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED, INTERNAL, UNKNOWN];

/** What a failed commit says about the documents; undefined: nothing was written, and trying again gives the same. */
export function commitFailure(error: unknown): 'refused' | 'unclear' | undefined {
  const code = statusOf(error);
  if (code === undefined) return undefined;
  if (REFUSALS.includes(code)) return 'refused';
  return UNCLEAR.includes(code) ? 'unclear' : undefined;
}

/** As the client reports that no answer came in time. */
export function deadlineExceeded(what: string): Error {
  return Object.assign(new Error(`${DEADLINE_EXCEEDED} DEADLINE_EXCEEDED: ${what}`), { code: DEADLINE_EXCEEDED });
}

/** What Firestore or its client reports, as `storage`, or as `storage_unavailable` where it passes; anything else unchanged. */
export function firestoreError(error: unknown): unknown {
  if (error instanceof ProofsheetError || !(error instanceof Error)) return error;
  const code = statusOf(error);
  const row = ROWS.find(({ codes }) => code !== undefined && codes.includes(code));
  if (row !== undefined) return storageError(row, error);
  // The credentials library fails before any status is known.
  if (!/credential|access token|invalid_grant|project id/i.test(error.message)) return error;
  const sentence = 'cannot be asked without credentials; run with a service account or gcloud auth, then resume';
  return storageError({ disposition: 'permanent', scope: 'batch', sentence }, error);
}

/** The same methods, with failures of Firestore translated. */
export function translating<T extends Record<keyof T, (...values: never[]) => Promise<unknown>>>(methods: T): T {
  const wrapped = Object.entries<(...values: never[]) => Promise<unknown>>(methods).map(([name, method]) => {
    const translated = async (...values: never[]) => {
      try {
        return await method(...values);
      } catch (error) {
        throw firestoreError(error);
      }
    };
    return [name, translated];
  });
  return Object.fromEntries(wrapped) as T;
}

function storageError({ disposition, scope, sentence }: Omit<Row, 'codes'>, cause: Error): ProofsheetError {
  const details: ErrorDetails = { disposition, scope, cause };
  // The client repeats its own call's place in the following lines.
  const said = cause.message.split('\n')[0]?.slice(0, 200);
  const code = disposition === 'transient' ? 'storage_unavailable' : 'storage';
  return new ProofsheetError(code, `Firestore ${sentence} (${said}).`, details);
}

function statusOf(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;
}
