import { batchesContract } from '../contract/batches.ts';
import { budgetsContract } from '../contract/budgets.ts';
import { changesContract } from '../contract/changes.ts';
import { filesContract } from '../contract/files.ts';
import { journalContract } from '../contract/journal.ts';
import { pausesContract } from '../contract/pauses.ts';
import { queueContract } from '../contract/queue.ts';
import { sourcesContract } from '../contract/sources.ts';
import { vectorsContract } from '../contract/vectors.ts';
import { wavesContract } from '../contract/waves.ts';
import { localSubject } from './local-platform.ts';

batchesContract('local', localSubject);
changesContract('local', localSubject);
journalContract('local', localSubject);
budgetsContract('local', localSubject);
pausesContract('local', localSubject);
queueContract('local', localSubject);
filesContract('local', localSubject);
sourcesContract('local', localSubject);
vectorsContract('local', localSubject);
wavesContract('local', async () => {
  const { platform, close } = await localSubject();
  return { waves: platform.waves, close };
});
