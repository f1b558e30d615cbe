import type { Context, Hono } from 'hono';
import { type Asset, dashboardAsset } from '../dashboard/dashboard-assets.ts';
import { dashboardPage, PAGES, signInPage } from '../dashboard/dashboard-page.ts';
import { sha256 } from '../lib/hash.ts';
import { failureOf } from './http-request.ts';

/** Asked for anew each time, so that a page never runs with scripts of another version. */
const CACHED = { 'Cache-Control': 'private, no-cache' };

/**
 * The dashboard's pages. They hold nothing of any batch, their scripts ask the API for all of it. Styles and scripts are for everybody,
 * because the page on which one signs in needs them; who is not admitted gets that page instead of any other.
 */
export function mountPages(api: Hono, guard: { token: boolean; admits(context: Context): Promise<boolean> }): void {
  api.get('/assets/:name', async (context) => {
    const asset = await dashboardAsset(context.req.param('name'));
    if (asset === undefined) throw failureOf(404, 'not_found', `There is no ${context.req.path}.`);
    return assetAnswer(context, asset);
  });
  // Where browsers look by themselves, also from the report's page.
  api.get('/favicon.ico', async (context) => {
    const icon = await dashboardAsset('icon.svg');
    return icon === undefined ? context.body(null, 404) : assetAnswer(context, icon);
  });
  for (const page of PAGES) {
    api.get(page.path, async (context) => {
      if (await guard.admits(context)) return context.html(await dashboardPage(page, guard), 200, CACHED);
      return context.html(await signInPage(), 401, { ...CACHED, 'WWW-Authenticate': 'Bearer' });
    });
  }
}

function assetAnswer(context: Context, { content, type }: Asset): Response {
  const tag = `"${sha256(content).slice(0, 32)}"`;
  const headers = { ...CACHED, ETag: tag };
  if (context.req.header('if-none-match') === tag) return context.body(null, 304, headers);
  return context.body(content, 200, { ...headers, 'Content-Type': type });
}
