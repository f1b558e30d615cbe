import type { Files } from '../ports.ts';
import type { ModelJobs } from '../wave-ports.ts';
import { geminiJobs } from './gemini-jobs.ts';
import type { GeminiAuth } from './gemini-models.ts';
import { stagedPictures } from './staged-pictures.ts';
import { type StorageFilesOptions, storageFiles } from './storage-files.ts';
import type { PicturePlace } from './vertex-gecko.ts';
import { vertexJobs } from './vertex-jobs.ts';

export interface JobAccess {
  auth: GeminiAuth | undefined;
  baseUrl?: string | undefined;
  files: Files;
  /** A place in Cloud Storage, which Vertex AI needs. */
  objects: StorageFilesOptions['objects'] | undefined;
  /** Where pictures are, if they are in Cloud Storage anyway. */
  pictures?: PicturePlace;
}

/** The Batch API of whatever is configured; undefined where there is none. */
export function openJobs({ auth, baseUrl, files, objects, pictures }: JobAccess): ModelJobs | undefined {
  const address = baseUrl === undefined ? {} : { baseUrl };
  if (auth?.kind === 'key') return geminiJobs({ auth, files, ...address });
  if (auth === undefined || objects === undefined) return undefined;
  const storage = storageFiles({ objects });
  const folder = storage.join(`gs://${objects.bucket}`, objects.prefix, 'waves');
  const staged = pictures ?? stagedPictures({ objects, open: files.open });
  return vertexJobs({ auth, files, storage, folder, pictures: staged, ...address });
}
