import type { Batch, Item } from '../domain/batch.ts';
import { ProofsheetError } from '../domain/errors.ts';
import type { StepEntry } from '../domain/journal.ts';
import type { App } from './app.ts';
import { trialSteps } from './optimizer-claim.ts';
import { frozenSteps, passName, withPrompt } from './prompt-trial.ts';

/** The recipe's settings for an item: with the version of the prompt that it was given, if any. */
export function settingsFor({ id, recipeSettings, optimization }: Batch, { prompt }: Item): Batch['recipeSettings'] {
  if (prompt === undefined) return recipeSettings;
  const wording = optimization?.versions.find(({ version }) => version === prompt.version)?.prompt;
  if (wording !== undefined) return withPrompt(recipeSettings, prompt.version, wording);
  throw new ProofsheetError(
    'internal',
    `Batch ${id} has no prompt of version ${prompt.version}; report this as a bug.`,
  );
}

/** Whether this is the first epoch of an item with its improved prompt: answers to the one before are not its own. */
export function hasNewPrompt({ prompt, epoch }: Item): boolean {
  return prompt?.since === epoch;
}

/**
 * What an item with a new prompt takes over where it asks the same: from its trial with this prompt everything, from the epoch before
 * what holds for every prompt.
 */
export async function offeredSteps(
  app: Pick<App, 'journal' | 'files'>,
  batch: Batch,
  item: Item,
): Promise<StepEntry[]> {
  const { prompt, reopenedFrom } = item;
  // One that was cancelled before it came to a step has not had them yet.
  if (prompt === undefined || (!hasNewPrompt(item) && reopenedFrom !== 'cancelled')) return [];
  const before = await app.journal.steps({ ...item, epoch: prompt.since - 1 });
  const tried = await trialSteps(app.files, batch.optimization, passName(prompt.version, item.id));
  return [...frozenSteps(before), ...tried];
}
