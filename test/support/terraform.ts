import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from '@cdktf/hcl2json';

export const INFRA = fileURLToPath(new URL('../../infra', import.meta.url));

/** Anything that HCL can say; what is no plain value is the text of an expression, in `${…}`. */
export type Value = string | number | boolean | null | Value[] | { [name: string]: Value };
export type Body = Record<string, Value>;

export interface TerraformBlock {
  /** As in `resource "google_storage_bucket" "inbox"`: google_storage_bucket and inbox. */
  type: string;
  name: string;
  body: Body;
}

export interface TerraformFiles {
  resources: TerraformBlock[];
  data: TerraformBlock[];
  variables: Record<string, Body>;
  outputs: Record<string, Body>;
  locals: Body;
  settings: Body;
}

/** All of infra/*.tf. Fails for a file that is no HCL. */
export async function readTerraform(): Promise<TerraformFiles> {
  const read: TerraformFiles = { resources: [], data: [], variables: {}, outputs: {}, locals: {}, settings: {} };
  for (const file of terraformFiles()) {
    const parsed = await parse(file, readFileSync(join(INFRA, file), 'utf8'));
    read.resources.push(...blocksOf(parsed.resource));
    read.data.push(...blocksOf(parsed.data));
    for (const block of parsed.locals ?? []) Object.assign(read.locals, block);
    Object.assign(read.variables, onlyBlocksOf(parsed.variable));
    Object.assign(read.outputs, onlyBlocksOf(parsed.output));
    Object.assign(read.settings, parsed.terraform?.[0]);
  }
  return read;
}

export function terraformFiles(): string[] {
  return readdirSync(INFRA).filter((name) => name.endsWith('.tf'));
}

/** The one block of this kind in a body: nested blocks come as lists. */
export function nested(body: Body, name: string): Body {
  const blocks = body[name];
  if (!Array.isArray(blocks) || blocks.length !== 1) throw new Error(`There is not one block ${name}.`);
  return blocks[0] as Body;
}

/** All texts in a body, names left out. */
export function textsIn(value: Value): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

function onlyBlocksOf(byName: Record<string, Body[]> = {}): Record<string, Body> {
  return Object.fromEntries(Object.entries(byName).map(([name, [body]]) => [name, body ?? {}]));
}

function blocksOf(byType: Record<string, Record<string, Body[]>> = {}): TerraformBlock[] {
  return Object.entries(byType).flatMap(([type, byName]) =>
    Object.entries(byName).flatMap(([name, bodies]) => bodies.map((body) => ({ type, name, body }))),
  );
}
