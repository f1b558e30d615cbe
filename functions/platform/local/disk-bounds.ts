import { realpathSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { ProofsheetError } from '../../domain/errors.ts';

/** Folders in which links lead nowhere else, for a server whose users may read these folders and nothing beside them. */
export interface DiskBounds {
  /** Fails with `unreadable_file` for a path in these folders that really lies elsewhere. Other paths pass. */
  check(path: string): Promise<void>;
  /** Whether what a link in such a folder really leads to may be read. */
  permits(link: string, real: string): boolean;
}

/** What lies in a folder of `own` is not looked at: it holds what proofsheet wrote itself. */
export function diskBounds({ roots, own }: { roots: readonly string[]; own: readonly string[] }): DiskBounds {
  const names = roots.map((root) => resolve(root));
  const real = names.map(realOf);
  const ownNames = own.map((folder) => resolve(folder));
  const isBound = (path: string) => isInAny(path, names) && !isInAny(path, ownNames);
  const permits = (link: string, target: string) => !isBound(link) || isInAny(target, real);
  return {
    permits,
    async check(path) {
      if (!isBound(path)) return;
      const target = await realpath(path).catch(() => undefined);
      // What is not there fails by itself.
      if (target === undefined || isInAny(target, real)) return;
      throw new ProofsheetError('unreadable_file', `${path} leads out of the folders that may be read.`);
    },
  };
}

function isInAny(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep));
}

function realOf(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}
