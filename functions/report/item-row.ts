import { type Item, isTerminal } from '../domain/batch.ts';
import { groupOf } from '../domain/item-group.ts';
import type { ItemDetail, Verdict } from '../domain/outcome.ts';
import { resultPath, shippedAttempt } from './output-paths.ts';

/** An item with everything a report shows of it; without detail where it never got into work. */
export interface ReportItem {
  item: Item;
  detail: ItemDetail | undefined;
}

/** One line of `items.jsonl`. */
export interface ItemRow {
  item_id: string;
  name: string;
  source: string;
  status: string;
  score: number | null;
  attempts: number;
  code: string | null;
  message: string;
  /** A text, a JSON value, or the path of the picture below the output folder. */
  result: unknown;
  /** Of the shipped attempt. */
  verdicts: Verdict[];
  /** Null when a call of unknown price is among them. */
  cost_usd: number | null;
  calls: number;
  seconds: number;
  /** What a person said of it. */
  review: { decision: 'approved' | 'rejected' | null; note: string; at: string } | null;
  /** Columns that a manifest brought along. */
  metadata: Readonly<Record<string, string>>;
  /** Its value in the column that the batch is grouped by; null without one. Only in grouped batches. */
  group?: string | null;
}

export function itemRow({ item, detail }: ReportItem, groupBy?: string): ItemRow {
  const summary = item.summary;
  return {
    item_id: item.id,
    name: item.name,
    source: item.source,
    status: item.state,
    score: summary?.score ?? null,
    attempts: summary?.attempts ?? 0,
    code: summary?.code ?? null,
    message: summary?.message ?? '',
    result: resultOf(item, detail),
    verdicts: shippedAttempt(detail?.outcome)?.verdicts ?? [],
    cost_usd: summary === undefined ? 0 : usd(summary),
    calls: summary?.calls ?? 0,
    seconds: summary?.seconds ?? 0,
    review: item.review === undefined ? null : { ...item.review, at: new Date(item.review.at).toISOString() },
    metadata: item.metadata,
    ...(groupBy !== undefined && { group: groupOf(item, groupBy) ?? null }),
  };
}

/** Dollars; null when the price of a call is not known, because a sum without it would read as the whole. */
export function usd(cost: { costNano: number; unpricedCalls: number }): number | null {
  return cost.unpricedCalls > 0 ? null : cost.costNano / 1e9;
}

/** The reason of an item that did not pass; empty for one that did or is not done. */
export function reasonOf(item: Item): string {
  return item.state === 'passed' || !isTerminal(item.state) ? '' : (item.summary?.message ?? '');
}

/** What a person said of an item, in words; empty where nobody did. */
export function reviewText({ review }: Pick<ItemRow, 'review'>): string {
  return review === null ? '' : [review.decision, review.note].filter(Boolean).join(': ');
}

function resultOf(item: Item, detail: ItemDetail | undefined): unknown {
  const result = detail?.outcome?.result;
  if (result?.kind === 'text') return result.text;
  if (result?.kind === 'json') return result.value;
  if (!isTerminal(item.state)) return null;
  return resultPath(item.name, item.state, detail?.outcome)?.join('/') ?? null;
}
