import { styleText } from 'node:util';
import cliTruncate from 'cli-truncate';
import stringWidth from 'string-width';
import type { BatchView } from '../app/read-batch.ts';
import { type Batch, type Counts, type Item, passRateOf, settledOf } from '../domain/batch.ts';
import { withOptimizer } from '../domain/batch-spending.ts';
import { dollars } from '../domain/cost.ts';
import { oneLine, plainText } from '../report/safe-text.ts';

const MARKS = { passed: '✔', failed: '✘', error: '!', skipped: '↷', cancelled: '⊘' } as const;
/** Of one column in every terminal, unlike emoji. */
const WORKING = '▶';
const WAITING = '…';
const COLOURS = { passed: 'green', failed: 'yellow', error: 'red', skipped: 'gray', cancelled: 'gray' } as const;

const ESCAPE = String.fromCharCode(27);
/** What `styleText` makes. */
const COLOUR = new RegExp(`(${ESCAPE}\\[[0-9;]*m)`);

/** Text without what a terminal would obey, colours aside: names and messages come from files and models. */
export function harmless(text: string): string {
  const parts = text.split(COLOUR);
  return parts.map((part) => (COLOUR.test(part) ? part : plainText(part))).join('');
}

export interface ProgressFrame {
  view: BatchView;
  columns: number;
  now: number;
  /** When this process began to look, and how many items were settled then. */
  since: { at: number; settled: number };
}

/** The progress display: a few lines, none wider than the terminal. */
export function progressFrame({ view, columns, now, since }: ProgressFrame): string {
  const { batch, counts, running, queued, next, recent } = view;
  const lines = [
    styleText(
      'bold',
      `${cut(batch.name, columns - 52)} · ${batch.recipe} · ${batch.id}${batch.simulated ? ' · SIMULATED' : ''}`,
    ),
    barLine(counts, batch.sealed, columns),
    countsLine(counts, running.length, queued),
  ];
  const nameWidth = columns < 120 ? 28 : 44;
  const improving = improvingLine(batch);
  if (improving !== undefined) lines.push('', improving);
  if (running.length > 0) lines.push('', 'Currently processing');
  for (const item of running) lines.push(`  ${WORKING} ${runningLine(item, now, nameWidth)}`);
  if (recent.length > 0) lines.push('', 'Completed');
  for (const item of recent) lines.push(`  ${settledLine(item, nameWidth)}`);
  if (queued > 0) lines.push('', 'Queued', `  ${WAITING} ${queuedLine(next, queued)}`);
  lines.push('', timeLine(counts, batch.sealed, now, since));
  return lines.map((line) => cut(line, columns - 1)).join('\n');
}

/** `✔ mug.jpg  0.92  2 attempts  12.1s  $0.0700  9 of 10 questions right`; without score and attempts where nothing was judged. */
export function settledLine(item: Item, nameWidth = 28): string {
  const summary = item.summary;
  const state = item.state as keyof typeof MARKS;
  const score = summary?.score == null ? '' : summary.score.toFixed(2);
  const attempts = summary?.attempts ?? 0;
  const took = summary && summary.seconds > 0 ? `${summary.seconds.toFixed(1)}s` : '';
  const cost = summary && summary.calls > 0 ? dollars(summary.costNano) : '';
  const said = oneLine(summary?.code ? `${summary.code}: ${summary.message}` : answerOf(summary));
  const rounds = attempts > 0 ? columnsOf([score, 4], [plural(attempts, 'attempt'), 10]) : '';
  return `${styleText(COLOURS[state], MARKS[state])} ${columnsOf([item.name, nameWidth])}${rounds}${columnsOf([took, 6], [cost, 7])}${said}`;
}

/** What was answered, for items that are not judged; otherwise how it went. */
function answerOf(summary: Item['summary']): string {
  const isAnswer = summary !== undefined && summary.score === null && summary.result !== '';
  return isAnswer ? summary.result : (summary?.message ?? '');
}

/** What a batch came to, several lines. */
export function summaryLines(view: BatchView, now: number): string[] {
  const { batch } = view;
  const counts = withOptimizer(batch, view.counts);
  const parts = (['passed', 'failed', 'error', 'skipped', 'cancelled'] as const).flatMap((state) =>
    counts[state] > 0 ? [`${counts[state]} ${state}`] : [],
  );
  const open = counts.total - settledOf(counts);
  if (open > 0) parts.push(`${open} unfinished`);
  const rate = passRateOf(counts);
  const judged = counts.scored > 0 ? ` · average score ${(counts.scoreSum / counts.scored).toFixed(2)}` : '';
  const lines = [
    `${plural(counts.total, 'item')}: ${parts.join(', ') || 'nothing to do'}${rate === null ? '' : ` · pass rate ${Math.round(rate * 100)} %`}${judged}`,
    `${plural(counts.calls, 'call')} · ${costText(counts)}${open > 0 ? ' (calls of unfinished items come on top)' : ''} · ${duration((batch.finishedAt ?? now) - batch.createdAt)}`,
  ];
  const ignored = Object.entries(batch.ignored).map(([reason, n]) => `${n} ${reason}`);
  if (ignored.length > 0) lines.push(`left aside: ${ignored.join(', ')}`);
  lines.push(...(batch.drop?.notes ?? []));
  if (batch.optimization !== undefined) lines.push(...promptLines(batch));
  if (batch.simulated)
    lines.push('SIMULATED: no model was called; pictures and verdicts come from the built-in simulation.');
  return lines;
}

