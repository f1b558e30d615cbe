import type { Keeping } from '../domain/embedding.ts';
import { npyHeader } from '../domain/npy.ts';
import type { VectorEntry } from '../platform/ports.ts';
import type { App } from './app.ts';
import { requireEntries } from './search-vectors.ts';

const PAGE = 200;

/**
 * All entries into files: one of JSON lines with both vectors, or, for a name that ends in `.npy`, an array for each vector and JSON lines that
 * say what its rows are. Gives the files.
 */
export async function exportVectors(
  app: Pick<App, 'files' | 'vectors'>,
  keeping: Keeping,
  uri: string,
): Promise<string[]> {
  await requireEntries(app, keeping);
  if (!/\.npy$/i.test(uri)) {
    await app.files.write(uri, lines(app, keeping, true), 'application/x-ndjson');
    return [uri];
  }
  const base = uri.slice(0, -'.npy'.length);
  const files = { items: `${base}.items.jsonl`, semantic: `${base}.semantic.npy`, visual: `${base}.visual.npy` };
  await app.files.write(files.items, lines(app, keeping, false), 'application/x-ndjson');
  for (const field of ['semantic', 'visual'] as const) {
    await app.files.write(files[field], array(app, keeping, field), 'application/octet-stream');
  }
  return Object.values(files);
}

async function* pages(app: Pick<App, 'vectors'>, { space }: Keeping): AsyncGenerator<VectorEntry[]> {
  let after: string | undefined;
  while (true) {
    const page = await app.vectors.list(space, { limit: PAGE, ...(after !== undefined && { after }) });
    if (page.length > 0) yield page;
    after = page.at(-1)?.id;
    if (page.length < PAGE) return;
  }
}

async function* lines(app: Pick<App, 'vectors'>, keeping: Keeping, withVectors: boolean): AsyncGenerator<string> {
  const { semantic: semantic_encoder, visual: visual_encoder } = keeping.space;
  for await (const page of pages(app, keeping)) {
    const rows = page.map(({ id, contentHash, facts, weights, semantic, visual }) => ({
      ...{ id, content_hash: contentHash, ...facts, weights, semantic_encoder, visual_encoder },
      ...(withVectors && { semantic: [...semantic], visual: [...visual] }),
    }));
    yield rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  }
}

/** The rows are counted first, because the header says their number. */
async function* array(
  app: Pick<App, 'vectors'>,
  keeping: Keeping,
  field: 'semantic' | 'visual',
): AsyncGenerator<Uint8Array> {
  let [rows, columns] = [0, 0];
  for await (const page of pages(app, keeping)) {
    rows += page.length;
    columns = page[0]?.[field].length ?? columns;
  }
  yield npyHeader(rows, columns);
  let left = rows;
  for await (const page of pages(app, keeping)) {
    for (const entry of page.slice(0, left))
      yield new Uint8Array(entry[field].buffer, entry[field].byteOffset, columns * 4);
    left -= Math.min(left, page.length);
  }
}
