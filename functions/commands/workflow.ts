import { basename, dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { writePassedItems } from '../app/passed-items.ts';
import { startBatch } from '../app/start-batch.ts';
import type { Batch } from '../domain/batch.ts';
import { ProofsheetError } from '../domain/errors.ts';
import { sha256 } from '../lib/hash.ts';
import type { Settings } from '../settings.ts';
import { type CommandContext, type ExitCode, type OpenApp, withApp } from './context.ts';
import { planBatch } from './plan.ts';
import { type RunFlags, requestFrom } from './run-request.ts';
import { confirm, sayLoudly } from './start-notices.ts';
import { plural } from './terminal.ts';
import { workAndReport } from './work-and-report.ts';
import { readWorkflow, type WorkflowTask } from './workflow-file.ts';

/** The worst of several ends; the first of these that was met. */
const WORST: readonly ExitCode[] = [130, 1, 2, 3, 0];
/** After these a later task has nothing sound to go on with. */
const STOPS: readonly ExitCode[] = [130, 1];

interface WorkflowRun {
  context: CommandContext;
  open: OpenApp;
  settings: Settings;
  file: string;
  name: string;
  flags: RunFlags;
  /** Batches of the tasks before, by task. */
  batches: Map<string, Batch>;
}

/** `run --workflow`: each task is a batch; a flag on the command line stands above what the file says. */
export async function runWorkflow(
  context: CommandContext,
  of: { command: Command; inputs: readonly string[]; flags: RunFlags; file: string },
): Promise<void> {
  const file = resolve(context.cwd, of.file);
  if (of.inputs.length > 0) {
    throw new ProofsheetError('usage', 'The inputs of a workflow stand in its tasks; leave them out of the command.');
  }
  const workflow = readWorkflow(file, of.command);
  const name = workflow.name ?? basename(file).replace(/\.ya?ml$/, '');
  const codes: ExitCode[] = [];
  const documents: unknown[] = [];
  const inner: CommandContext = {
    ...context,
    cwd: dirname(file),
    out: (text, options) => {
      if (of.flags.json) documents.push(JSON.parse(text));
      else context.out(text, options);
    },
    exit: (code) => void codes.push(code),
  };
  await withApp(context, of.flags, async (open, settings) => {
    const flags =
      of.flags.outputDir === undefined
        ? of.flags
        : { ...of.flags, outputDir: resolve(context.cwd, of.flags.outputDir) };
    if (flags.force && !flags.yes) await confirm(context);
    const run: WorkflowRun = { context: inner, open, settings, file, name, flags, batches: new Map() };
    for (const [index, task] of workflow.tasks.entries()) {
      context.note(`Task ${index + 1} of ${workflow.tasks.length}: ${task.name}`);
      const merged = { ...flags, ...task.flags, ...saidOutright(of.command, flags) };
      await runTask(run, task, merged);
      if (codes.some((code) => STOPS.includes(code))) break;
    }
  });
  if (of.flags.json) context.out(JSON.stringify({ workflow: name, tasks: documents }, null, 2));
  context.exit(WORST.find((code) => codes.includes(code)) ?? 0);
}

/** Flags that were given on the command line, not those that have their value by default. */
function saidOutright(command: Command, flags: RunFlags): Partial<RunFlags> {
  const said = Object.entries(flags).filter(([flag]) => command.getOptionValueSourceWithGlobals(flag) === 'cli');
  return Object.fromEntries(said);
}

async function runTask(run: WorkflowRun, task: WorkflowTask, flags: RunFlags): Promise<void> {
  const { context, open, settings } = run;
  const inputs = task.inputsFrom === undefined ? (task.inputs ?? []) : await passedOf(run, task.inputsFrom);
  if (inputs === undefined) return;
  const request = requestFrom(context, inputs, {
    flags: { ...flags, name: `${run.name}: ${task.name}` },
    settings,
    open,
  });
  // What an earlier task made is an input where the workflow says so.
  if (task.inputsFrom !== undefined) request.selection = { ...request.selection, exclude: [] };
  if (request.simulated && run.batches.size === 0) sayLoudly(context, settings);
  if (flags.dryRun) return await planBatch(context, open.app, request, flags);
  const { batch, joined } = await startBatch(open.app, request);
  if (joined) context.note(`Going on with the unfinished batch ${batch.id} of this task.`);
  run.batches.set(task.name, batch);
  await workAndReport(context, open, batch, flags);
}

/** A manifest of what passed in an earlier task; undefined where there is nothing to go on with. */
async function passedOf(
  { context, open, settings, file, flags, batches }: WorkflowRun,
  { task, take }: NonNullable<WorkflowTask['inputsFrom']>,
): Promise<string[] | undefined> {
  const batch = batches.get(task);
  if (batch === undefined) {
    context.note(flags.dryRun ? `It takes what passes in ${task}.` : `There is nothing to do: ${task} was not run.`);
    return undefined;
  }
  // At the same place each time, so that the same workflow is the same command.
  const uri = join(settings.home, 'workflows', sha256(Buffer.from(file)).slice(0, 16), `${task}-${take}.jsonl`);
  const items = await writePassedItems(open.app, batch, { uri, take });
  if (items > 0) {
    context.note(`It goes on with ${plural(items, 'passed item')} of ${task}.`);
    return [uri];
  }
  context.note(`There is nothing to do: no item of ${task} passed.`);
  context.exit(3);
  return undefined;
}
