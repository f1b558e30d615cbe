import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { exportVectors } from '../app/export-vectors.ts';
import { DEFAULT_DUPLICATE_SCORE, type DuplicateGroup, findDuplicates } from '../app/find-duplicates.ts';
import { keepingFrom } from '../app/recipe-settings.ts';
import { type SearchRequest, searchVectors } from '../app/search-vectors.ts';
import { type EntryFilter, entryFilterSchema, type FusionWeights, type Keeping } from '../domain/embedding.ts';
import { ProofsheetError } from '../domain/errors.ts';
import type { Neighbour } from '../platform/ports.ts';
import { type CommandContext, type CommonFlags, type OpenApp, withApp } from './context.ts';
import { shareFrom, wholeFrom } from './parse-values.ts';
import { columnsOf, plural } from './terminal.ts';

interface SearchFlags extends CommonFlags {
  top: number;
  filter: EntryFilter;
  weights?: FusionWeights;
  duplicates?: boolean;
  threshold: number;
  export?: string;
}

const MOST_HITS = 200;

export function searchCommand(context: CommandContext): Command {
  return new Command('search')
    .description('nearest embedded pictures of a picture or of words')
    .argument('[query]', 'a picture file, or words where the encoder knows them')
    .option('--top <n>', 'how many', wholeFrom, 10)
    .option('--filter <field=value>', 'only with this category, brand or source (repeatable)', addFilter, {})
    .option('--weights <semantic,visual>', 'shares of the two similarities, e.g. 0.6,0.4', weightsFrom)
    .option('--duplicates', 'groups of nearly equal pictures instead')
    .option('--threshold <score>', 'least score of duplicates', shareFrom, DEFAULT_DUPLICATE_SCORE)
    .option('--export <file>', 'all vectors into a file instead: .jsonl or .npy')
    .action((query: string | undefined, _flags: unknown, command: Command) =>
      search(context, query, command.optsWithGlobals()),
    );
}

async function search(context: CommandContext, query: string | undefined, flags: SearchFlags): Promise<void> {
  await withApp(context, flags, async (open, settings) => {
    const keeping = keepingFrom(open.app, settings.recipe);
    if (flags.export !== undefined) return await exportAll(context, open, keeping, flags.export, flags);
    if (flags.duplicates) return await showDuplicates(context, open, keeping, flags);
    if (query === undefined)
      throw new ProofsheetError('usage', 'Nothing to search for: name a picture, or give words.');
    const by = queryFrom(context, query);
    const { hits, weights } = await searchVectors(open.app, {
      ...{ keeping, by, top: Math.min(flags.top, MOST_HITS), filter: flags.filter },
      ...(flags.weights && { weights: flags.weights }),
    });
    if (flags.json) context.out(JSON.stringify({ weights, hits: hits.map(hitDocument) }, null, 2));
    else for (const line of hitLines(hits)) context.out(line);
  });
}

/** What names a file that is there is a picture, all else words. */
function queryFrom(context: CommandContext, query: string): SearchRequest['by'] {
  const path = resolve(context.cwd, query);
  if (existsSync(path) && statSync(path).isFile()) return { picture: readFileSync(path) };
  if (!/\.(jpe?g|png|webp|gif|tiff?|avif|heic)$/i.test(query)) return { text: query };
  throw new ProofsheetError('file_missing', `The picture ${query} is not there; check the path.`);
}

function hitDocument({ id, facts, score, semantic, visual }: Neighbour): object {
  return { id, score, semantic, visual, ...facts };
}

function hitLines(hits: readonly Neighbour[]): string[] {
  if (hits.length === 0) return ['Nothing fits the filter.'];
  const head = columnsOf(['', 3], ['score', 6], ['semantic', 8], ['visual', 6], ['title', 28], ['price', 10]);
  const rows = hits.map(({ facts, score, semantic, visual }, index) => {
    const similarity = (value: number | null) => value?.toFixed(3) ?? '-';
    const price = facts.price === null ? '' : `${facts.price} ${facts.currency}`;
    const cells = columnsOf(
      [String(index + 1), 3],
      [similarity(score), 6],
      [similarity(semantic), 8],
      [similarity(visual), 6],
      [facts.title, 28],
      [price, 10],
    );
    return `${cells}${facts.path}`;
  });
  return [`${head}path`, ...rows];
}

async function showDuplicates(
  context: CommandContext,
  open: OpenApp,
  keeping: Keeping,
  { threshold, json }: SearchFlags,
): Promise<void> {
  const groups = await findDuplicates(open.app, keeping, threshold);
  if (json) context.out(JSON.stringify({ threshold, groups: groups.map(groupDocument) }, null, 2));
  else for (const line of groupLines(groups, threshold)) context.out(line);
}

function groupDocument({ highest, lowest, entries }: DuplicateGroup): object {
  return { highest, lowest, entries: entries.map(({ id, facts }) => ({ id, ...facts })) };
}

function groupLines(groups: readonly DuplicateGroup[], threshold: number): string[] {
  if (groups.length === 0) return [`No two pictures have a score of ${threshold} or more.`];
  return groups.flatMap(({ highest, lowest, entries }, index) => [
    `Group ${index + 1}: ${plural(entries.length, 'picture')}, ${lowest.toFixed(3)} to ${highest.toFixed(3)}`,
    ...entries.map(({ facts }) => `  ${columnsOf([facts.title, 28], [facts.sku, 14])}${facts.path}`),
  ]);
}

async function exportAll(
  context: CommandContext,
  open: OpenApp,
  keeping: Keeping,
  file: string,
  { json }: CommonFlags,
): Promise<void> {
  const files = await exportVectors(open.app, keeping, resolve(context.cwd, file));
  if (json) context.out(JSON.stringify({ files }));
  else for (const written of files) context.out(written);
}

function addFilter(text: string, before: EntryFilter): EntryFilter {
  const [, field, value] = /^(\w+)=(.+)$/.exec(text) ?? [];
  const parsed = entryFilterSchema.safeParse({ ...before, [field ?? '']: value });
  if (field === undefined || !parsed.success) {
    throw new InvalidArgumentError('It must be category=…, brand=… or source=….');
  }
  return parsed.data;
}

function weightsFrom(text: string): FusionWeights {
  const [semantic, visual, ...more] = text.split(',').map(shareFrom);
  if (semantic === undefined || visual === undefined || more.length > 0 || semantic + visual === 0) {
    throw new InvalidArgumentError('It must be two shares from 0 to 1, such as 0.6,0.4, not both 0.');
  }
  return { semantic, visual };
}
