import { html } from 'hono/html';
import type { Counts } from '../domain/batch.ts';
import { cost, type Html, number } from './html-summary.ts';
import { remedyOf } from './metadata-files.ts';
import { oneLine } from './safe-text.ts';
import { holdsAllCalls, type StepTally, type Tally } from './tally.ts';

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
