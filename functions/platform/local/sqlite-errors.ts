import { ProofsheetError } from '../../domain/errors.ts';

/** Primary result codes of SQLite (https://www.sqlite.org/rescode.html) that are not the caller's doing. */
const BUSY = 5;
const LOCKED = 6;
const SENTENCES: Readonly<Record<number, string>> = {
  [BUSY]: 'is locked by another process for too long; end or resume that process, then try again.',
  [LOCKED]: 'is locked by another process for too long; end or resume that process, then try again.',
  8: 'cannot be written; check the permissions of the state folder.',
  10: 'could not be read or written; check the disk.',
  11: 'is damaged; restore the state folder from a backup or start with another --home.',
  13: 'cannot grow because the disk is full; free some space, then resume.',
  14: 'cannot be opened; check the permissions of the state folder.',
  26: 'is no SQLite database; start with another --home.',
};

/** True when another connection holds the lock, so that the same can work a little later. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === BUSY || code === LOCKED;
}

/** What SQLite or the file system reports about the database file, as `storage`, or as `storage_unavailable` where it passes; anything else unchanged. */
export function storageError(error: unknown, path: string): unknown {
  const code = resultCode(error);
  const sentence = code === undefined ? fileSystemSentence(error) : SENTENCES[code];
  if (sentence === undefined) return error;
  const message = `The database ${path} ${sentence}`;
  return isBusy(error)
    ? new ProofsheetError('storage_unavailable', message, { cause: error, disposition: 'transient' })
    : new ProofsheetError('storage', message, { cause: error, scope: 'batch' });
}

function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  // The low byte of an extended code is the primary one.
  return error.errcode & 0xff;
}

function fileSystemSentence(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  return `cannot be opened or written (${String(error.code)}); check the disk and the permissions of the state folder.`;
}
