import { storageFiles } from '../../functions/platform/google/storage-files.ts';
import { filesContract } from '../contract/files.ts';
import { startStorageServer } from '../support/storage-server.ts';

filesContract('Cloud Storage', async () => {
  const server = await startStorageServer({ buckets: ['results', 'work'] });
  const client = { apiEndpoint: server.url, projectId: 'project' };
  return {
    platform: { files: storageFiles({ objects: { bucket: 'work', prefix: 'objects' }, client }) },
    folder: 'gs://results/files',
    close: () => server.close(),
  };
});
