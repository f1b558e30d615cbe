import { type ErrorDetails, ProofsheetError } from '../../domain/errors.ts';

interface Row {
  /** Status codes of gRPC (https://grpc.io/docs/guides/status-codes/). */
  statuses: readonly number[];
  code: 'storage' | 'storage_unavailable' | 'auth_failed' | 'internal';
  disposition: 'transient' | 'permanent';
  scope: 'item' | 'batch';
  remedy: string;
}

const ROWS: readonly Row[] = [
  {
    // invalid argument, out of range, unimplemented
    statuses: [3, 11, 12],
    code: 'internal',
    disposition: 'permanent',
    scope: 'batch',
    remedy: 'report this as a bug',
  },
  {
    // not found
    statuses: [5],
    code: 'storage',
    disposition: 'permanent',
    scope: 'batch',
    remedy: 'there is no such topic; apply infra/, then resume',
  },
  {
    // permission denied, unauthenticated
    statuses: [7, 16],
    code: 'auth_failed',
    disposition: 'permanent',
    scope: 'batch',
    remedy: 'give the service account roles/pubsub.publisher on the topic, then resume',
  },
];

const PASSING: Omit<Row, 'statuses'> = {
  code: 'storage_unavailable',
  disposition: 'transient',
  scope: 'item',
  remedy: 'the work goes on by itself',
};

/** What Pub/Sub says when it did not take messages, after the client library's own repeats. No item is at fault. */
export function publishError(error: unknown, topic: string): ProofsheetError {
  const { code, disposition, scope, remedy } =
    ROWS.find(({ statuses }) => statuses.includes(statusOf(error))) ?? PASSING;
  const reason = (error instanceof Error ? error.message : String(error)).trim().slice(0, 200);
  const details: ErrorDetails = { cause: error, disposition, scope };
  return new ProofsheetError(code, `Pub/Sub took no messages for ${topic} (${reason}); ${remedy}.`, details);
}

function statusOf(error: unknown): number {
  return typeof error === 'object' && error !== null && 'code' in error ? Number(error.code) : Number.NaN;
}
