import type { App } from '../app/app.ts';
import { planBatch as makePlan, type Plan } from '../app/plan-batch.ts';
import type { StartRequest } from '../app/start-batch.ts';
import type { CommandContext, CommonFlags } from './context.ts';
import { plural } from './terminal.ts';

/** `run --dry-run`: what would be done, without a model call. */
export async function planBatch(
  context: CommandContext,
  app: App,
  request: StartRequest,
  flags: CommonFlags,
): Promise<void> {
  const plan = await makePlan(app, request);
  if (flags.json)
    context.out(
      JSON.stringify({ dry_run: true, recipe: request.recipe, simulated: request.simulated, ...plan }, null, 2),
    );
  else for (const line of planLines(plan)) context.out(line);
}

function planLines(plan: Plan): string[] {
  const lines = [
    `Would work on ${plural(plan.items, 'item')} with ${plan.models.join(', ')}: ${plan.calls.least} to ${plan.calls.most} calls.`,
  ];
  for (const { source, code, message } of plan.refused) lines.push(`refused  ${source}  ${code}: ${message}`);
  for (const [reason, count] of Object.entries(plan.ignored)) lines.push(`left aside  ${count} ${reason}`);
  for (const model of plan.unpriced) lines.push(`PRICE UNKNOWN for ${model}: add it to prices in proofsheet.yaml.`);
  return lines;
}
