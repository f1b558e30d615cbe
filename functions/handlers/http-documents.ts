import { z } from 'zod';
import {
  type Batch,
  batchStateSchema,
  type Counts,
  type Item,
  isTerminal,
  itemStateSchema,
  reviewSchema,
  TERMINAL_STATES,
} from '../domain/batch.ts';
import { errorCodeSchema } from '../domain/errors.ts';
import { verdictSchema } from '../domain/outcome.ts';
import { itemRow, type ReportItem, usd } from '../report/item-row.ts';
import { runDocument } from '../report/text-reports.ts';
import { referenceLink, thumbnailLink } from './http-picture-links.ts';

// What the API answers with. Words stand in snake case; times are ISO 8601.

const count = z.number().int().nonnegative();
const dollars = z.number().nullable().describe('Dollars; null when the price of a call is not known.');

export const errorDocument = z.object({
  error: z.object({
    code: z.union([errorCodeSchema, z.string()]),
    message: z.string(),
    problems: z.array(z.string()).optional(),
    batch_id: z.string().optional().describe('Of the batch that is in the way.'),
  }),
});

export const batchDocument = z.object({
  batch_id: z.string(),
  name: z.string(),
  state: batchStateSchema,
  recipe: z.string(),
  lane: z.string(),
  simulated: z.boolean(),
  counts: z.object({ total: count, passed: count, failed: count, error: count, cancelled: count, skipped: count }),
  calls: count,
  cost_usd: dollars,
  unpriced_calls: count.optional(),
  max_spend_usd: dollars.describe('Spend ceiling; null without one.'),
  seconds: z.number(),
  output_dir: z.string(),
  report: z.string().nullable().describe('Where the report lies; null until it is there.'),
  created_at: z.string(),
  finished_at: z.string().nullable(),
  average_score: z.number().nullable(),
  listed: z.boolean().describe('Every input has been listed, so that the total is final.'),
  cancel_requested: z.boolean(),
  cancel_reason: z.string().nullable(),
  paused: z
    .object({ code: errorCodeSchema, message: z.string(), until: z.string().nullable() })
    .nullable()
    .describe('Why nothing is done for now, and what to do.'),
});

export function documentOfBatch(batch: Batch, counts: Counts, now: number): z.infer<typeof batchDocument> {
  const { pause } = batch;
  const { maxSpendNano } = batch.run;
  return {
    ...runDocument(batch, counts, now),
    max_spend_usd: maxSpendNano === undefined ? null : usd({ costNano: maxSpendNano, unpricedCalls: 0 }),
    created_at: isoTime(batch.createdAt),
    finished_at: batch.finishedAt === undefined ? null : isoTime(batch.finishedAt),
    average_score: counts.scored === 0 ? null : counts.scoreSum / counts.scored,
    listed: batch.sealed,
    cancel_requested: batch.cancelRequested,
    cancel_reason: batch.cancelReason ?? null,
    paused: pause
      ? { code: pause.code, message: pause.message, until: pause.until ? isoTime(pause.until) : null }
      : null,
  };
}

const reviewDocument = z.object({
  decision: reviewSchema.shape.decision,
  note: reviewSchema.shape.note,
  at: z.string(),
});

/** An item in short: what a list of many shows of each. */
export const itemLineDocument = z.object({
  sku: z.string().describe('Name of the item: that of its file, made distinct.'),
  item_id: z.string(),
  status: itemStateSchema,
  score: z.number().nullable(),
  attempt: count,
  message: z.string().describe('What is being done, or why it ended so.'),
  code: errorCodeSchema.nullable(),
  thumbnail_url: z.string().nullable().describe('Of the best candidate, or else of the input.'),
  reference_url: z.string().nullable().describe('Of the input, where `thumbnail_url` shows a candidate.'),
  result: z.string().describe('Beginning of a result in words, or file name of a picture.'),
  cost_usd: dollars,
  seconds: z.number(),
  settled_at: z.string().nullable(),
  review: reviewDocument.nullable(),
});

export function lineOfItem(item: Item): z.infer<typeof itemLineDocument> {
  const { summary, progress, review } = item;
  const isOver = isTerminal(item.state);
  return {
    sku: item.name,
    item_id: item.id,
    status: item.state,
    score: isOver ? (summary?.score ?? null) : null,
    attempt: (isOver ? summary?.attempts : progress?.attempt) ?? 0,
    message: (isOver ? summary?.message : progress?.step) ?? '',
    code: isOver ? (summary?.code ?? null) : null,
    thumbnail_url: isOver ? thumbnailLink(item) : null,
    reference_url: isOver ? referenceLink(item) : null,
    result: isOver ? (summary?.result ?? '') : '',
    cost_usd: summary === undefined ? 0 : usd(summary),
    seconds: summary?.seconds ?? 0,
    settled_at: isOver && item.settledAt !== undefined ? isoTime(item.settledAt) : null,
    review: review === undefined ? null : { ...review, at: isoTime(review.at) },
  };
}

/** An item in a stream of changes. */
export const itemEventDocument = itemLineDocument.extend({ status: z.enum(['running', ...TERMINAL_STATES]) });

export function eventOfItem(item: Item): z.infer<typeof itemEventDocument> {
  return { ...lineOfItem(item), status: isTerminal(item.state) ? item.state : 'running' };
}

/** A line of `items.jsonl`, and what a list of items on a page needs beside it. */
export const itemDocument = z.object({
  item_id: z.string(),
  name: z.string(),
  source: z.string(),
  status: itemStateSchema,
  score: z.number().nullable(),
  attempts: count,
  code: errorCodeSchema.nullable(),
  message: z.string(),
  result: z.unknown().describe('A text, a JSON value, or the path of the picture among the files of the batch.'),
  metadata: z.record(z.string(), z.string()).describe('Columns of the manifest.'),
  verdicts: z.array(verdictSchema).describe('Of the shipped attempt.'),
  cost_usd: dollars,
  calls: count,
  seconds: z.number(),
  group: z.string().nullable().optional(),
  thumbnail_url: z.string().nullable(),
  review: reviewDocument.nullable(),
});

export function documentOfItem(entry: ReportItem, groupBy: string | undefined): z.infer<typeof itemDocument> {
  const { item } = entry;
  return {
    ...itemRow(entry, groupBy),
    status: item.state,
    code: item.summary?.code ?? null,
    thumbnail_url: thumbnailLink(item),
  };
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
