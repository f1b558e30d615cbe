import type { File, Storage, StorageOptions } from '@google-cloud/storage';
import { ProofsheetError } from '../../domain/errors.ts';
import type { ObjectPlace } from './storage-uri.ts';
import { withinTime } from './time-limit.ts';

/**
 * The client library, loaded and opened when first asked for, as loading it takes long. It honours STORAGE_EMULATOR_HOST.
 * It repeats every request that failed for the moment, conditional or not: whatever is written here may be written twice,
 * as the bytes are the same and `create` recognises its own object. Without that, one unconditional write would switch
 * repeating off for all requests of the client.
 */
export function storageClient(options: StorageOptions = {}): () => Promise<Storage> {
  let opened: Promise<Storage> | undefined;
  return () => {
    opened ??= open(options);
    return opened;
  };
}

async function open(options: StorageOptions): Promise<Storage> {
  const { IdempotencyStrategy, Storage } = await import('@google-cloud/storage');
  return new Storage({
    ...options,
    retryOptions: {
      maxRetries: 4,
      maxRetryDelay: 16,
      totalTimeout: 120,
      ...options.retryOptions,
      autoRetry: true,
      idempotencyStrategy: IdempotencyStrategy.RetryAlways,
    },
  });
}

export function objectAt(storage: Storage, { bucket, name, generation }: ObjectPlace): File {
  return storage.bucket(bucket).file(name, generation === undefined ? {} : { generation });
}

/** Fails with `storage_unavailable` when the work takes too long: the client library's own time limit has no effect on Node. */
export function withDeadline<T>(uri: string, ms: number, work: Promise<T>): Promise<T> {
  return withinTime(ms, work, () => {
    const message = `Cloud Storage did not answer within ${ms / 1000} s about ${uri}; the work goes on by itself.`;
    return new ProofsheetError('storage_unavailable', message, { disposition: 'transient' });
  });
}
