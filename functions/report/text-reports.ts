import type { Batch, Counts } from '../domain/batch.ts';
import { csvReport } from './csv-report.ts';
import { itemRow, type ReportItem, usd } from './item-row.ts';
import { jsonReport } from './json-report.ts';
import { junitReport } from './junit-report.ts';
import { markdownReport } from './markdown-report.ts';
import type { ReportHead, RunDocument, TextReport } from './report-format.ts';

export const EXPORT_FORMATS = ['json', 'jsonl', 'csv', 'markdown', 'junit'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** A batch in figures; `now` (milliseconds since 1970) counts for one that is not finished. */
export function runDocument(batch: Batch, counts: Counts, now: number): RunDocument {
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
  };
}

export function textReport(format: ExportFormat, head: ReportHead): TextReport {
  switch (format) {
    case 'json':
      return jsonReport(head);
    case 'jsonl':
      return jsonlReport();
    case 'csv':
      return csvReport();
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
  const report = textReport(format, { batch, counts, run: runDocument(batch, counts, now) });
  yield report.head();
  for await (const entry of items) yield report.item(entry);
  yield report.tail();
}

function jsonlReport(): TextReport {
  return { head: () => '', item: (entry) => `${JSON.stringify(itemRow(entry))}\n`, tail: () => '' };
}
