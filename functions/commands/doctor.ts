import { Command } from 'commander';
import { parseRecipeSettings, recipeNamed } from '../app/recipe-settings.ts';
import { unpricedModels } from '../domain/cost.ts';
import { type CommandContext, type CommonFlags, withApp } from './context.ts';

export function doctorCommand(context: CommandContext): Command {
  return new Command('doctor')
    .description('checks key, models, prices and storage; says what to do')
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags>();
      await withApp(context, flags, async (open, settings) => {
        const recipe = recipeNamed(open.app, 'fidelity');
        const models = recipe.models(parseRecipeSettings(recipe, settings.recipe));
        const checks = [...(await open.doctor()), ...(await open.app.models.check(models))];
        for (const model of unpricedModels(models, settings.prices, open.app.clock.now())) {
          checks.push({
            what: `price of ${model}`,
            ok: false,
            message: 'unknown; add it to prices in proofsheet.yaml',
          });
        }
        checks.push({ what: 'prices', ok: true, message: `as of ${settings.prices.asOf}` });
        if (flags.json) context.out(JSON.stringify(checks, null, 2));
        else for (const { what, ok, message } of checks) context.out(`${ok ? '✔' : '✘'} ${what}: ${message}`);
        context.exit(checks.every((check) => check.ok) ? 0 : 1);
      });
    });
}
