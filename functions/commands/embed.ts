import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { clearEmbeddings } from '../app/clear-embeddings.ts';
import { embeddingStatistics } from '../app/embedding-statistics.ts';
import { pruneEmbeddings } from '../app/prune-embeddings.ts';
import { readBatch } from '../app/read-batch.ts';
import { keepingFrom } from '../app/recipe-settings.ts';
import { scrapedInputs } from '../app/scraped-inputs.ts';
import { type StartRequest, startBatch } from '../app/start-batch.ts';
import { workOff } from '../app/work-off.ts';
import type { EntryFacts, Keeping } from '../domain/embedding.ts';
import { type SourceStatistics, statisticsDocument, statisticsTable } from '../domain/embedding-statistics.ts';
import { ProofsheetError } from '../domain/errors.ts';
import type { Settings } from '../settings.ts';
import { type CommandContext, type CommonFlags, type OpenApp, withApp } from './context.ts';
import { followEmbedding } from './follow-embedding.ts';
import { wholeFrom } from './parse-values.ts';
import { addSelectionFlags, type SelectionFlags, selectionFrom } from './selection-flags.ts';
import { pauseReason, plural } from './terminal.ts';
import { warnOfUnknownPrices } from './work-and-report.ts';

interface EmbedFlags extends CommonFlags, SelectionFlags {
  mode: 'references' | 'scraped' | 'all';
  referencesDir?: string;
  scrapedDir?: string;
  batchSize?: number;
  outputDir?: string;
  force?: boolean;
  prune?: boolean;
  yes?: boolean;
  quiet?: boolean;
}

type Source = EntryFacts['source'];

/** What all sources of one command share. */
interface Embedding {
  context: CommandContext;
  open: OpenApp;
  settings: Settings;
  flags: EmbedFlags;
  keeping: Keeping;
}

export function embedCommand(context: CommandContext): Command {
  const command = new Command('embed')
    .description('two vectors of every picture, for `search`; what is embedded already is skipped')
    .addOption(new Option('--mode <mode>', 'which sources').choices(['references', 'scraped', 'all']).default('all'))
    .option('--references-dir <dir>', 'reference pictures (default: from settings, or data/references)')
    .option('--scraped-dir <dir>', 'scraped batches, or a manifest (default: from settings, or data/scraped)')
    .option('--batch-size <n>', 'pictures embedded at once (default: 32)', wholeFrom)
    .option('--force', 'clear the collection before (asks, unless --yes)')
    .option('--prune', 'remove entries whose files or rows are gone')
    .option('--output-dir <dir>', 'reports go to DIR/<batch id>/ (default: ./output)');
  return addSelectionFlags(command)
    .option('--yes', 'answer yes to questions')
    .option('--quiet', 'no progress')
    .action((_flags: unknown, command: Command) => embed(context, command.optsWithGlobals()));
}

async function embed(context: CommandContext, flags: EmbedFlags): Promise<void> {
  const { pattern, recursive, minSize, maxFileSize, modifiedAfter, modifiedBefore, limit, sample } = flags;
  const some = [pattern, minSize, maxFileSize, modifiedAfter, modifiedBefore, limit, sample];
  if (flags.prune && (!recursive || some.some((flag) => flag !== undefined))) {
    throw new ProofsheetError('usage', '--prune looks at all inputs; leave out the flags that choose some of them.');
  }
  await withApp(context, flags, async (open, settings) => {
    const keeping = keepingFrom(open.app, settings.recipe);
    const embedding = { context, open, settings, flags, keeping };
    const sources: Source[] = flags.mode === 'all' ? ['references', 'scraped'] : [flags.mode];
    // Before anything is removed or begun.
    const inputs = new Map<Source, string[]>();
    for (const source of sources) inputs.set(source, await inputsOf(embedding, source));
    if (flags.force) await clear(embedding);
    await sayEncoders(embedding);
    const statistics: SourceStatistics[] = [];
    for (const source of sources) {
      if (context.stop.aborted) break;
      statistics.push(await embedSource(embedding, source, inputs.get(source) ?? []));
    }
    if (flags.json) context.out(JSON.stringify(statisticsDocument(statistics), null, 2));
    else for (const line of statisticsTable(statistics)) context.out(line);
    if (context.stop.aborted) context.exit(130);
    else if (statistics.some(({ failed_items }) => failed_items > 0)) context.exit(3);
  });
}

async function inputsOf({ context, open, settings, flags }: Embedding, source: Source): Promise<string[]> {
  const { referencesDir, scrapedDir } = settings.embedding;
  const [given, set] = source === 'references' ? [flags.referencesDir, referencesDir] : [flags.scrapedDir, scrapedDir];
  const place = given === undefined ? set : placeOf(context, given);
  try {
    if (source === 'scraped') {
      const { inputs, aside } = await scrapedInputs(open.app, place);
      for (const one of aside) context.note(`left aside  ${one}`);
      return inputs;
    }
    await open.app.files.list(place, { recursive: false, limit: 1 });
    return [place];
  } catch (thrown) {
    if (!(thrown instanceof ProofsheetError && thrown.code === 'file_missing')) throw thrown;
    const message = `The ${source} directory ${place} does not exist; name another with --${source}-dir, or leave it out with --mode.`;
    throw new ProofsheetError('file_missing', message, { cause: thrown });
  }
}

