import type { Batch, Counts } from '../domain/batch.ts';
import { withOptimizer } from '../domain/batch-spending.ts';
import { csvReport } from './csv-report.ts';
import { collectGroups } from './groups.ts';
import { itemRow, type ReportItem, usd } from './item-row.ts';
import { jsonReport } from './json-report.ts';
import { junitReport } from './junit-report.ts';
import { markdownReport } from './markdown-report.ts';
import type { ReportHead, RunDocument, TextReport } from './report-format.ts';

export const EXPORT_FORMATS = ['json', 'jsonl', 'csv', 'markdown', 'junit'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** A batch in figures; `now` (milliseconds since 1970) counts for one that is not finished. */
export function runDocument(batch: Batch, ofItems: Counts, now: number): RunDocument {
  const counts = withOptimizer(batch, ofItems);
  const { total, passed, failed, error, cancelled, skipped } = counts;
  return {
    batch_id: batch.id,
    name: batch.name,
    state: batch.state,
    recipe: batch.recipe,
    lane: batch.run.lane,
    simulated: batch.simulated,
    counts: { total, passed, failed, error, cancelled, skipped },
    calls: counts.calls,
    cost_usd: usd(counts),
    ...(counts.unpricedCalls > 0 ? { unpriced_calls: counts.unpricedCalls } : {}),
    seconds: Math.max(0, (batch.finishedAt ?? now) - batch.createdAt) / 1000,
    output_dir: batch.outputDir,
    report: batch.report ?? null,
    ignored: batch.ignored,
  };
}

/** What a report says of the batch as a whole, with a place for its groups. */
export function reportHead(batch: Batch, counts: Counts, run: RunDocument): ReportHead {
  const groups = batch.groupBy === undefined ? {} : { groups: collectGroups(batch.groupBy) };
  return { batch, counts: withOptimizer(batch, counts), run, ...groups };
}

export function textReport(format: ExportFormat, head: ReportHead): TextReport {
  switch (format) {
    case 'json':
      return jsonReport(head);
    case 'jsonl':
      return jsonlReport(head);
    case 'csv':
      return csvReport(head);
    case 'markdown':
      return markdownReport(head);
    case 'junit':
      return junitReport(head);
  }
}

/** A report as a stream of texts. `now` counts for a batch that is not finished. */
export async function* renderExport(
  format: ExportFormat,
  batch: Batch,
  counts: Counts,
  items: AsyncIterable<ReportItem>,
  now: number = batch.finishedAt ?? batch.createdAt,
): AsyncGenerator<string> {
  const head = reportHead(batch, counts, runDocument(batch, counts, now));
  const report = textReport(format, head);
  yield report.head();
  for await (const entry of items) {
    head.groups?.add(entry);
    yield report.item(entry);
  }
  yield* report.tail();
}

function jsonlReport({ batch }: ReportHead): TextReport {
  return { head: () => '', item: (entry) => `${JSON.stringify(itemRow(entry, batch.groupBy))}\n`, tail: () => [] };
}
