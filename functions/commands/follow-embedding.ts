import type { App } from '../app/app.ts';
import { readBatch } from '../app/read-batch.ts';
import { settledOf } from '../domain/batch.ts';
import type { CommandContext } from './context.ts';

const DRAW_EVERY_MS = 200;
const LINES_EVERY_MS = 2000;
const BAR_WIDTH = 20;

/** How far the pictures of a source are, and how many of them in a second, until `over`. */
export async function followEmbedding(
  context: CommandContext,
  app: App,
  of: { batchId: string; source: string },
  over: AbortSignal,
): Promise<void> {
  const begun = app.clock.now();
  const { interactive } = context.terminal;
  let said = '';
  while (true) {
    const last = over.aborted;
    const { counts } = await readBatch(app, of.batchId, { recent: 0, running: 0 });
    const text = progressLine(of.source, {
      done: settledOf(counts),
      total: counts.total,
      tookMs: app.clock.now() - begun,
    });
    if (interactive) context.terminal.draw(text);
    else if (text !== said && counts.total > 0) context.note(text);
    said = text;
    if (last) break;
    await app.clock.sleep(interactive ? DRAW_EVERY_MS : LINES_EVERY_MS, over).catch(() => undefined);
  }
  context.terminal.keep();
}

/** `Processing references: 100%|████████████| 50/50 [00:12<00:00, 4.12img/s]` */
export function progressLine(
  source: string,
  { done, total, tookMs }: { done: number; total: number; tookMs: number },
): string {
  const share = total === 0 ? 0 : done / total;
  const full = Math.round(share * BAR_WIDTH);
  const rate = tookMs > 0 ? (done * 1000) / tookMs : 0;
  const left = rate > 0 ? clockTime((total - done) / rate) : '?';
  const bar = '█'.repeat(full) + ' '.repeat(BAR_WIDTH - full);
  const percent = String(Math.floor(share * 100)).padStart(3);
  return `Processing ${source}: ${percent}%|${bar}| ${done}/${total} [${clockTime(tookMs / 1000)}<${left}, ${rate.toFixed(2)}img/s]`;
}

function clockTime(seconds: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  const hours = seconds >= 3600 ? `${two(seconds / 3600)}:` : '';
  return `${hours}${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
}
