import { MAX_COLUMNS } from '../domain/batch.ts';
import type { Group } from './groups.ts';
import { type ItemRow, itemRow, reasonOf } from './item-row.ts';
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
  'review',
  'review_note',
] as const;

type Cells = Partial<Record<(typeof COLUMNS)[number] | 'group', string | number | null>>;

/**
 * `results.csv`: RFC 4180, one row per item, safe to open in a spreadsheet. Seconds and dollars are numbers. A grouped batch has
 * one column more, `group`, and after the items one row per group with the status `group`. The columns of manifests stand
 * behind, as texts; `input_` tells those that are called like one of ours.
 */
export function csvReport({ batch, groups }: ReportHead): TextReport {
  const columns = groups === undefined ? COLUMNS : ([...COLUMNS, 'group'] as const);
  const carried = carriedColumns(batch.columns ?? [], columns);
  const line = (cells: Cells, metadata: ItemRow['metadata'] = {}) =>
    `${[...columns.map((column) => cells[column] ?? null), ...carried.cells(metadata)].map(csvCell).join(',')}\r\n`;
  return {
    head: () => `${[...columns, ...carried.names].map(csvCell).join(',')}\r\n`,
    item: (entry) => {
      const row = itemRow(entry, batch.groupBy);
      const result = typeof row.result === 'string' || row.result === null ? row.result : JSON.stringify(row.result);
      const review = { review: row.review?.decision ?? null, review_note: row.review?.note ?? null };
      const error = reasonOf(entry.item);
      const cells = { ...row, ...review, file: row.name, result, processing_time: row.seconds, error };
      return line(cells, row.metadata);
    },
    *tail() {
      for (const group of groups?.all() ?? []) yield line(groupCells(group));
    },
  };
}

/** More columns than a table can have stand together in one cell. */
function carriedColumns(carried: readonly string[], own: readonly string[]) {
  const hasMore = carried.length >= MAX_COLUMNS;
  const names = carried.map((column) => (own.includes(column) ? `input_${column}` : column));
  return {
    names: hasMore ? [...names, 'more_columns'] : names,
    cells(metadata: ItemRow['metadata']): (string | null)[] {
      const cells = carried.map((column) => metadata[column] ?? null);
      const more = Object.entries(metadata).filter(([column]) => !carried.includes(column));
      return hasMore ? [...cells, JSON.stringify(Object.fromEntries(more))] : cells;
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
