import { type ItemRow, itemRow, reviewText } from './item-row.ts';
import type { ReportHead, TextReport } from './report-format.ts';
import { xmlText } from './safe-text.ts';

/** `results.xml`: JUnit, for CI dashboards. An item is a test case; skipped and cancelled ones count as skipped. */
export function junitReport({ batch, counts, run }: ReportHead): TextReport {
  const totals = attributes({
    name: batch.name,
    tests: counts.total,
    failures: counts.failed,
    errors: counts.error,
    skipped: counts.skipped + counts.cancelled,
    time: run.seconds.toFixed(3),
  });
  const stamp = attributes({ timestamp: new Date(batch.createdAt).toISOString().slice(0, 19) });
  const about = properties({
    batch_id: batch.id,
    recipe: batch.recipe,
    lane: run.lane,
    simulated: String(batch.simulated),
    cost_usd: run.cost_usd ?? 'unknown',
  });
  return {
    head: () =>
      `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites${totals}>\n<testsuite${totals}${stamp}>\n${about}\n`,
    item: (entry) => testCase(itemRow(entry), batch.recipe),
    tail: () => ['</testsuite>\n</testsuites>\n'],
  };
}

function testCase(row: ItemRow, recipe: string): string {
  const about = properties({
    ...(row.score === null ? {} : { score: row.score }),
    attempts: row.attempts,
    calls: row.calls,
    cost_usd: row.cost_usd ?? 'unknown',
    item_id: row.item_id,
    ...(row.review === null ? {} : { review: reviewText(row) }),
  });
  const head = attributes({ name: row.name, classname: recipe, file: row.source, time: row.seconds.toFixed(3) });
  return `<testcase${head}>\n${about}\n${verdictOf(row)}</testcase>\n`;
}

function verdictOf(row: ItemRow): string {
  const reason = attributes({ message: row.message, ...(row.code === null ? {} : { type: row.code }) });
  if (row.status === 'passed') return '';
  if (row.status === 'error') return `<error${reason}>${xmlText(row.message)}</error>\n`;
  if (row.status !== 'failed') return `<skipped${attributes({ message: row.message || row.status })}/>\n`;
  const failing = row.verdicts
    .filter((verdict) => verdict.verdict === 'fail')
    .map((verdict) => `${verdict.question} expected: ${verdict.expected}, got: ${verdict.answer ?? 'no answer'}`);
  return `<failure${reason}>${xmlText([row.message, ...failing].join('\n'))}</failure>\n`;
}

function properties(values: Record<string, string | number>): string {
  const lines = Object.entries(values).map(([name, value]) => `<property${attributes({ name, value })}/>`);
  return `<properties>${lines.join('')}</properties>`;
}

function attributes(values: Record<string, string | number>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${xmlText(String(value)).replace(/[\n\t]/g, ' ')}"`)
    .join('');
}
