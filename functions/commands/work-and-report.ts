import { readBatch } from '../app/read-batch.ts';
import { refusedItems } from '../app/refused-items.ts';
import { workOff } from '../app/work-off.ts';
import { type Batch, type Counts, passRateOf } from '../domain/batch.ts';
import { dollars, unpricedModels } from '../domain/cost.ts';
import { archiveUri } from '../report/archive.ts';
import { compareWithEstimate } from '../report/measured-work.ts';
import { runDocument } from '../report/text-reports.ts';
import type { CommandContext, CommonFlags, ExitCode, OpenApp } from './context.ts';
import { followBatch } from './follow-batch.ts';
import { pauseReason, plural, summaryLines } from './terminal.ts';

interface WorkFlags extends CommonFlags {
  quiet?: boolean;
  minPassRate?: number;
}

/** Works the batch off here while showing its progress, then prints what it came to and sets the exit code. */
export async function workAndReport(
  context: CommandContext,
  open: OpenApp,
  batch: Batch,
  flags: WorkFlags,
): Promise<void> {
  const { app, deliveries } = open;
  warnOfUnknownPrices(context, open, batch);
  const over = new AbortController();
  const following = flags.quiet ? Promise.resolve() : followBatch(context, app, batch.id, over.signal);
  try {
    await workOff(app, deliveries, batch.id, batch.run.maxConcurrent);
  } finally {
    over.abort();
    await following;
  }
  await report(context, open, batch.id, flags);
}

/** Prints the end of a batch and sets the exit code. */
async function report(context: CommandContext, { app }: OpenApp, batchId: string, flags: WorkFlags): Promise<void> {
  const view = await readBatch(app, batchId, { recent: 0, running: 0 });
  const { batch, counts } = view;
  const now = app.clock.now();
  for (const line of endingLines(context, batch, counts)) context.note(line);
  const print = flags.json ? context.note : context.out;
  for (const line of summaryLines(view, now)) print(line);
  const estimate = estimateLine(batch, counts);
  if (estimate !== undefined) print(estimate);
  const refused = counts.skipped === 0 ? {} : await refusedItems(app, batchId);
  const reasons = Object.entries(refused).map(([code, count]) => `${count} ${code}`);
  if (reasons.length > 0) print(`refused: ${reasons.join(', ')}; the reasons are in failed/`);
  print(`Results  ${batch.outputDir}`);
  if (batch.report !== undefined) print(`Report   ${batch.report}`);
  if (batch.report !== undefined && batch.archive !== 'none') print(`Archive  ${archiveUri(app.files, batch)}`);
  if (flags.json) context.out(JSON.stringify({ ...runDocument(batch, counts, now), refused }, null, 2));
  // A check of a catalogue must not pass because its pictures could not be read.
  const missed = flags.minPassRate === undefined ? 0 : Object.values(refused).reduce((sum, count) => sum + count, 0);
  context.exit(exitCode(context, batch, { ...counts, error: counts.error + missed }, flags.minPassRate));
}

/** What was estimated, and how far off that was. */
function estimateLine(batch: Batch, counts: Counts): string | undefined {
  const compared = compareWithEstimate(batch, counts, batch.measured?.items ?? 0);
  if (compared === undefined || compared.error === null) return undefined;
  const { estimated, error, basedOn } = compared;
  const source = basedOn === 0 ? 'typical calls' : `${plural(basedOn, 'item')} of an earlier batch`;
  return `Estimate ${dollars(estimated.likely)} from ${source}; actual ${error < 0 ? '' : '+'}${(error * 100).toFixed(1)} %`;
}

function endingLines(context: CommandContext, batch: Batch, counts: Counts): string[] {
  if (batch.state === 'paused') {
    return [`Stopped: ${pauseReason(batch)}`, `Nothing is lost; \`proofsheet resume ${batch.id}\` goes on.`];
  }
  if (batch.state === 'running' && context.stop.aborted) {
    return [`Interrupted. Everything recorded is kept; \`proofsheet resume ${batch.id}\` goes on.`];
  }
  if (batch.state === 'finished' && counts.total === 0) {
    return [`There is nothing to work on in ${batch.inputs.join(', ')}; check the folder and --pattern.`];
  }
  if (batch.state === 'cancelled') return [`The batch was cancelled.`];
  if (counts.error > 0)
    return [`\`proofsheet resume ${batch.id} --errors\` takes the ${counts.error} that ended as error again.`];
  return [];
}

function exitCode(context: CommandContext, batch: Batch, counts: Counts, minPassRate: number | undefined): ExitCode {
  if (batch.state === 'running' && context.stop.aborted) return 130;
  if (batch.state !== 'finished') return 1;
  if (counts.total === 0) return 2;
  const rate = passRateOf(counts);
  if (minPassRate !== undefined && rate !== null && rate < minPassRate) return 3;
  return counts.error > 0 ? 3 : 0;
}

export function warnOfUnknownPrices(context: CommandContext, { app }: OpenApp, batch: Batch): void {
  const recipe = app.recipes[batch.recipe];
  const unknown = unpricedModels(recipe?.models(batch.recipeSettings) ?? [], app.prices, app.clock.now());
  for (const model of unknown) {
    context.note(
      `PRICE UNKNOWN for ${model}: its calls will be missing from the cost. Add it to prices in proofsheet.yaml.`,
    );
  }
}
