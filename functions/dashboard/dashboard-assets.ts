import { readdir, readFile } from 'node:fs/promises';
import { PAGE_STYLES, pagePart, SHARED_SCRIPTS } from '../report/page-parts.ts';

/** A style, script or picture of the dashboard. */
export interface Asset {
  content: string;
  type: string;
}

/** The names under which the parts that the report has as well are served, as one file each. */
export const SHARED_STYLE = 'shared.css';
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
  const joined = async (parts: readonly string[]) => (await Promise.all(parts.map(pagePart))).join('\n');
  const names = await readdir(FOLDER);
  const own = names.map(async (name) => [name, await readFile(new URL(name, FOLDER), 'utf8')] as const);
  const found = await Promise.all([
    ...own,
    joined(PAGE_STYLES).then((content) => [SHARED_STYLE, content] as const),
    joined(SHARED_SCRIPTS).then((content) => [SHARED_SCRIPT, content] as const),
  ]);
  return new Map(found.map(([name, content]) => [name, { content, type: typeOf(name) }]));
}

function typeOf(name: string): string {
  return TYPES[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream';
}