/** What became of the prompt, where it was to be improved. */
function promptLines({ optimize, optimization }: Batch): string[] {
  if (optimization === undefined) return [];
  const { calls, versions, end } = optimization;
  const adopted = versions.filter(({ decision }) => decision === 'adopted');
  const tried = `prompt: ${plural(versions.length, 'other version')} tried with ${calls} of ${optimize?.calls} calls`;
  const kept = adopted.length === 0 ? 'none was better' : `adopted ${adopted.map(({ version }) => version).join(', ')}`;
  return [
    `${tried}, ${versions.length === 0 ? (end?.why ?? 'not done') : `${kept}; see metadata/prompt_evolution.json`}`,
  ];
}

/** Why a batch is paused, and until when where that is known. */
export function pauseReason({ pause }: Pick<Batch, 'pause'>): string {
  const until = pause?.until === undefined ? '' : ` The quota resets at ${new Date(pause.until).toISOString()}.`;
  return `${pause?.message ?? ''}${until}`;
}

export function costText(counts: Pick<Counts, 'costNano' | 'unpricedCalls'>): string {
  if (counts.unpricedCalls === 0) return dollars(counts.costNano);
  return `at least ${dollars(counts.costNano)} (PRICE UNKNOWN for ${plural(counts.unpricedCalls, 'call')}; add the model to prices in proofsheet.yaml)`;
}

/** `1h 02m`, `3m 05s`, `12s`. */
export function duration(ms: number): string {
  const total = Math.max(0, Math.round(ms / 1000));
  const two = (value: number) => String(value).padStart(2, '0');
  if (total >= 3600) return `${Math.floor(total / 3600)}h ${two(Math.floor((total % 3600) / 60))}m`;
  return total >= 60 ? `${Math.floor(total / 60)}m ${two(total % 60)}s` : `${total}s`;
}

export function plural(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

/** Cells padded or cut to their widths, two spaces apart. */
export function columnsOf(...cells: [text: string, width: number][]): string {
  return cells.map(([text, width]) => `${pad(cut(text, width), width)}  `).join('');
}

function barLine(counts: Counts, sealed: boolean, columns: number): string {
  const done = settledOf(counts);
  const share = counts.total === 0 ? 0 : done / counts.total;
  const label = ` ${String(Math.floor(share * 100)).padStart(3)} %  ${done}/${counts.total}${sealed ? '' : '+'} items`;
  const width = Math.max(10, Math.min(60, columns - stringWidth(label) - 2));
  const full = Math.round(share * width);
  return `${styleText('cyan', '━'.repeat(full))}${styleText('gray', '─'.repeat(width - full))}${label}`;
}

function countsLine(counts: Counts, running: number, queued: number): string {
  const parts = (['passed', 'failed', 'error', 'skipped', 'cancelled'] as const)
    .filter((state) => counts[state] > 0 || state === 'passed')
    .map((state) => styleText(COLOURS[state], `${MARKS[state]} ${counts[state]} ${state}`));
  return [...parts, `${WORKING} ${running} running`, `${WAITING} ${queued} queued`].join('  ');
}

/** `mug.jpg  attempt 2, after judge  (15s)` */
function runningLine(item: Item, now: number, nameWidth: number): string {
  const since = seconds(now - (item.progress?.since ?? item.firstClaimedAt ?? now));
  return `${columnsOf([item.name, nameWidth], [doing(item), 24])}(${since})`;
}

/** The names of some that wait, and how many more do. */
function queuedLine(next: readonly Item[], queued: number): string {
  const names = next.slice(0, queued).map(({ name }) => cut(name, 28));
  const more = queued - names.length;
  return [...names, ...(more > 0 ? [`${more} more`] : [])].join(', ');
}

/** While a better prompt is looked for, no item is in work. */
function improvingLine({ optimize, optimization }: Batch): string | undefined {
  if (optimize === undefined || optimization === undefined || optimization.end !== undefined) return undefined;
  const { calls, versions } = optimization;
  return `Improving the prompt  version ${versions.length + 1}, ${calls} of ${optimize.calls} calls`;
}

function timeLine(counts: Counts, sealed: boolean, now: number, since: ProgressFrame['since']): string {
  const done = settledOf(counts) - since.settled;
  const elapsed = now - since.at;
  const left = counts.total - settledOf(counts);
  const eta = done > 0 && sealed && left > 0 ? ` · ETA ${duration((elapsed / done) * left)}` : '';
  const rate = done > 0 && elapsed > 0 ? ` · ${((done / elapsed) * 60_000).toFixed(1)} items/min` : '';
  return `Elapsed ${duration(elapsed)}${eta}${rate} · ${costText(counts)} so far`;
}

function doing(item: Item): string {
  const progress = item.progress;
  if (progress === undefined) return 'first call';
  return progress.attempt === 0 ? `after ${progress.step}` : `attempt ${progress.attempt}, after ${progress.step}`;
}

function seconds(ms: number): string {
  return `${Math.max(0, Math.round(ms / 1000))}s`;
}

/** Cut to a display width; emoji and East Asian characters take two columns. */
function cut(text: string, width: number): string {
  return cliTruncate(text, Math.max(1, width));
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - stringWidth(text)));
}
