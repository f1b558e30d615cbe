import { ProofsheetError } from '../domain/errors.ts';
import { GECKO } from '../domain/model-call.ts';
import type { Settings } from '../settings.ts';
import type { CommandContext } from './context.ts';

/** Whose results these will be, where no model of Google's answers. */
export function sayLoudly(context: CommandContext, settings: Settings): void {
  const why = settings.gemini.auth
    ? ''
    : ' No Gemini key or project is configured; set GEMINI_API_KEY for real results.';
  context.note(`SIMULATED: the built-in simulated model answers.${why}`);
  if (settings.recipe.judge === GECKO) {
    context.note(`SIMULATED: the judge ${GECKO} cannot be simulated; the built-in rubric judge takes its place.`);
  }
}

/** Asks whether to pay again. */
export async function confirm(context: CommandContext): Promise<void> {
  if (!context.terminal.interactive) {
    throw new ProofsheetError('usage', '--force pays again for what is already done; add --yes to confirm.');
  }
  const answer = await context.terminal.ask('--force pays again for what is already done. Go on? [y/N] ');
  if (!/^y(es)?$/i.test(answer.trim())) throw new ProofsheetError('usage', 'Nothing was started.');
}
