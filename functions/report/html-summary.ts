import { html } from 'hono/html';
import { type Counts, passRateOf, settledOf } from '../domain/batch.ts';
import { dollars } from '../domain/cost.ts';
import { type Comparison, compareWithEstimate } from './measured-work.ts';
import type { ReportHead } from './report-format.ts';
import type { Tally } from './tally.ts';

export type Html = ReturnType<typeof html>;

/** How many items stand in each state; the unfinished ones together as `open`. */
export function stateTotals(counts: Counts): [state: string, count: number][] {
  const { passed, failed, error, skipped, cancelled } = counts;
  return [
    ['passed', passed],
    ['failed', failed],
    ['error', error],
    ['skipped', skipped],
    ['cancelled', cancelled],
    ['open', counts.total - settledOf(counts)],
  ];
}

/** True for a batch in which nothing was judged or tried again: there is nothing to say of scores and attempts. */
export function isUnjudged(counts: Counts): boolean {
  const worked = settledOf(counts) - counts.skipped;
  return counts.scored === 0 && worked > 0 && counts.attempts <= worked;
}

/** The result of the batch at a glance. */
export function summaryTiles(head: ReportHead, tally: Tally): Html {
  const { counts } = head;
  const rate = passRateOf(counts);
  const states = stateTotals(counts);
  return html`<section class="summary" aria-label="Summary">
<div class="card outcome">
<p class="figure"><b>${rate === null ? '–' : percent(rate)}</b> <span>pass rate</span></p>
<p class="outcome-line">${verdictLine(head)}</p>
${stateBar(states, counts.total)}
<ul class="legend">
${states
  .filter(([state, count]) => count > 0 || ['passed', 'failed', 'error'].includes(state))
  .map(
    ([state, count]) =>
      html`<li><button type="button" class="legend-${state}" data-state="${state}"><i aria-hidden="true"></i>${state} <b>${number(count)}</b></button></li>`,
  )}
</ul>
</div>
<dl class="tiles">${tiles(head, tally).map(
    ([label, value, note, loud]) =>
      html`<div class="card tile${loud ? ' loud' : ''}"><dt>${label}</dt><dd><b>${value}</b><small>${note}</small></dd></div>`,
  )}</dl>
</section>`;
}

/** `1.2 s`, `4 min 05 s`, `2 h 10 min`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

export function number(value: number): string {
  return value.toLocaleString('en');
}

/** A cost that never hides that a part of it is unknown. */
export function cost(of: { costNano: number; unpricedCalls: number }): string {
  if (of.unpricedCalls === 0) return dollars(of.costNano);
  return of.costNano === 0 ? 'unknown' : `${dollars(of.costNano)} + ?`;
}

type Tile = [label: string, value: string, note: string, loud?: boolean];

function tiles(head: ReportHead, tally: Tally): Tile[] {
  const { counts, run, batch } = head;
  const settled = settledOf(counts);
  const worked = [...tally.attempts.values()].reduce((sum, { passed, other }) => sum + passed + other, 0);
  const unknown = counts.unpricedCalls;
  const perMinute = run.seconds > 0 ? (settled / run.seconds) * 60 : 0;
  const each = settled > 0 ? `${dollars(counts.costNano / settled)} an item` : '';
  const rounds: Tile[] = [
    [
      'Average best score',
      counts.scored === 0 ? '–' : (counts.scoreSum / counts.scored).toFixed(2),
      counts.scored === 0 ? 'nothing was judged' : `of ${number(counts.scored)} judged`,
    ],
    [
      'Attempts',
      number(counts.attempts),
      worked === 0 ? 'none was needed' : `${(counts.attempts / worked).toFixed(1)} an item`,
    ],
  ];
  return [
    ...(isUnjudged(counts) ? [] : rounds),
    ['Model calls', number(counts.calls), settled === 0 ? '' : `${(counts.calls / settled).toFixed(1)} an item`],
    unknown > 0
      ? ['Cost', cost(counts), `price unknown for ${number(unknown)} calls`, true]
      : ['Cost', cost(counts), batch.simulated ? `${each}, simulated` : each],
    ...estimateTile(compareWithEstimate(batch, counts, tally.workedItems)),
    ['Time', duration(run.seconds), `${batch.run.maxConcurrent} at once, ${run.lane} lane`],
    ['Throughput', perMinute >= 100 ? number(Math.round(perMinute)) : perMinute.toFixed(1), 'items a minute'],
  ];
}

/** What was estimated when the batch began, and how far off that was. */
function estimateTile(compared: Comparison | undefined): Tile[] {
  if (compared === undefined || compared.error === null) return [];
  const { estimated, error, basedOn } = compared;
  const off = `${error < 0 ? '−' : '+'}${Math.abs(error * 100).toFixed(1)} %`;
  const source = basedOn === 0 ? 'from typical calls' : `from ${number(basedOn)} items of an earlier batch`;
  const range = `${dollars(estimated.low)} to ${dollars(estimated.high)}`;
  return [['Estimate', dollars(estimated.likely), `actual ${off}; ${range}, ${source}`]];
}

function verdictLine({ counts }: ReportHead): string {
  if (counts.total === 0) return 'The batch has no items.';
  const judged = counts.passed + counts.failed + counts.error;
  if (judged === 0) return 'No item was worked on in this batch.';
  const rest = counts.total - judged;
  return `${number(counts.passed)} of ${number(judged)} items passed${rest > 0 ? `; ${number(rest)} more were not judged` : ''}.`;
}

function stateBar(states: [string, number][], total: number): Html {
  let x = 0;
  const parts = states
    .filter(([, count]) => count > 0)
    .map(([state, count]) => {
      const width = (count / total) * 1000;
      x += width;
      return html`<rect class="fill-${state}" x="${(x - width).toFixed(2)}" y="0" width="${Math.max(width - 2, 1.5).toFixed(2)}" height="10"/>`;
    });
  return html`<svg class="state-bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">${parts}</svg>`;
}

function percent(share: number): string {
  // 99.96 % is not "100 %": only a batch where everything passed reads so.
  const value = share === 1 ? '100' : Math.min(99.9, share * 100).toFixed(share > 0.1 && share < 0.99 ? 0 : 1);
  return `${value} %`;
}
