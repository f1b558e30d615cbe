import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { z } from 'zod';
import { ProofsheetError } from '../domain/errors.ts';
import { readYaml, shapedYaml } from '../lib/yaml-shape.ts';

/** Flags of `run` that are said on the command line or for the workflow as a whole, never for a task. */
const NOT_IN_FILES = [
  'workflow',
  'inputDir',
  'files',
  'name',
  'dryRun',
  'simulate',
  'force',
  'yes',
  'quiet',
  'json',
  'home',
  'config',
];

const inputsFromSchema = z.union([
  z.string().transform((task) => ({ task, take: 'sources' as const })),
  z.strictObject({ task: z.string(), take: z.enum(['sources', 'results']).default('sources') }),
]);

const oneOrMore = z.union([z.string().transform((one) => [one]), z.array(z.string())]);

const taskSchema = z.object({
  name: z.string().regex(/^[\w-]+$/, 'must be made of letters, digits, _ and -'),
  inputs: oneOrMore.optional(),
  inputsFrom: inputsFromSchema.optional(),
});

/** Tasks that are run one after the other. */
export interface Workflow {
  name: string | undefined;
  tasks: WorkflowTask[];
}
export type WorkflowTask = z.infer<typeof taskSchema> & {
  /** Flags of `run` as they were said for this task, over those said for all. */
  flags: Record<string, unknown>;
};

/** Reads a workflow whose tasks say what flags of `run` say; fails with `usage` and the lines and columns of what is wrong. */
export function readWorkflow(path: string, run: Command): Workflow {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ProofsheetError('usage', `The workflow ${path} cannot be read; check the path.`, { cause });
  }
  const read = readYaml(text);
  if ('problem' in read) throw new ProofsheetError('usage', `${path}, ${read.problem}: no valid YAML; correct it.`);
  const shaped = shapedYaml(read, workflowSchema(run));
  if ('problems' in shaped) throw new ProofsheetError('usage', `${path}, ${shaped.problems.join('; ')}.`);
  return shaped.value;
}

function workflowSchema(run: Command): z.ZodType<Workflow> {
  const members = Object.fromEntries(
    run.options
      .filter((option) => !NOT_IN_FILES.includes(option.attributeName()))
      .map((option) => [option.attributeName(), valueSchema(option).optional()]),
  );
  const flags = z.strictObject(members);
  const task = z
    .strictObject({ ...taskSchema.shape, ...members })
    .transform(({ name, inputs, inputsFrom, ...rest }) => ({
      ...{ name: String(name), inputs, inputsFrom, flags: rest as Record<string, unknown> },
    }));
  return z
    .strictObject({ name: z.string().optional(), defaults: flags.optional(), tasks: z.array(task).min(1) })
    .superRefine(({ tasks }, issues) => {
      for (const [index, { name, inputs, inputsFrom }] of tasks.entries()) {
        const say = (message: string, member: string) =>
          issues.addIssue({ code: 'custom', path: ['tasks', index, member], message });
        const earlier = tasks.slice(0, index).map((one) => one.name);
        if (earlier.includes(name)) say(`there are two tasks called "${name}"`, 'name');
        if ((inputs === undefined) === (inputsFrom === undefined))
          say('a task has either inputs or inputsFrom', 'inputs');
        if (inputsFrom !== undefined && !earlier.includes(inputsFrom.task)) {
          say(`there is no task "${inputsFrom.task}" before this one`, 'inputsFrom');
        }
      }
    })
    .transform(({ name, defaults = {}, tasks }) => ({
      name,
      tasks: tasks.map(({ flags: own, inputs, inputsFrom, ...of }) => ({
        ...of,
        ...(inputs !== undefined && { inputs }),
        ...(inputsFrom !== undefined && { inputsFrom }),
        flags: { ...given(defaults), ...given(own) },
      })),
    }));
}

/** The value of a flag as YAML has it, through the flag's own reading. */
function valueSchema(option: Option): z.ZodType {
  if (option.isBoolean() || option.negate) return z.boolean();
  if (option.variadic) return oneOrMore;
  return z.union([z.string(), z.number()], { error: 'must be a text or a number' }).transform((value, context) => {
    try {
      const parse = option.parseArg as ((text: string, before: unknown) => unknown) | undefined;
      return parse ? parse(String(value), undefined) : String(value);
    } catch (thrown) {
      if (!(thrown instanceof InvalidArgumentError)) throw thrown;
      context.addIssue({ code: 'custom', message: thrown.message });
      return z.NEVER;
    }
  });
}

function given(flags: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
}
