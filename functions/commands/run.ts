import { Command, Option } from 'commander';
import { startBatch } from '../app/start-batch.ts';
import { ProofsheetError } from '../domain/errors.ts';
import { type CommandContext, withApp } from './context.ts';
import { dollarsFrom, numberFrom, shareFrom, wholeFrom } from './parse-values.ts';
import { planBatch } from './plan.ts';
import { addRecipeFlags } from './recipe-flags.ts';
import { type RunFlags, requestFrom } from './run-request.ts';
import { addSelectionFlags } from './selection-flags.ts';
import { confirm, sayLoudly } from './start-notices.ts';
import { workAndReport } from './work-and-report.ts';
import { runWorkflow } from './workflow.ts';

export function runCommand(context: CommandContext): Command {
  return addRunFlags(new Command('run'))
    .description('work off images and documents: files, directories, globs or manifests')
    .action(async (inputs: string[], _flags: unknown, command: Command) => {
      const flags: RunFlags = command.optsWithGlobals();
      if (flags.workflow === undefined) await run(context, inputs, flags);
      else await runWorkflow(context, { command, inputs, flags, file: flags.workflow });
    });
}

/** `estimate`: the same words as `run`, but nothing is called or paid. */
export function estimateCommand(context: CommandContext): Command {
  return addRunFlags(new Command('estimate'))
    .description('calls, tokens, dollars and hours of a run for each lane, before anything is spent')
    .action(async (inputs: string[], _flags: unknown, command: Command) => {
      const flags: RunFlags = command.optsWithGlobals();
      if (flags.workflow !== undefined)
        throw new ProofsheetError('usage', 'Estimate the tasks of a workflow one by one.');
      await run(context, inputs, { ...flags, dryRun: true });
    });
}

function addRunFlags(command: Command): Command {
  command.argument('[inputs...]', 'files, directories, globs, or manifests (.json .jsonl .csv)');
  addRecipeFlags(command)
    .option('--input-dir <dir>', 'same as a positional input')
    .option('--files <files...>', 'same as positional inputs');
  return addSelectionFlags(command)
    .option('--max-concurrent <n>', 'items in work at once, up to 1000 (default: 5)', wholeFrom)
    .option('--max-retries <n>', 'tries of one model call, up to 20 (default: 5)', wholeFrom)
    .option('--timeout <seconds>', 'for one model call, 1 to 600 (default: 120)', numberFrom)
    .addOption(
      new Option('--lane <lane>', 'price and latency lane').choices(['standard', 'flex', 'batch']).default('standard'),
    )
    .option('--deadline <time>', 'for --lane batch: what is late by then, e.g. 09:00, is done call by call')
    .option('--enable-prompt-optimization', 'find a better prompt for what failed, try it, and work the rest with it')
    .option('--optimization-calls <n>', 'most calls for that (default: 60)', wholeFrom)
    .option('--max-spend <usd>', 'never spent more: the batch stops before the call that would', dollarsFrom)
    .option('--assume-price <usd>', 'what a call of unknown price counts as under --max-spend', dollarsFrom)
    .option('--group-by <column>', 'combine JSON results of items with the same value, e.g. post_id or folder')
    .option('--output-dir <dir>', 'results go to DIR/<batch id>/ (default: ./output)')
    .addOption(
      new Option('--archive-format <format>', 'all results in one file besides (default: none)').choices([
        'zip',
        'tar',
        'none',
      ]),
    )
    .option('--dry-run', 'everything but the model calls')
    .option('--simulate', 'the built-in simulated model instead of Gemini')
    .option('--force', 'redo items that are already done (asks, unless --yes)')
    .option('--min-pass-rate <share>', 'exit 3 below this share of passed items', shareFrom)
    .option('--name <name>', 'name of the batch')
    .option('--workflow <file>', 'tasks from a file, one after the other; see generate')
    .option('--yes', 'answer yes to questions')
    .option('--quiet', 'no progress');
}

async function run(context: CommandContext, inputs: string[], flags: RunFlags): Promise<void> {
  await withApp(context, flags, async (open, settings) => {
    const request = requestFrom(context, inputs, { flags, settings, open });
    if (request.simulated) sayLoudly(context, settings);
    if (flags.dryRun) return await planBatch(context, open.app, request, flags);
    if (flags.force && !flags.yes) await confirm(context);
    const { batch, joined } = await startBatch(open.app, request);
    if (joined) context.note(`Going on with the unfinished batch ${batch.id} of this command.`);
    await workAndReport(context, open, batch, flags);
  });
}
