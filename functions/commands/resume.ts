import { Command } from 'commander';
import { batchNamed, batchToResume, resumeBatch } from '../app/control-batch.ts';
import { readBatch } from '../app/read-batch.ts';
import { workOff } from '../app/work-off.ts';
import { runDocument } from '../report/text-reports.ts';
import { type CommandContext, type CommonFlags, withApp } from './context.ts';
import { followBatch } from './follow-batch.ts';
import { dollarsFrom, shareFrom } from './parse-values.ts';
import { spendFrom } from './run-request.ts';
import { pauseReason, summaryLines } from './terminal.ts';
import { workAndReport } from './work-and-report.ts';

interface ResumeFlags extends CommonFlags {
  failed?: boolean;
  errors?: boolean;
  quiet?: boolean;
  minPassRate?: number;
  maxSpend?: number;
  assumePrice?: number;
}

export function resumeCommand(context: CommandContext): Command {
  return new Command('resume')
    .description('go on with unfinished items')
    .argument('[batch]', 'id (default: the newest unfinished)')
    .option('--failed', 'also items below the threshold, from the start')
    .option('--errors', 'also items that ended as error; useful answers are kept')
    .option('--min-pass-rate <share>', 'exit 3 below this share of passed items', shareFrom)
    .option('--max-spend <usd>', 'another spend ceiling', dollarsFrom)
    .option('--assume-price <usd>', 'what a call of unknown price counts as under --max-spend', dollarsFrom)
    .option('--quiet', 'no progress')
    .action(async (id: string | undefined, _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<ResumeFlags>();
      await withApp(context, flags, async (open) => {
        const named = await batchToResume(open.app, id);
        const options = { failed: flags.failed === true, errors: flags.errors === true, spend: spendFrom(flags) };
        const { batch, reopened } = await resumeBatch(open.app, named.id, options);
        if (reopened > 0) context.note(`Settled items that are taken again: ${reopened}.`);
        await workAndReport(context, open, batch, flags);
      });
    });
}

export function watchCommand(context: CommandContext): Command {
  return new Command('watch')
    .description('live progress of a running batch')
    .argument('[batch]', 'id (default: the newest)')
    .action(async (id: string | undefined, _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags>();
      await withApp(context, flags, async ({ app, deliveries }) => {
        const { id: batchId, run, state } = await batchNamed(app, id);
        const over = new AbortController();
        const following = followBatch(context, app, batchId, AbortSignal.any([over.signal, context.stop]));
        // Jobs go on while nobody looks, but only who looks reads what they answered.
        if (run.lane === 'batch' && state === 'running') await workOff(app, deliveries, batchId, run.maxConcurrent);
        while (!context.stop.aborted && (await app.batches.get(batchId))?.state === 'running') {
          await app.clock.sleep(200, context.stop).catch(() => undefined);
        }
        over.abort();
        await following;
        const view = await readBatch(app, batchId, { recent: 0, running: 0 });
        if (view.batch.state === 'paused') context.note(`Paused: ${pauseReason(view.batch)}`);
        if (flags.json) context.out(JSON.stringify(runDocument(view.batch, view.counts, app.clock.now()), null, 2));
        else for (const line of summaryLines(view, app.clock.now())) context.out(line);
        if (view.batch.report !== undefined && !flags.json) context.out(`Report   ${view.batch.report}`);
      });
    });
}
