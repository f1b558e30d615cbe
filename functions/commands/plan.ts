import type { App } from '../app/app.ts';
import { planBatch as makePlan, type Plan } from '../app/plan-batch.ts';
import type { StartRequest } from '../app/start-batch.ts';
import type { CommandContext, CommonFlags } from './context.ts';
import { columnsOf, duration, plural } from './terminal.ts';

/** `run --dry-run`: what would be done, without a model call. */
export async function planBatch(
  context: CommandContext,
  app: App,
  request: StartRequest,
  flags: CommonFlags,
): Promise<void> {
  const plan = await makePlan(app, request);
  if (flags.json) {
    const { basedOn, ...rest } = plan;
    const { recipe, simulated } = request;
    context.out(JSON.stringify({ dry_run: true, recipe, simulated, ...rest, based_on: basedOn }, null, 2));
  } else for (const line of planLines(plan)) context.out(line);
}

/** A line for each lane: likely calls, tokens, dollars and time, with what they may range to. */
function laneLines({ lanes, basedOn, choice }: Plan): string[] {
  if (lanes === undefined || choice === undefined) return [];
  const lines = [columnsOf(['lane', 8], ['calls', 8], ['tokens', 12], ['dollars (low to high)', 34], ['time', 20])];
  for (const { lane, calls, tokens, usd, seconds } of lanes) {
    const price =
      usd === null
        ? 'price unknown, or not offered'
        : `${usd.likely.toFixed(4)} (${usd.low.toFixed(4)} to ${usd.high.toFixed(4)})`;
    const time = `${duration(seconds.likely * 1000)}, at most ${duration(seconds.high * 1000)}`;
    lines.push(columnsOf([lane, 8], [String(calls.likely), 8], [String(tokens.likely), 12], [price, 34], [time, 28]));
  }
  lines.push(`Choose ${choice.lane}: ${choice.reason}`);
  lines.push(
    basedOn === 0
      ? 'From typical calls; the first batch measures them.'
      : `Measured in an earlier batch of ${plural(basedOn ?? 0, 'item')}.`,
  );
  return lines;
}

function planLines(plan: Plan): string[] {
  const lines = [
    `Would work on ${plural(plan.items, 'item')}${plan.copies > 0 ? ` (${plan.copies} of them copies)` : ''} with ${plan.models.join(', ')}: ${plan.calls.least} to ${plan.calls.most} calls.`,
  ];
  lines.push(...laneLines(plan));
  for (const { source, code, message } of plan.refused) lines.push(`refused  ${source}  ${code}: ${message}`);
  for (const [reason, count] of Object.entries(plan.ignored)) lines.push(`left aside  ${count} ${reason}`);
  for (const model of plan.unpriced) lines.push(`PRICE UNKNOWN for ${model}: add it to prices in proofsheet.yaml.`);
  return lines;
}
