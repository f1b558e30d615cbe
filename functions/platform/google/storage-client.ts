import type { Storage, StorageOptions } from '@google-cloud/storage';

const REQUEST_TIMEOUT_MS = 120_000;

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
    timeout: REQUEST_TIMEOUT_MS,
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
