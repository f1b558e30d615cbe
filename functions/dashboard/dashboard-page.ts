import { html } from 'hono/html';
import { BRAND } from '../report/html-brand.ts';
import { itemsSection } from '../report/html-items.ts';
import type { Html } from '../report/html-summary.ts';
import { SHARED_SCRIPT, STYLES } from './dashboard-assets.ts';

/** A page of the dashboard. */
export interface Page {
  /** As the router writes it. */
  path: string;
  title: string;
  /** The module in `page/` that fills it. */
  script: string;
  /** It has a place in the navigation, under this name. */
  nav?: string;
  /** What is there before the script has run, below the page's own heading. */
  body?: () => Html;
}

/** All pages; one with `nav` stands in the navigation, in this order. */
export const PAGES: readonly Page[] = [
  { path: '/', title: 'Batches', script: 'batches.js', nav: 'Batches' },
  { path: '/start', title: 'Start a batch', script: 'start.js', nav: 'Start' },
  { path: '/search', title: 'Search', script: 'search.js', nav: 'Search' },
  { path: '/batches/:id', title: 'Batch', script: 'batch.js', body: batchBody },
];

/** The states by which items of a batch under way are filtered. */
const STATES = ['open', 'passed', 'failed', 'error', 'skipped', 'cancelled'];

export async function dashboardPage(page: Page, of: { token: boolean }): Promise<string> {
  const links = PAGES.flatMap(({ path, nav }) => (nav === undefined ? [] : [{ path, nav }]));
  const current = ({ path }: { path: string }) => (path === page.path ? html` aria-current="page"` : '');
  const nav = html`<nav class="pages" aria-label="Pages">
${links.map((link) => html`<a href="${link.path}"${current(link)}>${link.nav}</a>\n`)}
${of.token ? html`<button type="button" class="link" id="sign-out">Sign out</button>` : ''}</nav>`;
  return await document(page, { nav, body: page.body?.() ?? html`` });
}

/** What is answered instead of a page to somebody without the token. */
export async function signInPage(): Promise<string> {
  return await document({ title: 'Sign in', script: 'sign-in.js' }, { nav: html``, body: html`` });
}

async function document(page: Pick<Page, 'title' | 'script'>, { nav, body }: Record<'nav' | 'body', Html>) {
  const text = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${page.title} · proofsheet</title>
<link rel="icon" href="/assets/icon.svg">
<link rel="stylesheet" href="/assets/${STYLES}">
<script src="/assets/${SHARED_SCRIPT}" defer></script>
<script src="/assets/${page.script}" type="module"></script>
</head>
<body class="dashboard">
<a class="skip" href="#main">Skip to the content</a>
<header class="bar">
<a class="brand" href="/">${BRAND}</a>
${nav}
</header>
<main id="main" tabindex="-1">
<div id="content"><p class="empty">Loading …</p></div>
${body}
<noscript><p class="empty">The dashboard needs JavaScript. The same is to be had from the command line: <code>proofsheet list</code>.</p></noscript>
</main>
<div id="toast" role="status" aria-live="polite"></div>
</body>
</html>
`;
  return String(text);
}

function batchBody(): Html {
  return html`<div id="below" hidden>
${itemsSection({ total: 0, states: STATES.map((state) => [state, 0]), reasons: [] })}
</div>
<dialog id="viewer" aria-labelledby="viewer-name"></dialog>`;
}
