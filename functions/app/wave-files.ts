import type { Batch } from '../domain/batch.ts';
import { asProofsheetError, type ProofsheetError } from '../domain/errors.ts';
import type { Wave, WaveCall } from '../domain/wave.ts';
import type { App } from './app.ts';

const CALLS_PER_PAGE = 200;
/** Files that are read at a time. */
const LINES_AT_ONCE = 8;
const PART_BYTES = 8 * 1024 * 1024;
const LINE_FEED = 10;

/** Where the questions of a wave are written, and the copy of its results. */
export function waveUri(app: App, batch: Batch, wave: Pick<Wave, 'id'>, what: 'calls' | 'results'): string {
  return app.files.join(batch.outputDir, 'batch_jobs', `wave_${wave.id}_${what}.jsonl`);
}

/** The calls of a wave that have not come back. */
export async function* callPages(app: App, wave: Pick<Wave, 'batchId' | 'id'>): AsyncGenerator<WaveCall[]> {
  for (let after = ''; ; ) {
    const page = { waveId: wave.id, limit: CALLS_PER_PAGE, ...(after && { after }) };
    const calls = await app.waves.calls(wave.batchId, page);
    if (calls.length > 0) yield calls;
    after = calls.at(-1)?.id ?? after;
    if (calls.length < CALLS_PER_PAGE) return;
  }
}

/**
 * The lines of a wave's input, a few at a time in memory. A call that has none, because its file is gone for example, is given to
 * `refused` and left out. `alive` is called now and then.
 */
export async function* waveLines(
  app: App,
  wave: Wave,
  of: { refused(call: WaveCall, error: ProofsheetError): void; alive(): Promise<void> },
): AsyncGenerator<string> {
  for await (const calls of callPages(app, wave)) {
    await of.alive();
    for (let start = 0; start < calls.length; start += LINES_AT_ONCE) {
      const some = calls.slice(start, start + LINES_AT_ONCE);
      const lines = await Promise.all(
        some.map(async (call) => {
          try {
            return [await app.jobs.line({ key: call.id, request: call.request }), '\n'];
          } catch (thrown) {
            const error = asProofsheetError(thrown);
            if (error.disposition !== 'permanent' || error.scope === 'batch') throw error;
            of.refused(call, error);
            return [];
          }
        }),
      );
      for (const text of lines.flat()) yield text;
    }
  }
}

/** The lines of a file of any length. */
export async function* linesOf(app: Pick<App, 'files'>, uri: string): AsyncGenerator<string> {
  let rest: Uint8Array[] = [];
  for (let start = 0; ; ) {
    const part = await app.files.readPart(uri, { start, maxBytes: PART_BYTES });
    if (part.length === 0) break;
    start += part.length;
    let from = 0;
    for (let end = part.indexOf(LINE_FEED); end >= 0; end = part.indexOf(LINE_FEED, from)) {
      yield textOf([...rest, part.subarray(from, end)]);
      rest = [];
      from = end + 1;
    }
    if (from < part.length) rest.push(part.subarray(from));
  }
  if (rest.length > 0) yield textOf(rest);
}

function textOf(parts: readonly Uint8Array[]): string {
  const [only] = parts;
  return new TextDecoder().decode(parts.length === 1 && only ? only : Buffer.concat(parts));
}
