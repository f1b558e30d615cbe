import { z } from 'zod';
import type { FailureGroup, PromptVersion } from '../domain/optimization.ts';
import type { Recipe } from '../engine/recipe.ts';
import { promptText, quoted } from './prompt-template.ts';
import { columnsIn } from './user-prompt.ts';

/** What a model is told to find a better prompt by. Names and sources of items are not among it. */
export interface Failures {
  model: string;
  prompt: string;
  group: FailureGroup;
  items: number;
  examples: { code: string; message: string; mistakes: string[] }[];
  tried: Pick<PromptVersion, 'prompt' | 'why'>[];
}

const proposalSchema = z.object({
  diagnosis: z.string().max(1000),
  direction: z.enum(['more_specific', 'simpler']),
  prompt: z.string().trim().min(1).max(20_000),
});
export type Proposal = z.infer<typeof proposalSchema>;

const PROPOSE = promptText('propose');

const KINDS: Record<FailureGroup, string> = {
  refused: 'the model refused to answer',
  wrong_shape: 'the answer did not have the form that was asked for',
  empty: 'the model answered nothing',
  below_threshold: 'the picture that was made did not show what was asked for',
};

/**
 * Asks once for a better prompt. A recipe, so that its answer is journaled and replayed as any other; the proposal is its result. Its
 * input is not looked at.
 */
export function proposing(failures: Failures): Recipe {
  const { model, prompt, group, items, examples, tried } = failures;
  return {
    name: 'propose',
    version: 1,
    settings: z.unknown(),
    intake: () => 'bytes',
    columns: () => [],
    stepCap: 5,
    models: () => [model],
    callsPerItem: () => ({ least: 1, most: 2 }),
    async run(context) {
      const text = [
        `The prompt, as a JSON string:\n${quoted(prompt)}`,
        `What goes wrong: ${KINDS[group]}, with ${items} files. Examples, as JSON:\n${quoted(examples)}`,
        ...(tried.length > 0 ? [`Prompts that were tried and why they were rejected, as JSON:\n${quoted(tried)}`] : []),
      ].join('\n\n');
      const shape = proposalSchema.refine((proposal) => isUsable(proposal.prompt, prompt), {
        path: ['prompt'],
        message: 'must be another prompt, with no column that the given one does not have',
      });
      const { value } = await context.json('propose', { model, system: PROPOSE, parts: [{ text }] }, shape);
      return { state: 'passed', score: null, message: 'Proposed.', result: { kind: 'json', value }, attempts: [] };
    },
  };
}

/** The proposal in the outcome of such a pass. */
export function proposalIn(result: unknown): Proposal {
  return proposalSchema.parse(result);
}

function isUsable(proposed: string, before: string): boolean {
  const known = columnsIn(before);
  return proposed.trim() !== before.trim() && columnsIn(proposed).every((column) => known.includes(column));
}
