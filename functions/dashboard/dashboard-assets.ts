import { readdir, readFile } from 'node:fs/promises';
import { PAGE_STYLES, pagePart, SHARED_SCRIPTS } from '../report/page-parts.ts';

/** A style, script or picture of the dashboard. */
export interface Asset {
  content: string;
  type: string;
}

/** All styles as one file, and the scripts that the report has as well. */
export const STYLES = 'styles.css';
export const SHARED_SCRIPT = 'shared.js';

const FOLDER = new URL('./page/', import.meta.url);
const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

let assets: Promise<ReadonlyMap<string, Asset>> | undefined;

/** An asset by its name; undefined if there is none. */
export async function dashboardAsset(name: string): Promise<Asset | undefined> {
  assets ??= readAssets();
  return (await assets).get(name);
}

async function readAssets(): Promise<ReadonlyMap<string, Asset>> {
  const names = (await readdir(FOLDER)).sort();
  const [styles, others] = [names.filter(isStyle), names.filter((name) => !isStyle(name))];
  const [shared, own, scripts, files] = await Promise.all([
    Promise.all(PAGE_STYLES.map(pagePart)),
    Promise.all(styles.map(ownPart)),
    Promise.all(SHARED_SCRIPTS.map(pagePart)),
    Promise.all(others.map(ownPart)),
  ]);
  return new Map([
    [STYLES, asset(STYLES, [...shared, ...own].join('\n'))],
    [SHARED_SCRIPT, asset(SHARED_SCRIPT, scripts.join('\n'))],
    ...others.map((name, at) => [name, asset(name, files[at] ?? '')] as const),
  ]);
}

function isStyle(name: string): boolean {
  return name.endsWith('.css');
}

async function ownPart(name: string): Promise<string> {
  return await readFile(new URL(name, FOLDER), 'utf8');
}

function asset(name: string, content: string): Asset {
  return { content, type: TYPES[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream' };
}
