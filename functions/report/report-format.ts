import type { Batch, Counts } from '../domain/batch.ts';
import type { Groups } from './groups.ts';
import type { ReportItem } from './item-row.ts';

/** A batch in figures: what `run --json`, `list --json` and `show --json` print. */
export interface RunDocument {
  batch_id: string;
  name: string;
  state: Batch['state'];
  recipe: string;
  lane: string;
  simulated: boolean;
  counts: { total: number; passed: number; failed: number; error: number; cancelled: number; skipped: number };
  calls: number;
  /** Null when the price of a call is not known; `unpriced_calls` then says of how many. */
  cost_usd: number | null;
  unpriced_calls?: number;
  seconds: number;
  output_dir: string;
  report: string | null;
  /** Files that were left aside, by reason. */
  ignored: Readonly<Record<string, number>>;
}

/** A report written piece by piece: nothing of an item is kept once its text is out. */
export interface TextReport {
  head(): string;
  item(entry: ReportItem): string;
  tail(): Iterable<string>;
}

/** What every report says of the batch as a whole. */
export interface ReportHead {
  batch: Batch;
  counts: Counts;
  run: RunDocument;
  /** Filled during the walk, complete at its end; only where the batch has a column to group by. */
  groups?: Groups;
}
