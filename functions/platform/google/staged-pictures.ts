import type { StorageOptions } from '@google-cloud/storage';
import type { OpenFile } from './gemini-request.ts';
import { type StorageFilesOptions, storageFiles, storedUri } from './storage-files.ts';
import type { PicturePlace } from './vertex-gecko.ts';

interface Place {
  objects: StorageFilesOptions['objects'];
  client?: StorageOptions;
}

/** Pictures that are kept in Cloud Storage anyway. */
export function storedPictures(place: Place): PicturePlace {
  const files = storageFiles(place);
  return {
    uriOf: (picture) => Promise.resolve(storedUri(place, picture)),
    async check() {
      await files.list(`gs://${place.objects.bucket}`, { recursive: false, limit: 1 });
    },
  };
}

/** Pictures that lie elsewhere, copied into a bucket under their content's hash, so that the same one is there once. */
export function stagedPictures(place: Place & { open: OpenFile }): PicturePlace {
  const files = storageFiles(place);
  const stored = storedPictures(place);
  return {
    async uriOf(picture) {
      return await stored.uriOf(await files.put(await place.open(picture), picture.mimeType));
    },
    check: stored.check,
  };
}
