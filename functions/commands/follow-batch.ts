import type { App } from '../app/app.ts';
import { readBatch } from '../app/read-batch.ts';
import { settledOf } from '../domain/batch.ts';
import type { CommandContext } from './context.ts';
import { progressFrame, settledLine } from './terminal.ts';
import { waveLines } from './wave-progress.ts';

const DRAW_EVERY_MS = 200;
const LINES_EVERY_MS = 500;

/** Shows a batch's progress until `over`: a display that is redrawn in a terminal, else one line per settled item. */
export async function followBatch(
  context: CommandContext,
  app: App,
  batchId: string,
  over: AbortSignal,
): Promise<void> {
  const begin = app.clock.now();
  const first = await readBatch(app, batchId, { recent: 0, running: 0 });
  const since = { at: begin, settled: settledOf(first.counts) };
  const seen = new Set<string>();
  const look = context.terminal.interactive ? drawFrame : printLines;
  while (true) {
    const last = over.aborted;
    await look({ context, app, batchId, since, seen });
    if (last) break;
    const pause = context.terminal.interactive ? DRAW_EVERY_MS : LINES_EVERY_MS;
    await app.clock.sleep(pause, over).catch(() => undefined);
  }
  context.terminal.keep();
}

interface Watching {
  context: CommandContext;
  app: App;
  batchId: string;
  since: { at: number; settled: number };
  /** Items whose line is printed, and lines of waves. */
  seen: Set<string>;
}

async function drawFrame({ context, app, batchId, since }: Watching): Promise<void> {
  const view = await readBatch(app, batchId, { recent: 6, running: 8, next: 3 });
  const columns = context.terminal.columns();
  const frame = progressFrame({ view, columns, now: app.clock.now(), since });
  const waves = (await waveLines(app, view.batch)).map((line) => line.slice(0, columns - 1));
  context.terminal.draw([frame, ...waves].join('\n'));
}

async function printLines({ context, app, batchId, since, seen }: Watching): Promise<void> {
  const { batch, recent, counts } = await readBatch(app, batchId, { recent: 500, running: 0 });
  const fresh = recent.filter((item) => !seen.has(item.id) && (item.settledAt ?? 0) >= since.at).reverse();
  for (const item of fresh) {
    seen.add(item.id);
    context.note(`${settledLine(item)} (${settledOf(counts)}/${counts.total})`);
  }
  for (const line of await waveLines(app, batch)) {
    if (!seen.has(line)) context.note(line);
    seen.add(line);
  }
}
