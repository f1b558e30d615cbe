import { html, raw } from 'hono/html';
import { attemptsChart, reasonsTable, scoreHistogram, workTables } from './html-charts.ts';
import { groupsSection } from './html-groups.ts';
import { type Html, isUnjudged, stateTotals, summaryTiles } from './html-summary.ts';
import { DETAILS_PER_FILE } from './page-data.ts';
import type { ReportHead } from './report-format.ts';
import { oneLine } from './safe-text.ts';
import type { Tally } from './tally.ts';

/** Nothing but the report's own files: no inline code, no other host, no frames, no forms. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'";

const SORTS = {
  worst: 'Worst first',
  best: 'Best first',
  name: 'Name',
  attempts: 'Most attempts',
  cost: 'Highest cost',
  time: 'Longest time',
};

/** `report.html`: the summary as finished HTML; the list and the items are drawn by the page's scripts from data scripts. */
export async function htmlPage(
  head: ReportHead,
  tally: Tally,
  assets: { scripts: readonly string[]; styles: readonly string[] },
): Promise<string> {
  const { batch, counts } = head;
  const name = oneLine(batch.name);
  const page = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${name} · proofsheet${batch.simulated ? ' (simulated)' : ''}</title>
${assets.styles.map((style) => html`<link rel="stylesheet" href="report/${style}">\n`)}
</head>
<body class="${isUnjudged(counts) ? 'unjudged' : ''}" data-total="${counts.total}" data-page-size="${DETAILS_PER_FILE}">
<a class="skip" href="#items">Skip to the items</a>
${masthead(head)}
<main>
${summaryTiles(head, tally)}
${chartsSection(head, tally)}
${groupsSection(head.groups)}
${workTables(tally, counts)}
${itemsSection(head, tally)}
</main>
<dialog id="viewer" aria-labelledby="viewer-name"></dialog>
${assets.scripts.map((script) => html`<script src="report/${script}" defer></script>\n`)}
</body>
</html>
`;
  return String(page);
}

/** Without rounds there is nothing to draw but the reasons. */
function chartsSection(head: ReportHead, tally: Tally): Html {
  if (isUnjudged(head.counts) && tally.reasons.size === 0) return html``;
  const charts = isUnjudged(head.counts) ? [] : [scoreHistogram(tally, thresholdOf(head)), attemptsChart(tally)];
  return html`<section class="panels" aria-label="Charts">
${charts}
${reasonsTable(tally)}
</section>`;
}

function masthead({ batch, run }: ReportHead): Html {
  const files = { 'results.json': 'JSON', 'results.csv': 'CSV', 'results.md': 'Markdown', 'results.xml': 'JUnit' };
  return html`<header class="masthead">
<div class="masthead-top">
<p class="brand">${raw(LOGO)} proofsheet</p>
<nav class="downloads" aria-label="The same results as files">
${Object.entries(files).map(([file, label]) => html`<a href="${file}">${label}</a>\n`)}
</nav>
</div>
<div class="title">
<h1><bdi>${oneLine(batch.name)}</bdi></h1>
<span class="chip chip-${batch.state}">${batch.state}</span>
${batch.simulated ? html`<strong class="simulated">Simulated</strong>` : ''}
</div>
<p class="about">
<span>${batch.recipe} recipe, version ${batch.recipeVersion}</span>
<span>${run.lane} lane</span>
<span>${new Date(batch.createdAt).toISOString().slice(0, 16).replace('T', ' ')} UTC</span>
<span>batch <code>${batch.id}</code></span>
</p>
${
  batch.simulated
    ? html`<p class="notice">No real model was called: pictures, scores and costs come from the built-in simulated model.</p>`
    : ''
}
${batch.pause ? html`<p class="notice">Paused: ${oneLine(batch.pause.message)}</p>` : ''}
${batch.state === 'cancelled' && batch.cancelReason ? html`<p class="notice">${oneLine(batch.cancelReason)}</p>` : ''}
${(batch.drop?.notes ?? []).map((note) => html`<p class="notice">${oneLine(note)}</p>`)}
</header>`;
}

const LOGO =
  '<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><rect x="1" y="1" width="8" height="8" rx="1.5"/>' +
  '<rect x="11" y="1" width="8" height="8" rx="1.5"/><rect x="1" y="11" width="8" height="8" rx="1.5"/>' +
  '<path d="M11.6 15.2l2.6 2.7 4.8-6.2" fill="none" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round"/></svg>';

function itemsSection({ counts }: ReportHead, tally: Tally): Html {
  const states = stateTotals(counts).filter(([, count]) => count > 0);
  return html`<section class="items" id="items" aria-labelledby="items-title" tabindex="-1">
<div class="toolbar" id="toolbar">
<h2 id="items-title">Items</h2>
<label class="search"><span class="hidden">Search names and reasons</span>
<input id="search" type="search" placeholder="Search names and reasons" autocomplete="off" spellcheck="false" aria-keyshortcuts="/"><kbd aria-hidden="true">/</kbd></label>
<fieldset class="states"><legend class="hidden">State</legend>
${[['', counts.total] as const, ...states].map(
  ([
    state,
    count,
  ]) => html`<label><input type="radio" name="state" value="${state}" ${state === '' ? raw('checked') : ''}>
<span>${state === '' ? 'all' : state} <b>${count.toLocaleString('en')}</b></span></label>\n`,
)}</fieldset>
<label class="pick"><span class="hidden">Reason</span><select id="reason"><option value="">Any reason</option>
${[...tally.reasons].map(([code, { count }]) => html`<option value="${code}">${label(code)} (${count})</option>\n`)}</select></label>
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

function thresholdOf({ batch }: ReportHead): number | undefined {
  const { threshold } = batch.recipeSettings;
  return typeof threshold === 'number' ? threshold : undefined;
}
