import { asProofsheetError } from '../domain/errors.ts';
import type { FileEntry } from '../platform/ports.ts';
import type { App } from './app.ts';
import { type DropRules, ingestDrop } from './ingest-drop.ts';

/** A folder that is looked at again and again. */
export interface InboxWatch {
  /**
   * Takes notice of every file that is new, or another than at the look before, and whole. What could not be taken notice of is new
   * at the next look as well.
   */
  look(): Promise<void>;
}

export function inboxWatch(app: App, rules: DropRules): InboxWatch {
  let known = new Map<string, string>();

  async function takeNotice({ uri, bytes, version, isOwn = false }: FileEntry): Promise<boolean> {
    if (version === undefined) return false;
    try {
      await ingestDrop(app, rules, { uri, bytes, version, isOwn });
      return true;
    } catch (thrown) {
      const { code, message, disposition } = asProofsheetError(thrown);
      const level = disposition === 'permanent' ? 'error' : 'info';
      app.log[level]({ uri, code, error: message }, 'a file in the inbox waits for the next look');
      return false;
    }
  }

  return {
    async look() {
      const there = new Map<string, string>();
      for await (const entry of entriesOf(app, rules.inbox)) {
        const { uri, version, isGrowing } = entry;
        if (version === undefined || isGrowing) continue;
        const isKnown = known.get(uri) === version.id || (await takeNotice(entry));
        if (isKnown) there.set(uri, version.id);
        if (app.stop.aborted) return;
      }
      known = there;
    },
  };
}

async function* entriesOf(app: Pick<App, 'files' | 'limits'>, inbox: string): AsyncGenerator<FileEntry> {
  const limit = app.limits.pageSize;
  for (let after: string | undefined; ; ) {
    const entries = await app.files.list(inbox, { recursive: true, limit, ...(after !== undefined && { after }) });
    yield* entries;
    after = entries.at(-1)?.uri;
    if (entries.length < limit) return;
  }
}
