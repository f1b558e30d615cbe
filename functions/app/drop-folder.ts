import { DROP_FILE, READY_FILE } from '../domain/drop-gate.ts';
import { asProofsheetError } from '../domain/errors.ts';
import type { FileEntry, FileVersion } from '../platform/ports.ts';
import type { App } from './app.ts';

/** The next files of a drop's folder. One that nothing is left of is empty. */
export async function listFolder(
  app: Pick<App, 'files'>,
  root: { uri: string; recursive: boolean },
  page: { after?: string; limit: number },
): Promise<FileEntry[]> {
  return await app.files.list(root.uri, { recursive: root.recursive, ...page }).catch((thrown: unknown) => {
    if (asProofsheetError(thrown).code === 'file_missing') return [];
    throw thrown;
  });
}

/** The version that lies at a place; undefined if there is none. */
export async function versionAt(app: Pick<App, 'files'>, uri: string): Promise<FileVersion | undefined> {
  const [entry] = await listFolder(app, { uri, recursive: false }, { limit: 1 });
  return entry?.uri === uri ? entry.version : undefined;
}

/** True for the files that steer a drop. `path` is that below its folder. */
export function isControlFile(path: string): boolean {
  return path === DROP_FILE || path === READY_FILE;
}
