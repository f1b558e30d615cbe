import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Command, Option } from 'commander';
import type { App } from '../app/app.ts';
import { batchNamed, cancelBatch } from '../app/control-batch.ts';
import { settledItems } from '../app/finalize-batch.ts';
import { readBatch, readItem } from '../app/read-batch.ts';
import { workOff } from '../app/work-off.ts';
import { ITEM_STATES, type ItemState } from '../domain/batch.ts';
import { withOptimizer } from '../domain/batch-spending.ts';
import { dollars } from '../domain/cost.ts';
import { ProofsheetError } from '../domain/errors.ts';
import { EXPORT_FORMATS, type ExportFormat, renderExport, runDocument } from '../report/text-reports.ts';
import { type CommandContext, type CommonFlags, withApp } from './context.ts';
import { wholeFrom } from './parse-values.ts';
import { columnsOf, costText, pauseReason, settledLine, summaryLines } from './terminal.ts';

export function listCommand(context: CommandContext): Command {
  return new Command('list')
    .description('batches, newest first')
    .option('--limit <n>', 'how many', wholeFrom, 50)
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags & { limit: number }>();
      await withApp(context, flags, async ({ app }) => {
        const batches = await app.batches.list({ limit: flags.limit });
        const documents = await Promise.all(
          batches.map(async (batch) => ({ batch, counts: await app.batches.counts(batch.id) })),
        );
        if (flags.json) {
          const now = app.clock.now();
          context.out(
            JSON.stringify(
              documents.map(({ batch, counts }) => runDocument(batch, counts, now)),
              null,
              2,
            ),
          );
          return;
        }
        if (documents.length === 0) context.out('No batches yet; start one with `proofsheet run`.');
        for (const { batch, counts } of documents) {
          const done = `${counts.passed} of ${counts.total} passed${counts.error > 0 ? `, ${counts.error} error` : ''}`;
          const state = batch.cancelRequested && batch.state === 'running' ? 'cancelling' : batch.state;
          context.out(
            columnsOf([batch.id, 20], [state, 10], [batch.recipe, 9], [done, 22], [batch.name, 24]) +
              costText(withOptimizer(batch, counts)),
          );
        }
      });
    });
}

interface ShowFlags extends CommonFlags {
  state?: ItemState;
  item?: string;
}

export function showCommand(context: CommandContext): Command {
  return new Command('show')
    .description('one batch: counts, score, cost, items')
    .argument('[batch]', 'id (default: the newest)')
    .addOption(new Option('--state <state>', 'items of this state').choices(ITEM_STATES))
    .option('--item <id>', 'one item (id, name or source) with its journal')
    .action(async (id: string | undefined, _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<ShowFlags>();
      await withApp(context, flags, async ({ app }) => {
        const batch = await batchNamed(app, id);
        if (flags.item !== undefined) await showItem(context, app, batch.id, flags.item, flags);
        else await showBatch(context, app, batch.id, flags);
      });
    });
}

async function showBatch(context: CommandContext, app: App, batchId: string, flags: ShowFlags): Promise<void> {
  const view = await readBatch(app, batchId, { recent: 0, running: 0 });
  const now = app.clock.now();
  if (flags.json) return context.out(JSON.stringify(runDocument(view.batch, view.counts, now), null, 2));
  const { batch } = view;
  context.out(`${batch.id}  ${batch.name}  ${batch.recipe}  ${batch.state}${batch.simulated ? '  SIMULATED' : ''}`);
  if (batch.pause) context.out(`paused: ${pauseReason(batch)}`);
  if (batch.cancelReason) context.out(batch.cancelReason);
  for (const line of summaryLines(view, now)) context.out(line);
  context.out(`results  ${batch.outputDir}`);
  if (batch.report) context.out(`report   ${batch.report}`);
  for await (const { item } of settledItems(app, batchId)) {
    if (flags.state !== undefined && item.state !== flags.state) continue;
    context.out(
      item.summary && item.settledAt !== undefined ? settledLine(item) : `  ${columnsOf([item.name, 28])}${item.state}`,
    );
  }
}

