import { readFile } from 'node:fs/promises';

/** Scripts that the report and the dashboard share, in the order in which they are loaded. */
export const SHARED_SCRIPTS = [
  'page-tools.js',
  'page-list.js',
  'page-attempt.js',
  'page-result.js',
  'page-item.js',
  'page-items.js',
  'page-charts.js',
] as const;

/** The report's own: what takes the data in, and what brings the page to life. */
export const REPORT_SCRIPTS = ['page-data.js', 'page.js'] as const;

/** Styles of both. */
export const PAGE_STYLES = [
  'page.css',
  'page-header.css',
  'page-tables.css',
  'page-summary.css',
  'page-charts.css',
  'page-toolbar.css',
  'page-list.css',
  'page-item.css',
  'page-strip.css',
  'page-result.css',
] as const;

export async function pagePart(name: string): Promise<string> {
  return await readFile(new URL(`./page/${name}`, import.meta.url), 'utf8');
}