function placeOf(context: CommandContext, place: string): string {
  return place.startsWith('gs://') ? place : resolve(context.cwd, place);
}

async function clear({ context, open, flags, keeping }: Embedding): Promise<void> {
  const { collection } = keeping.space;
  const found = await open.app.vectors.spaces(collection);
  const entries = found.reduce((sum, one) => sum + one.entries, 0);
  const what = `--force removes all ${plural(entries, 'item')} of the collection ${collection}`;
  if (!flags.yes) {
    if (!context.terminal.interactive) throw new ProofsheetError('usage', `${what}; add --yes to confirm.`);
    const answer = await context.terminal.ask(`${what}. Type its name to go on: `);
    if (answer.trim() !== collection) throw new ProofsheetError('usage', 'Nothing was removed or started.');
  }
  await clearEmbeddings(open.app, open.deliveries, collection);
}

async function sayEncoders({ context, open, keeping }: Embedding): Promise<void> {
  const { space, weights } = keeping;
  const found = await open.app.vectors.spaces(space.collection);
  const own = found.find((one) => one.space.semantic === space.semantic && one.space.visual === space.visual);
  context.note(
    `Encoders: ${space.semantic} (semantic, ${weights.semantic}) and ${space.visual} (visual, ${weights.visual}); collection ${space.collection} (${plural(own?.entries ?? 0, 'item')})`,
  );
  if (isBuiltIn(space.semantic) || isBuiltIn(space.visual)) {
    context.note(
      'SIMULATED: the built-in encoders measure colours and shapes, no neural model is asked; set EMBEDDING_MODEL and VISUAL_EMBEDDING_MODEL for others.',
    );
  }
}

function isBuiltIn(encoder: string): boolean {
  return encoder.startsWith('simulated-');
}

async function embedSource(embedding: Embedding, source: Source, inputs: string[]): Promise<SourceStatistics> {
  const { context, open, flags } = embedding;
  const { app } = open;
  const begun = app.clock.now();
  if (inputs.length === 0) {
    const none = { total_items: 0, processed_items: 0, skipped_items: 0, failed_items: 0, failed_ids: [] };
    return { source, ...none, duration_seconds: 0 };
  }
  const request = requestFrom(embedding, source, inputs);
  const { batch, joined } = await startBatch(app, request);
  if (joined) context.note(`Going on with the unfinished batch ${batch.id} of this command.`);
  warnOfUnknownPrices(context, open, batch);
  const over = new AbortController();
  const following = flags.quiet
    ? Promise.resolve()
    : followEmbedding(context, app, { batchId: batch.id, source }, over.signal);
  try {
    await workOff(app, open.deliveries, batch.id, request.run.maxConcurrent);
  } finally {
    over.abort();
    await following;
  }
  const { batch: ended } = await readBatch(app, batch.id, { recent: 0, running: 0 });
  if (ended.state === 'paused') {
    throw new ProofsheetError('wrong_state', `${pauseReason(ended)} Nothing is lost; the same command goes on.`);
  }
  const statistics = await embeddingStatistics(app, batch.id, { source, tookMs: app.clock.now() - begun });
  const { processed_items, skipped_items, failed_items, duration_seconds } = statistics;
  const said = ended.state === 'finished' ? 'processing complete' : 'processing interrupted, the same command goes on';
  context.note(
    `${source} ${said}: ${processed_items} processed, ${skipped_items} skipped, ${failed_items} failed in ${duration_seconds.toFixed(2)}s`,
  );
  if (failed_items > 0) context.note(`What failed, and why: ${ended.outputDir}`);
  if (flags.prune && ended.state === 'finished') {
    context.note(`${source}: ${await pruneEmbeddings(app, ended)} pruned`);
  }
  return statistics;
}

function requestFrom({ context, settings, flags, keeping }: Embedding, source: Source, inputs: string[]): StartRequest {
  const { space } = keeping;
  const outputRoot = flags.outputDir === undefined ? settings.outputDir : resolve(context.cwd, flags.outputDir);
  return {
    inputs,
    selection: selectionFrom(flags, settings, [outputRoot, settings.home]),
    recipe: 'embed',
    recipeSettings: { ...settings.recipe, source },
    simulated: isBuiltIn(space.semantic) && isBuiltIn(space.visual),
    force: false,
    run: {
      lane: 'standard',
      maxConcurrent: flags.batchSize ?? settings.embedding.batchSize,
      maxRetries: settings.maxRetries,
      timeoutMs: settings.timeoutMs,
    },
    outputRoot,
    archive: 'none',
    name: source,
  };
}
