import { writeFileSync } from 'node:fs';
import { relative, resolve, sep } from 'node:path';
import { Command, Option } from 'commander';
import { ProofsheetError } from '../domain/errors.ts';
import type { CommandContext } from './context.ts';

interface GenerateFlags {
  inputDir?: string;
  files?: string[];
  pattern?: string[];
  recipe?: string;
  prompt?: string;
  outputType?: string;
  name?: string;
  output: string;
  force?: boolean;
}

export function generateCommand(context: CommandContext): Command {
  return new Command('generate')
    .description('write a workflow file, with comments that say what it can do; run --workflow runs it')
    .argument('[inputs...]', 'files, directories, globs, or manifests')
    .option('--input-dir <dir>', 'same as a positional input')
    .option('--files <files...>', 'same as positional inputs')
    .option('--pattern <glob...>', 'which files of a directory')
    .option('--recipe <name>', 'what is done with every item (default: fidelity; prompt with --prompt)')
    .option('--prompt <text>', 'base prompt for every item')
    .addOption(new Option('--output-type <type>', 'what prompt asks for').choices(['text', 'json', 'image']))
    .option('--name <name>', 'name of the workflow')
    .option('--output <file>', 'file to write', 'workflow.yaml')
    .option('--force', 'write over a file that is there')
    .action((positional: string[], _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<GenerateFlags>();
      const path = resolve(context.cwd, flags.output);
      const inputs = [...positional, ...(flags.files ?? []), ...(flags.inputDir === undefined ? [] : [flags.inputDir])];
      write(
        path,
        workflowText(
          flags,
          inputs.map((input) => fromFile(context.cwd, path, input)),
        ),
        flags.force === true,
      );
      context.note(`Wrote ${path}. Look it over, then run it: proofsheet run --workflow ${flags.output}`);
    });
}

/** As the workflow file names it: from its own folder. */
function fromFile(cwd: string, path: string, input: string): string {
  if (input.startsWith('gs://')) return input;
  return relative(resolve(path, '..'), resolve(cwd, input)).split(sep).join('/') || '.';
}

function write(path: string, text: string, isForced: boolean): void {
  try {
    writeFileSync(path, text, { flag: isForced ? 'w' : 'wx' });
  } catch (cause) {
    const isThere = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    const why = isThere
      ? 'is there already; choose another with --output, or add --force'
      : 'cannot be written; check the folder';
    throw new ProofsheetError('usage', `${path} ${why}.`, { cause });
  }
}

/** JSON texts are YAML texts. */
const quoted = (value: string) => JSON.stringify(value);

function workflowText(flags: GenerateFlags, inputs: readonly string[]): string {
  const recipe = flags.recipe ?? (flags.prompt === undefined ? 'fidelity' : 'prompt');
  const prompt = flags.prompt ?? (recipe === 'prompt' ? 'Describe this file in two sentences.' : undefined);
  const listed = inputs.length > 0 ? inputs : ['photos'];
  return `# A workflow of proofsheet: tasks that are run one after the other, each as a batch of its own.
#
#   proofsheet run --workflow workflow.yaml              runs it
#   proofsheet run --workflow workflow.yaml --dry-run    says what it would do, without a call
#   proofsheet run --workflow workflow.yaml --simulate   with the built-in simulated model, at no cost
#
# Given again, it goes on where it stood and leaves alone what is done. Paths count from the folder of this file.
# A task may say whatever a flag of \`run\` says, in camel case: --max-concurrent is maxConcurrent. A flag on the
# command line stands above this file, a task above the defaults.

name: ${quoted(flags.name ?? 'My workflow')}

# For all tasks.
defaults:
  maxConcurrent: 5        # items in work at once
  # maxRetries: 5         # tries of one model call
  # timeout: 120          # seconds for one model call
  # archiveFormat: zip    # all results in one file besides: zip, tar or none

tasks:
  - name: first
    # Files, folders, globs, gs://bucket/prefix, or manifests: tables (.csv) and lists (.json, .jsonl) that name files.
    inputs:
${listed.map((input) => `      - ${quoted(input)}`).join('\n')}
${patternText(flags.pattern)}
    # recursive: false      # leave subfolders out
    # maxFileSize: 20MB     # larger files are refused
    # limit: 10             # the first ten only; sample: 10 takes ten by chance

    # What is done with every file:
    #   fidelity   describe the product, generate a picture of it, judge that, refine
    #   prompt     ask your prompt about it; outputType is text, json or image
    #   analyze    a product picture into JSON, by schema: my-schema.json or a built-in one
    recipe: ${quoted(recipe)}
${promptLine(prompt, recipe)}
${outputLine(flags.outputType, recipe)}
    # threshold: 0.7        # passing score of generated pictures
    # maxAttempts: 3        # pictures that are tried for an item
    # groupBy: post_id      # combine JSON results of items with the same value in a column
    # enablePromptOptimization: true    # find a better prompt for what failed

  # A task may go on with what passed in an earlier one: with the files themselves, or with what was made of them.
  # - name: second
  #   inputsFrom: { task: first, take: sources }     # or take: results
  #   recipe: analyze
  #   groupBy: folder
`;
}

function patternText(patterns: readonly string[] | undefined): string {
  if (patterns === undefined) return '    # pattern: ["*.jpg", "!draft-*"]     # which files of a folder; ! leaves out';
  return `    pattern: [${patterns.map(quoted).join(', ')}]     # which files of a folder; ! leaves out`;
}

function promptLine(prompt: string | undefined, recipe: string): string {
  const about = '# {{name}} is the file name, {{title}} a column of the manifest';
  if (prompt !== undefined) return `    ${about}\n    prompt: ${quoted(prompt)}`;
  const example = recipe === 'fidelity' ? 'on a wooden table in soft daylight' : 'Pay attention to the material.';
  return `    # prompt: ${quoted(example)}    ${about}`;
}

function outputLine(outputType: string | undefined, recipe: string): string {
  if (outputType !== undefined) return `    outputType: ${outputType}`;
  return recipe === 'prompt'
    ? '    outputType: text      # or json, or image'
    : '    # outputType: text    # for prompt';
}
