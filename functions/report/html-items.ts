import { html, raw } from 'hono/html';
import type { Html } from './html-summary.ts';

const SORTS = {
  worst: 'Worst first',
  best: 'Best first',
  name: 'Name',
  attempts: 'Most attempts',
  cost: 'Highest cost',
  time: 'Longest time',
};

/** Search, filters and orders over an empty list, which the page's scripts fill. */
export function itemsSection(of: {
  total: number;
  states: [state: string, count: number][];
  reasons: [code: string, count: number][];
}): Html {
  return html`<section class="items" id="items" aria-labelledby="items-title" tabindex="-1">
<div class="toolbar" id="toolbar">
<h2 id="items-title">Items</h2>
<label class="search"><span class="hidden">Search names and reasons</span>
<input id="search" type="search" placeholder="Search names and reasons" autocomplete="off" spellcheck="false" aria-keyshortcuts="/"><kbd aria-hidden="true">/</kbd></label>
<fieldset class="states"><legend class="hidden">State</legend>
${[['', of.total] as const, ...of.states].map(
  ([
    state,
    count,
  ]) => html`<label><input type="radio" name="state" value="${state}" ${state === '' ? raw('checked') : ''}>
<span>${state === '' ? 'all' : state} <b>${count.toLocaleString('en')}</b></span></label>\n`,
)}</fieldset>
<label class="pick"><span class="hidden">Reason</span><select id="reason"><option value="">Any reason</option>
${of.reasons.map(([code, count]) => html`<option value="${code}">${label(code)} (${count})</option>\n`)}</select></label>
<label class="pick"><span class="hidden">Order</span><select id="sort">
${Object.entries(SORTS).map(([value, text]) => html`<option value="${value}">${text}</option>\n`)}</select></label>
<fieldset class="states views"><legend class="hidden">View</legend>
<label><input type="radio" name="view" value="list" checked><span>list</span></label>
<label><input type="radio" name="view" value="sheet"><span>sheet</span></label></fieldset>
</div>
<p class="shown" id="shown" role="status"></p>
<ol class="list" id="list" aria-label="Items"></ol>
<p class="empty" id="empty" hidden></p>
<noscript><p class="empty">The list of items needs JavaScript. The same results are in results.md and results.csv.</p></noscript>
</section>`;
}

function label(code: string): string {
  return code.replaceAll('_', ' ');
}
