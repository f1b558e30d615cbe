import { isTerminal } from '../domain/batch.ts';
import { dollars } from '../domain/cost.ts';
import type { Groups } from './groups.ts';
import { type ItemRow, itemRow, type ReportItem, reviewText } from './item-row.ts';
import { linkTo, resultPath } from './output-paths.ts';
import type { ReportHead, TextReport } from './report-format.ts';
import { markdownLine, markdownText, plainText } from './safe-text.ts';

const MARKS: Record<string, string> = { passed: '✅', failed: '❌', error: '❌', cancelled: '⏹️', skipped: '⏭️' };

/** `results.md`: the batch and a section per item, for reading. Whatever an input or a model wrote is shown, never rendered. */
export function markdownReport(head: ReportHead): TextReport {
  return { head: () => headOf(head), item: sectionOf, tail: () => (head.groups ? groupSections(head.groups) : []) };
}

function headOf({ batch, counts, run }: ReportHead): string {
  const failed = counts.failed + counts.error;
  const others = [
    ...(counts.skipped > 0 ? [`, ${counts.skipped} skipped`] : []),
    ...(counts.cancelled > 0 ? [`, ${counts.cancelled} cancelled`] : []),
  ].join('');
  const cost = run.cost_usd === null ? `price unknown for ${counts.unpricedCalls} calls` : dollars(counts.costNano);
  const lines = [
    `**Batch ID**: ${markdownLine(batch.id)}`,
    `**Name**: ${markdownLine(batch.name)}`,
    `**Date**: ${new Date(batch.createdAt).toISOString().slice(0, 19).replace('T', ' ')} UTC`,
    `**Total Files**: ${counts.total} (${counts.passed} successful, ${failed} failed${others})`,
    `**Calls**: ${counts.calls}, ${cost}`,
    ...(batch.simulated ? ['**Simulated**: no real model was called'] : []),
  ];
  return `# Batch Processing Results\n${lines.join('  \n')}\n\n## Results\n`;
}

function sectionOf(entry: ReportItem): string {
  const row = itemRow(entry);
  const parts = [`\n### ${MARKS[row.status] ?? '⏳'} ${markdownLine(row.name)}`];
  const result = resultText(entry, row);
  if (result !== '') parts.push(result);
  if (row.status !== 'passed' && row.message !== '') {
    parts.push(`${row.status === 'error' ? 'Error' : 'Reason'}: ${markdownLine(row.message)}${codeText(row.code)}`);
  }
  const review = reviewText(row);
  if (review !== '') parts.push(`Review: ${markdownLine(review)}`);
  if (row.score !== null) parts.push(`Score ${row.score.toFixed(2)} after ${attemptsText(row.attempts)}`);
  return `${parts.join('\n\n').replace('\n\n', '\n')}\n`;
}

function* groupSections({ column, all }: Groups): Generator<string> {
  yield `\n## Groups by ${markdownLine(column)}\n`;
  for (const { group, items, result, contradictions } of all()) {
    const parts = [`\n### ${markdownLine(group)}`, items.map(markdownLine).join(', ')];
    if (result !== null) parts.push(fenced(JSON.stringify(result, null, 2)));
    if (contradictions.length > 0) parts.push(`Contradictions: ${contradictions.map(markdownLine).join(', ')}`);
    yield `${parts.join('\n\n')}\n`;
  }
}

function resultText({ item, detail }: ReportItem, row: ItemRow): string {
  const result = detail?.outcome?.result;
  if (result?.kind === 'text') return markdownText(result.text);
  if (result?.kind === 'json') return fenced(JSON.stringify(result.value, null, 2) ?? 'null');
  const path = isTerminal(item.state) ? resultPath(item.name, item.state, detail?.outcome) : undefined;
  return path === undefined ? '' : `[${markdownLine(String(row.result))}](${linkTo(path).replace(/[()]/g, percent)})`;
}

/** A code block that no line of the text can end. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((run) => run[0].length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}json\n${plainText(text)}\n${fence}`;
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function codeText(code: string | null): string {
  return code === null ? '' : ` (${markdownLine(code)})`;
}

function attemptsText(attempts: number): string {
  return attempts === 1 ? '1 attempt' : `${attempts} attempts`;
}
