import { html } from 'hono/html';
import { resultLine } from '../domain/outcome.ts';
import type { Group, Groups } from './groups.ts';
import { type Html, number } from './html-summary.ts';
import { oneLine } from './safe-text.ts';

/** The page shows so many; the files have all. */
const SHOWN = 200;

/** The groups with their combined results. */
export function groupsSection(groups: Groups | undefined): Html {
  if (groups === undefined) return html``;
  const title = `Groups by ${oneLine(groups.column)}`;
  if (groups.size === 0) {
    return html`<section class="card groups"><h2>${title}</h2><p class="quiet">No item has anything in this column.</p></section>`;
  }
  const rows = [...groups.all(SHOWN)].map(groupRow);
  const rest = groups.size - rows.length;
  return html`<details class="card groups" open><summary><b>${title}</b> ${number(groups.size)}</summary>
<div class="scroll" tabindex="0" role="region" aria-label="${title}"><table>
<thead><tr><th scope="col">${oneLine(groups.column)}</th><th scope="col">Items</th><th scope="col">Combined result</th></tr></thead>
<tbody>${rows}</tbody></table></div>
<p class="quiet">${rest > 0 ? `${number(rest)} more groups are in ` : 'Whole results are in '}<a href="results.json">results.json</a> and <a href="results.csv">results.csv</a>.</p>
</details>`;
}

function groupRow({ group, items, result, contradictions }: Group): Html {
  const contradicted =
    contradictions.length === 0 ? '' : html`<small>contradictions in ${contradictions.map(oneLine).join(', ')}</small>`;
  return html`<tr><th scope="row"><bdi>${oneLine(group)}</bdi></th><td class="number">${number(items.length)}</td>
<td>${result === null ? html`<span class="quiet">no result</span>` : html`<p>${oneLine(resultLine(result))}</p>`}${contradicted}</td></tr>`;
}
