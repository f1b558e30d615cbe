import { asProofsheetError } from '../domain/errors.ts';
import type { Disposal, Message } from '../domain/message.ts';
import type { App } from './app.ts';
import { expandBatch } from './expand-batch.ts';
import { finalizeBatch } from './finalize-batch.ts';
import { processItem } from './process-item.ts';

/** The only message switch, for the cloud and for one machine. A rejected promise means: deliver again. */
export async function dispatch(app: App, message: Message): Promise<Disposal> {
  try {
    switch (message.kind) {
      case 'expand':
        return await expandBatch(app, message);
      case 'process':
        return await processItem(app, message);
      case 'finalize':
        return await finalizeBatch(app, message);
    }
  } catch (thrown) {
    const error = asProofsheetError(thrown);
    if (error.disposition === 'conflict') return { kind: 'retry' };
    app.log.error({ ...message, code: error.code, error: error.message }, 'message failed, will be delivered again');
    throw error;
  }
}
