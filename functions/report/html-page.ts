import { html } from 'hono/html';
import { BRAND } from './html-brand.ts';
import { reasonsTable, workTables } from './html-charts.ts';
import { groupsSection } from './html-groups.ts';
import { itemsSection } from './html-items.ts';
import { type Html, isUnjudged, stateTotals, summaryTiles } from './html-summary.ts';
import { DETAILS_PER_FILE } from './page-data.ts';
import { promptSection } from './prompt-versions.ts';
import type { ReportHead } from './report-format.ts';
import { oneLine } from './safe-text.ts';
import type { Tally } from './tally.ts';

/** Nothing but the report's own files: no inline code, no other host, no frames, no forms. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'";

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
<body class="${isUnjudged(counts) ? 'unjudged' : ''}" data-page-size="${DETAILS_PER_FILE}" data-threshold="${thresholdOf(head) ?? ''}" data-started-at="${batch.createdAt}">
<a class="skip" href="#items">Skip to the items</a>
${masthead(head)}
<main>
${summaryTiles(head, tally)}
<section class="panels" id="charts" aria-label="Charts">
${reasonsTable(tally)}
</section>
${promptSection(batch, tally)}
${groupsSection(head.groups)}
${workTables(tally, counts)}
${itemsSection({
  total: counts.total,
  states: stateTotals(counts).filter(([, count]) => count > 0),
  reasons: [...tally.reasons].map(([code, { count }]) => [code, count]),
})}
</main>
<dialog id="viewer" aria-labelledby="viewer-name"></dialog>
${assets.scripts.map((script) => html`<script src="report/${script}" defer></script>\n`)}
</body>
</html>
`;
  return String(page);
}

function masthead({ batch, run }: ReportHead): Html {
  const files = { 'results.json': 'JSON', 'results.csv': 'CSV', 'results.md': 'Markdown', 'results.xml': 'JUnit' };
  return html`<header class="masthead">
<div class="masthead-top">
<p class="brand">${BRAND}</p>
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

function thresholdOf({ batch }: ReportHead): number | undefined {
  const { threshold } = batch.recipeSettings;
  return typeof threshold === 'number' ? threshold : undefined;
}
