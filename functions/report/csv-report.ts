import { itemRow, reasonOf } from './item-row.ts';
import type { TextReport } from './report-format.ts';
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

/** `results.csv`: RFC 4180, one row per item, safe to open in a spreadsheet. Seconds and dollars are numbers. */
export function csvReport(): TextReport {
  return {
    head: () => `${COLUMNS.join(',')}\r\n`,
    item: (entry) => {
      const row = itemRow(entry);
      const result = typeof row.result === 'string' || row.result === null ? row.result : JSON.stringify(row.result);
      const cells: Record<(typeof COLUMNS)[number], string | number | null> = {
        ...row,
        file: row.name,
        result,
        processing_time: row.seconds,
        error: reasonOf(entry.item),
      };
      return `${COLUMNS.map((column) => csvCell(cells[column])).join(',')}\r\n`;
    },
    tail: () => '',
  };
}
