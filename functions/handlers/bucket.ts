import type { App } from '../app/app.ts';
import { checkDropRules, type DropRules, ingestDrop } from '../app/ingest-drop.ts';
import { putAside } from '../app/put-aside.ts';
import { asProofsheetError } from '../domain/errors.ts';
import { arrivalFrom } from '../domain/object-event.ts';

export interface BucketHandlerOptions {
  app: App;
  rules: DropRules;
  /** Where events are kept that cannot be read. */
  quarantine: string;
}

/**
 * Takes an event of the watched bucket, as a CloudEvent or as a notification through Pub/Sub. Resolves when it is done with;
 * rejects when it is to be delivered again. Fails at once with `usage` for rules by which results would start work.
 */
export function bucketHandler({ app, rules, quarantine }: BucketHandlerOptions): (event: unknown) => Promise<void> {
  checkDropRules(app, rules);
  return async (event) => {
    const read = readEvent(event);
    if ('error' in read) {
      app.log.error({ error: read.error }, 'an event cannot be read');
      return await putAside(app, quarantine, event);
    }
    if (read.arrival === undefined) return;
    try {
      await ingestDrop(app, rules, read.arrival);
    } catch (thrown) {
      const { code, message, disposition } = asProofsheetError(thrown);
      const level = disposition === 'permanent' ? 'error' : 'info';
      app.log[level]({ uri: read.arrival.uri, code, error: message }, 'an event must come again');
      throw thrown;
    }
  };
}

function readEvent(event: unknown): { arrival: ReturnType<typeof arrivalFrom> } | { error: string } {
  try {
    return { arrival: arrivalFrom(event) };
  } catch (thrown) {
    return { error: asProofsheetError(thrown).message };
  }
}
