import type { StorageOptions } from '@google-cloud/storage';
import type { OpenFile } from './gemini-request.ts';
import { type StorageFilesOptions, storageFiles, storedUri } from './storage-files.ts';
import type { PicturePlace } from './vertex-gecko.ts';

/** Pictures that lie elsewhere, copied into a bucket under their content's hash, so that the same one is there once. */
export function stagedPictures(options: {
  objects: StorageFilesOptions['objects'];
  open: OpenFile;
  client?: StorageOptions;
}): PicturePlace {
  const files = storageFiles(options);
  return {
    async uriOf(picture) {
      const stored = await files.put(await options.open(picture), picture.mimeType);
      return storedUri(options, stored);
    },
    async check() {
      await files.list(`gs://${options.objects.bucket}`, { recursive: false, limit: 1 });
    },
  };
}
