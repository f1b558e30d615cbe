import type { Group } from './groups.ts';
import { itemRow, reasonOf } from './item-row.ts';
import type { ReportHead, TextReport } from './report-format.ts';
import { csvCell } from './safe-text.ts';

const COLUMNS = [
  'file',
  'status',
  'result',
  'processing_time',
  'error',
  'score',
  'attempts',
  'code',
  'message',
  'cost_usd',
  'calls',
  'item_id',
  'source',
] as const;

type Cells = Partial<Record<(typeof COLUMNS)[number] | 'group', string | number | null>>;

/**
 * `results.csv`: RFC 4180, one row per item, safe to open in a spreadsheet. Seconds and dollars are numbers. A grouped batch has
 * one column more, `group`, and after the items one row per group with the status `group`.
 */
export function csvReport({ batch, groups }: ReportHead): TextReport {
  const columns = groups === undefined ? COLUMNS : ([...COLUMNS, 'group'] as const);
  const line = (cells: Cells) => `${columns.map((column) => csvCell(cells[column] ?? null)).join(',')}\r\n`;
  return {
    head: () => `${columns.join(',')}\r\n`,
    item: (entry) => {
      const row = itemRow(entry, batch.groupBy);
      const result = typeof row.result === 'string' || row.result === null ? row.result : JSON.stringify(row.result);
      return line({ ...row, file: row.name, result, processing_time: row.seconds, error: reasonOf(entry.item) });
    },
    *tail() {
      for (const group of groups?.all() ?? []) yield line(groupCells(group));
    },
  };
}

function groupCells({ group, items, result, contradictions, calls, cost_usd, seconds }: Group): Cells {
  const contradicted = contradictions.length === 0 ? '' : `; contradictions: ${contradictions.join(', ')}`;
  return {
    ...{ file: group, group, status: 'group', calls, cost_usd, processing_time: seconds },
    result: result === null ? null : JSON.stringify(result),
    message: `${items.length} ${items.length === 1 ? 'item' : 'items'}: ${items.join(', ')}${contradicted}`,
  };
}
