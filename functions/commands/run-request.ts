import { resolve } from 'node:path';
import type { ResumeOptions } from '../app/control-batch.ts';
import type { StartRequest } from '../app/start-batch.ts';
import { ProofsheetError } from '../domain/errors.ts';
import type { LaneName } from '../domain/model-call.ts';
import type { Settings } from '../settings.ts';
import type { CommandContext, CommonFlags, OpenApp } from './context.ts';
import { nextTime } from './parse-values.ts';
import { type RecipeFlags, recipeFrom } from './recipe-flags.ts';
import { type SelectionFlags, selectionFrom } from './selection-flags.ts';

/** Flags of `run`. */
export interface RunFlags extends CommonFlags, RecipeFlags, SelectionFlags {
  inputDir?: string;
  files?: string[];
  maxConcurrent?: number;
  maxRetries?: number;
  timeout?: number;
  lane: LaneName;
  maxSpend?: number;
  assumePrice?: number;
  deadline?: string;
  groupBy?: string;
  outputDir?: string;
  enablePromptOptimization?: boolean;
  optimizationCalls?: number;
  archiveFormat?: StartRequest['archive'];
  dryRun?: boolean;
  simulate?: boolean;
  force?: boolean;
  minPassRate?: number;
  name?: string;
  workflow?: string;
  yes?: boolean;
  quiet?: boolean;
}

/** What flags and settings ask for. */
export function requestFrom(
  context: Pick<CommandContext, 'cwd'>,
  positional: readonly string[],
  { flags, settings, open }: { flags: RunFlags; settings: Settings; open: OpenApp },
): StartRequest {
  const inputs = [...positional, ...(flags.files ?? []), ...(flags.inputDir === undefined ? [] : [flags.inputDir])];
  if (inputs.length === 0)
    throw new ProofsheetError('usage', 'Nothing to work on: name a file or folder, as in `proofsheet run photos`.');
  const simulated = flags.simulate === true || settings.gemini.auth === undefined;
  const outputRoot = flags.outputDir === undefined ? settings.outputDir : resolve(context.cwd, flags.outputDir);
  const defaults = { ...settings.recipe, ...(simulated && open.simulatedSettings) };
  return {
    inputs: inputs.map((input) => (input.startsWith('gs://') ? input : resolve(context.cwd, input))),
    selection: selectionFrom(flags, settings, [outputRoot, settings.home]),
    ...recipeFrom(context, open, flags, defaults),
    simulated,
    force: flags.force === true,
    run: {
      lane: flags.lane,
      maxConcurrent: flags.maxConcurrent ?? settings.maxConcurrent,
      maxRetries: flags.maxRetries ?? settings.maxRetries,
      timeoutMs: flags.timeout === undefined ? settings.timeoutMs : flags.timeout * 1000,
      ...deadlineOf(flags, open),
      ...spendFrom(flags),
    },
    outputRoot,
    archive: flags.archiveFormat ?? settings.archiveFormat,
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

/** Ceilings, of which those that are not given stay as they are. */
export function spendFrom(flags: Pick<RunFlags, 'maxSpend' | 'assumePrice'>): ResumeOptions['spend'] & object {
  return {
    ...(flags.maxSpend !== undefined && { maxSpendNano: flags.maxSpend }),
    ...(flags.assumePrice !== undefined && { assumedCallNano: flags.assumePrice }),
  };
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
