import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { checkUse, recipeNamed } from '../app/recipe-settings.ts';
import { ProofsheetError } from '../domain/errors.ts';
import { decodeText, textEncodingOf } from '../lib/text-encoding.ts';
import type { CommandContext, OpenApp } from './context.ts';
import { shareFrom, wholeFrom } from './parse-values.ts';

/** Flags that say what is done with every item. */
export interface RecipeFlags {
  recipe?: string;
  prompt?: string;
  promptFile?: string;
  outputType?: string;
  schema?: string;
  threshold?: number;
  maxAttempts?: number;
  aspectRatio?: string;
}

export function addRecipeFlags(command: Command): Command {
  return command
    .option(
      '--recipe <name>',
      'what is done with every item: fidelity, prompt, analyze, embed (default: fidelity; prompt with --prompt)',
    )
    .option('--prompt <text>', 'base prompt for every item; {{name}} and other {{columns}} are filled in')
    .option('--prompt-file <file>', 'base prompt from a file')
    .addOption(
      new Option('--output-type <type>', 'what prompt asks the model for (default: text)').choices([
        'text',
        'json',
        'image',
      ]),
    )
    .option('--schema <file>', 'JSON Schema of the answers, for analyze and for --output-type json')
    .option('--threshold <score>', 'passing score, 0 to 1 (default: 0.7)', shareFrom)
    .option('--max-attempts <n>', 'generate + evaluate rounds per item (default: 3)', wholeFrom)
    .option('--aspect-ratio <ratio>', 'of generated images, e.g. 4:5');
}

/** The recipe and its settings: flags over `defaults`. A flag that changes nothing is a mistake and said so. */
export function recipeFrom(
  context: Pick<CommandContext, 'cwd'>,
  open: Pick<OpenApp, 'app'>,
  flags: RecipeFlags,
  defaults: Record<string, unknown>,
): { recipe: string; recipeSettings: Record<string, unknown> } {
  const { threshold, maxAttempts, aspectRatio, outputType } = flags;
  const prompt = flags.prompt ?? promptFrom(context, flags.promptFile);
  const schema = schemaFrom(context, flags.schema);
  const given = defined({ threshold, maxAttempts, aspectRatio, outputType, prompt, schema });
  const name = flags.recipe ?? (prompt === undefined ? 'fidelity' : 'prompt');
  const recipeSettings = { ...defaults, ...given };
  checkUse(recipeNamed(open.app, name), recipeSettings, Object.keys(given));
  return { recipe: name, recipeSettings };
}

function promptFrom(context: Pick<CommandContext, 'cwd'>, file: string | undefined): string | undefined {
  return file === undefined ? undefined : textOf(context, 'prompt', file).trim();
}

function schemaFrom(context: Pick<CommandContext, 'cwd'>, file: string | undefined): unknown {
  if (file === undefined) return undefined;
  try {
    return JSON.parse(textOf(context, 'schema', file));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new ProofsheetError('usage', `The schema file ${file} is no JSON (${cause.message}); correct it.`, { cause });
  }
}

function textOf(context: Pick<CommandContext, 'cwd'>, what: string, file: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(resolve(context.cwd, file));
  } catch (cause) {
    throw new ProofsheetError('usage', `The ${what} file ${file} cannot be read; check the path.`, { cause });
  }
  const encoding = textEncodingOf(bytes);
  if (encoding !== undefined) return decodeText(bytes, encoding);
  throw new ProofsheetError('usage', `The ${what} file ${file} holds no text; save it as UTF-8.`);
}

function defined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
