import { html } from 'hono/html';
import type { Counts } from '../domain/batch.ts';
import { cost, type Html, number } from './html-summary.ts';
import { remedyOf } from './metadata-files.ts';
import { oneLine } from './safe-text.ts';
import { holdsAllCalls, SCORE_BINS, type StepTally, type Tally } from './tally.ts';

const WIDTH = 380;
const HEIGHT = 196;
const BASE = 168;

/** Items by best score, coloured by whether the score reaches the threshold. */
export function scoreHistogram(tally: Tally, threshold: number | undefined): Html {
  const total = tally.scores.reduce((sum, count) => sum + count, 0);
  if (total === 0) return panel('Best scores', html`<p class="quiet">No item has a score.</p>`);
  const highest = Math.max(...tally.scores);
  const step = WIDTH / SCORE_BINS;
  const bars = tally.scores.map((count, bin) => {
    const height = count === 0 ? 0 : Math.max(3, (count / highest) * 136);
    const passes = threshold === undefined || bin / SCORE_BINS >= threshold - 1e-9;
    const range = `${(bin / SCORE_BINS).toFixed(2)} to ${((bin + 1) / SCORE_BINS).toFixed(2)}`;
    return html`<rect class="${passes ? 'fill-passed' : 'fill-failed'}" x="${(bin * step + 1.5).toFixed(1)}" y="${(BASE - height).toFixed(1)}" width="${(step - 3).toFixed(1)}" height="${height.toFixed(1)}" rx="2"><title>${range}: ${number(count)}</title></rect>`;
  });
  const at = threshold === undefined ? 0 : threshold * WIDTH;
  const line =
    threshold === undefined
      ? ''
      : html`<line class="threshold" x1="${at}" x2="${at}" y1="8" y2="${BASE}"/><text x="${at - 6}" y="16" text-anchor="end">threshold ${threshold}</text>`;
  const below = threshold === undefined ? 0 : countBelow(tally.scores, threshold);
  const text = `${number(total)} items have a score${threshold === undefined ? '' : `, ${number(below)} of them in the bars below the threshold of ${threshold}`}.`;
  return panel(
    'Best scores',
    html`<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Histogram of best scores. ${text}">
<line class="axis" x1="0" x2="${WIDTH}" y1="${BASE + 0.5}" y2="${BASE + 0.5}"/>${bars}${line}
${[0, 0.25, 0.5, 0.75, 1].map((value) => html`<text x="${value * WIDTH}" y="${BASE + 18}" text-anchor="${anchor(value)}">${value}</text>`)}
</svg>`,
  );
}

/** How many rounds the items took. */
export function attemptsChart(tally: Tally): Html {
  const rows = [...tally.attempts].toSorted(([a], [b]) => a - b).slice(0, 8);
  if (rows.length === 0) return panel('Attempts', html`<p class="quiet">No item had an attempt.</p>`);
  const most = Math.max(...rows.map(([, { passed, other }]) => passed + other));
  return panel(
    'Attempts taken',
    html`<table class="bars"><caption class="hidden">Items by number of attempts</caption>
<thead class="hidden"><tr><th scope="col">Attempts</th><th scope="col">Share</th><th scope="col">Passed</th><th scope="col">Did not pass</th></tr></thead>
<tbody>${rows.map(([attempts, { passed, other }]) => {
      const width = (passed / most) * 100;
      return html`<tr><th scope="row">${attempts}</th>
<td class="bar"><svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="fill-passed" width="${width.toFixed(2)}" height="10"/><rect class="fill-failed" x="${width.toFixed(2)}" width="${((other / most) * 100).toFixed(2)}" height="10"/></svg></td>
<td>${number(passed)} passed</td><td>${other === 0 ? '' : `${number(other)} not`}</td></tr>`;
    })}</tbody></table>`,
  );
}

/** Why items did not pass; each reason filters the list. */
export function reasonsTable(tally: Tally): Html {
  const reasons = [...tally.reasons].toSorted(([, a], [, b]) => b.count - a.count);
  if (reasons.length === 0) return html``;
  return html`<section class="card panel reasons"><h2>Reasons</h2>
<div class="reasons-scroll"><table><caption class="hidden">Why items did not pass, and what to do</caption>
<tbody>${reasons.map(
    ([
      code,
      { count },
    ]) => html`<tr><td><button type="button" class="link" data-reason="${code}">${code.replaceAll('_', ' ')}</button>
<small>${remedyOf(code)}</small></td><td class="number">${number(count)}</td></tr>`,
  )}</tbody></table></div></section>`;
}

/** Models and judges in one line that opens to what each model and step used. */
export function workTables(tally: Tally, counts: Pick<Counts, 'calls'>): Html {
  if (tally.models.size === 0) return html``;
  const judges = [...tally.judges].map(oneLine);
  const judged = judges.length === 0 ? '' : html` <span>Judged by <bdi>${judges.join('; ')}</bdi></span>`;
  return html`<details class="card work"><summary><b>Models and steps</b>
<span><bdi>${[...tally.models.keys()].map(oneLine).join(', ')}</bdi></span>${judged}</summary>
${lastTakeNote(tally, counts)}<div class="work-tables">
${usageTable('Models', 'Model', tally.models)}
${usageTable('Steps', 'Step', tally.steps)}
</div></details>`;
}

/** The tables know the last take of each item alone, the batch's figures all of them. */
function lastTakeNote(tally: Tally, counts: Pick<Counts, 'calls'>): Html {
  if (holdsAllCalls(tally, counts)) return html``;
  return html`<p class="quiet">Calls of the last take of each item; the batch made ${number(counts.calls)} calls in all.</p>
`;
}

function usageTable(title: string, first: string, sums: Map<string, StepTally>): Html {
  const rows = [...sums].toSorted(([, a], [, b]) => b.costNano - a.costNano);
  return html`<div><h2>${title}</h2><div class="scroll" tabindex="0" role="region" aria-label="${title}"><table>
<thead><tr><th scope="col">${first}</th><th scope="col" class="number">Calls</th><th scope="col" class="number">Tokens in</th><th scope="col" class="number">Tokens out</th><th scope="col" class="number">Cost</th></tr></thead>
<tbody>${rows.map(
    ([
      name,
      use,
    ]) => html`<tr><th scope="row"><bdi>${oneLine(name)}</bdi>${versionsOf(name, use)}</th><td class="number">${number(use.calls)}</td>
<td class="number">${number(use.tokensIn)}</td><td class="number">${number(use.tokensOut)}</td><td class="number">${cost(use)}</td></tr>`,
  )}</tbody></table></div></div>`;
}

function versionsOf(name: string, use: StepTally): Html {
  const others = [...use.versions].filter((version) => version !== name);
  return others.length === 0 ? html`` : html`<small>${others.map(oneLine).join(', ')}</small>`;
}

function panel(title: string, content: Html): Html {
  return html`<section class="card panel"><h2>${title}</h2>${content}</section>`;
}

function countBelow(bins: readonly number[], threshold: number): number {
  return bins.slice(0, Math.ceil(threshold * SCORE_BINS - 1e-9)).reduce((sum, count) => sum + count, 0);
}

function anchor(value: number): string {
  if (value === 0) return 'start';
  return value === 1 ? 'end' : 'middle';
}
