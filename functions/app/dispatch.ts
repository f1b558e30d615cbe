import { asProofsheetError } from '../domain/errors.ts';
import { ACK, type Disposal, type Message } from '../domain/message.ts';
import type { App } from './app.ts';
import { expandBatch } from './expand-batch.ts';
import { finalizeBatch } from './finalize-batch.ts';
import { optimizePrompts } from './optimize-prompts.ts';
import { pauseFor } from './pause.ts';
import { processItem } from './process-item.ts';
import { sweep } from './sweep.ts';

/** The only message switch, for the cloud and for one machine. A rejected promise means: deliver again. */
export async function dispatch(app: App, message: Message): Promise<Disposal> {
  try {
    switch (message.kind) {
      case 'expand':
        return await expandBatch(app, message);
      case 'process':
        return await processItem(app, message);
      case 'optimize':
        return await optimizePrompts(app, message);
      case 'finalize':
        return await finalizeBatch(app, message);
      case 'tick':
        return await sweep(app);
    }
  } catch (thrown) {
    const error = asProofsheetError(thrown);
    if (message.kind === 'tick') {
      // The next tick is its repetition.
      app.log.error({ ...message, code: error.code, error: error.message }, 'the sweep failed');
      return ACK;
    }
    if (error.disposition === 'conflict') return { kind: 'retry' };
    if (error.disposition === 'transient' || message.kind === 'process') throw error;
    app.log.error({ ...message, code: error.code, error: error.message }, 'the batch is paused');
    await app.batches.change(message.batchId, (batch) =>
      batch.state === 'running' ? { state: 'paused', pause: pauseFor(app, error) } : undefined,
    );
    return ACK;
  }
}