async function showItem(
  context: CommandContext,
  app: App,
  batchId: string,
  wanted: string,
  flags: ShowFlags,
): Promise<void> {
  const { item, steps, detail } = await readItem(app, batchId, wanted);
  if (flags.json) return context.out(JSON.stringify({ item, steps, detail }, null, 2));
  context.out(`${item.name}  ${item.state}  ${item.source}`);
  if (item.summary) context.out(`${item.summary.code ? `${item.summary.code}: ` : ''}${item.summary.message}`);
  for (const step of steps) {
    const cost = step.costNano === null ? 'price unknown' : dollars(step.costNano);
    context.out('');
    context.out(
      `${columnsOf([step.key, 18], [step.paid.modelVersion, 26], [`${(step.tookMs / 1000).toFixed(1)}s`, 7], [cost, 13])}tries ${step.tries}`,
    );
    for (const part of step.request.parts)
      context.out(
        indent('text' in part ? part.text : `[file ${part.file.sha256.slice(0, 12)}, ${part.file.mimeType}]`),
      );
    const answer = step.outcome.ok
      ? (step.outcome.text ?? `[picture ${step.outcome.file?.sha256.slice(0, 12) ?? ''}]`)
      : `${step.outcome.code}: ${step.outcome.message}`;
    context.out(indent(`→ ${answer}`));
  }
}

export function cancelCommand(context: CommandContext): Command {
  return new Command('cancel')
    .description('end a batch; what is done stays done')
    .argument('<batch>', 'id')
    .action(async (id: string, _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags>();
      await withApp(context, flags, async ({ app, deliveries }) => {
        await cancelBatch(app, id);
        const batch = await workOff(app, deliveries, id, 4);
        const counts = await app.batches.counts(id);
        if (flags.json) context.out(JSON.stringify(runDocument(batch, counts, app.clock.now()), null, 2));
        else if (batch.state !== 'cancelled') {
          context.out(`Batch ${id} could not be ended: ${batch.pause?.message ?? `it is ${batch.state}`}`);
          context.exit(1);
        } else
          context.out(
            `Batch ${id} is ${batch.state}: ${counts.cancelled} cancelled, ${counts.passed} passed before. Report ${batch.report ?? ''}`,
          );
      });
    });
}

export function exportCommand(context: CommandContext): Command {
  return new Command('export')
    .description('results of a batch as a file or on standard output')
    .argument('[batch]', 'id (default: the newest)')
    .addOption(new Option('--format <format>').choices(EXPORT_FORMATS).default('json'))
    .option('--output <file>', 'file to write (default: standard output)')
    .option('--group-by <column>', 'combine JSON results of items with the same value')
    .action(async (id: string | undefined, _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<
        CommonFlags & { format: ExportFormat; output?: string; groupBy?: string }
      >();
      await withApp(context, flags, async ({ app }) => {
        const stored = await batchNamed(app, id);
        const batch = flags.groupBy === undefined ? stored : { ...stored, groupBy: flags.groupBy };
        const counts = await app.batches.counts(batch.id);
        const text = renderExport(flags.format, batch, counts, settledItems(app, batch.id));
        if (flags.output === undefined) {
          for await (const piece of text) context.out(piece, { raw: true });
          return;
        }
        const path = resolve(context.cwd, flags.output);
        await pipeline(Readable.from(text), createWriteStream(path)).catch((cause: unknown) => {
          throw new ProofsheetError('storage', `${path} cannot be written; check the folder and its permissions.`, {
            cause,
          });
        });
        context.note(`Wrote ${path}`);
      });
    });
}

export function reportCommand(context: CommandContext): Command {
  return new Command('report')
    .description('path of the HTML report')
    .argument('[batch]', 'id (default: the newest)')
    .option('--open', 'open it')
    .action(async (id: string | undefined, _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags & { open?: boolean }>();
      await withApp(context, flags, async ({ app }) => {
        const batch = await batchNamed(app, id);
        if (batch.report === undefined) {
          throw new ProofsheetError(
            'wrong_state',
            `Batch ${batch.id} is ${batch.state} and has no report yet; \`proofsheet resume ${batch.id}\` finishes it.`,
          );
        }
        context.out(flags.json ? JSON.stringify({ batch_id: batch.id, report: batch.report }) : batch.report);
        if (flags.open) openInBrowser(batch.report);
      });
    });
}

function openInBrowser(path: string): void {
  const opener = { darwin: 'open', win32: 'explorer' }[process.platform as string] ?? 'xdg-open';
  spawn(opener, [path], { detached: true, stdio: 'ignore' })
    .on('error', () => undefined)
    .unref();
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');
}
