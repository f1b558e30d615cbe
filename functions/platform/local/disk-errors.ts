import { ProofsheetError } from '../../domain/errors.ts';

/** What the file system says about a file that was to be read: file_missing, unreadable_file, or storage_unavailable for the machine's limits. */
export function readError(error: unknown, path: string): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  if (isPassing(error)) return tooManyFiles(path, error);
  const details = { cause: error };
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new ProofsheetError('file_missing', `There is no file ${path}; check the name.`, details);
    case 'EACCES':
    case 'EPERM':
      return new ProofsheetError('unreadable_file', `No permission to read ${path}; change its permissions.`, details);
    default:
      return new ProofsheetError('unreadable_file', `${path} could not be read (${code}); check the disk.`, details);
  }
}

/** What the file system says about a file that was to be written, as `storage`, or as `storage_unavailable` where it passes. */
export function writeError(error: unknown, path: string): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  if (isPassing(error)) return tooManyFiles(path, error);
  const details = { cause: error, scope: 'batch' as const };
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new ProofsheetError('storage', `The disk is full at ${path}; free some space, then resume.`, details);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new ProofsheetError(
        'storage',
        `No permission to write ${path}; change the permissions of its folder.`,
        details,
      );
    default:
      return new ProofsheetError('storage', `${path} could not be written (${code}); check the disk.`, details);
  }
}

/** `ENOENT` and the like; undefined for anything that is no error of the file system. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** True for limits of this machine that pass when other files are closed. */
export function isPassing(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'EMFILE' || code === 'ENFILE';
}

function tooManyFiles(path: string, cause: unknown): ProofsheetError {
  return new ProofsheetError(
    'storage_unavailable',
    `Too many files are open to get at ${path}; raise the limit with \`ulimit -n\` or lower --max-concurrent.`,
    { cause, disposition: 'transient' },
  );
}
