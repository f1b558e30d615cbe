import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { type StartRequest, startBatch } from '../app/start-batch.ts';
import { ProofsheetError } from '../domain/errors.ts';
import { GECKO } from '../domain/model-call.ts';
import type { Settings } from '../settings.ts';
import { type CommandContext, type CommonFlags, type OpenApp, withApp } from './context.ts';
import { nextTime, numberFrom, shareFrom, wholeFrom } from './parse-values.ts';
import { planBatch } from './plan.ts';
import { addRecipeFlags, type RecipeFlags, recipeFrom } from './recipe-flags.ts';
import { addSelectionFlags, type SelectionFlags, selectionFrom } from './selection-flags.ts';
import { workAndReport } from './work-and-report.ts';

interface RunFlags extends CommonFlags, RecipeFlags, SelectionFlags {
  inputDir?: string;
  files?: string[];
  maxConcurrent?: number;
  maxRetries?: number;
  timeout?: number;
  lane: 'standard' | 'batch';
  deadline?: string;
  groupBy?: string;
  outputDir?: string;
  enablePromptOptimization?: boolean;
  optimizationCalls?: number;
  dryRun?: boolean;
  simulate?: boolean;
  force?: boolean;
  minPassRate?: number;
  name?: string;
  yes?: boolean;
  quiet?: boolean;
}

export function runCommand(context: CommandContext): Command {
  const command = new Command('run')
    .description('work off images and documents: files, directories, globs or manifests')
    .argument('[inputs...]', 'files, directories, globs, or manifests (.json .jsonl .csv)');
  addRecipeFlags(command)
    .option('--input-dir <dir>', 'same as a positional input')
    .option('--files <files...>', 'same as positional inputs');
  return addSelectionFlags(command)
    .option('--max-concurrent <n>', 'items in work at once, up to 1000 (default: 5)', wholeFrom)
    .option('--max-retries <n>', 'tries of one model call, up to 20 (default: 5)', wholeFrom)
    .option('--timeout <seconds>', 'for one model call, 1 to 600 (default: 120)', numberFrom)
    .addOption(new Option('--lane <lane>', 'price and latency lane').choices(['standard', 'batch']).default('standard'))
    .option('--deadline <time>', 'for --lane batch: what is late by then, e.g. 09:00, is done call by call')
    .option('--enable-prompt-optimization', 'find a better prompt for what failed, try it, and work the rest with it')
    .option('--optimization-calls <n>', 'most calls for that (default: 60)', wholeFrom)
    .option('--group-by <column>', 'combine JSON results of items with the same value, e.g. post_id or folder')
    .option('--output-dir <dir>', 'results go to DIR/<batch id>/ (default: ./output)')
    .option('--dry-run', 'everything but the model calls')
    .option('--simulate', 'the built-in simulated model instead of Gemini')
    .option('--force', 'redo items that are already done (asks, unless --yes)')
    .option('--min-pass-rate <share>', 'exit 3 below this share of passed items', shareFrom)
    .option('--name <name>', 'name of the batch')
    .option('--yes', 'answer yes to questions')
    .option('--quiet', 'no progress')
    .action((inputs: string[], _flags: unknown, command: Command) => run(context, inputs, command.optsWithGlobals()));
}

async function run(context: CommandContext, inputs: string[], flags: RunFlags): Promise<void> {
  await withApp(context, flags, async (open, settings) => {
    const request = requestFrom(context, inputs, flags, settings, open);
    if (request.simulated) sayLoudly(context, settings);
    if (flags.dryRun) return await planBatch(context, open.app, request, flags);
    if (flags.force && !flags.yes) await confirm(context);
    const { batch, joined } = await startBatch(open.app, request);
    if (joined) context.note(`Going on with the unfinished batch ${batch.id} of this command.`);
    await workAndReport(context, open, batch, flags);
  });
}

function requestFrom(
  context: CommandContext,
  positional: string[],
  flags: RunFlags,
  settings: Settings,
  open: OpenApp,
): StartRequest {
  const inputs = [...positional, ...(flags.files ?? []), ...(flags.inputDir === undefined ? [] : [flags.inputDir])];
  if (inputs.length === 0)
    throw new ProofsheetError('usage', 'Nothing to work on: name a file or folder, as in `proofsheet run photos`.');
  const simulated = flags.simulate === true || settings.gemini.auth === undefined;
  const outputRoot = flags.outputDir === undefined ? settings.outputDir : resolve(context.cwd, flags.outputDir);
  const defaults = { ...settings.recipe, ...(simulated && open.simulatedSettings) };
  return {
    inputs: inputs.map((input) => (input.startsWith('gs://') ? input : resolve(context.cwd, input))),
    selection: selectionFrom(flags, [outputRoot, settings.home]),
    ...recipeFrom(context, open, flags, defaults),
    simulated,
    force: flags.force === true,
    run: {
      lane: flags.lane,
      maxConcurrent: flags.maxConcurrent ?? settings.maxConcurrent,
      maxRetries: flags.maxRetries ?? settings.maxRetries,
      timeoutMs: flags.timeout === undefined ? settings.timeoutMs : flags.timeout * 1000,
      ...deadlineOf(flags, open),
    },
    outputRoot,
    archive: 'none',
    ...(flags.groupBy !== undefined && { groupBy: flags.groupBy }),
    ...optimizeFrom(flags),
    name: flags.name ?? nameFor(inputs),
  };
}

const OPTIMIZATION_CALLS = 60;

function optimizeFrom(flags: RunFlags): Pick<StartRequest, 'optimize'> {
  const { enablePromptOptimization: isOn, optimizationCalls: calls } = flags;
  if (isOn) return { optimize: { calls: calls ?? OPTIMIZATION_CALLS } };
  if (calls === undefined) return {};
  throw new ProofsheetError(
    'usage',
    '--optimization-calls says how far to go with --enable-prompt-optimization; add that.',
  );
}

function deadlineOf({ lane, deadline }: RunFlags, { app }: OpenApp): { deadline?: number } {
  if (deadline === undefined) return {};
  if (lane !== 'batch') throw new ProofsheetError('usage', '--deadline is for --lane batch; the others do not wait.');
  return { deadline: nextTime(deadline, app.clock.now()) };
}

/** The last part of the first input. */
function nameFor(inputs: readonly string[]): string {
  const first =
    inputs[0]
      ?.replace(/[/\\]+$/, '')
      .split(/[/\\]/)
      .at(-1) ?? '';
  return inputs.length === 1 ? first : `${first} and ${inputs.length - 1} more`;
}

export function sayLoudly(context: CommandContext, settings: Settings): void {
  const why = settings.gemini.auth
    ? ''
    : ' No Gemini key or project is configured; set GEMINI_API_KEY for real results.';
  context.note(`SIMULATED: the built-in simulated model answers.${why}`);
  if (settings.recipe.judge === GECKO) {
    context.note(`SIMULATED: the judge ${GECKO} cannot be simulated; the built-in rubric judge takes its place.`);
  }
}

async function confirm(context: CommandContext): Promise<void> {
  if (!context.terminal.interactive) {
    throw new ProofsheetError('usage', '--force pays again for what is already done; add --yes to confirm.');
  }
  const answer = await context.terminal.ask('--force pays again for what is already done. Go on? [y/N] ');
  if (!/^y(es)?$/i.test(answer.trim())) throw new ProofsheetError('usage', 'Nothing was started.');
}
