import { z } from 'zod';
import type { Batch, Item } from '../domain/batch.ts';
import { errorCodeSchema, remedyFor } from '../domain/errors.ts';
import type { StepEntry } from '../domain/journal.ts';
import { type Attempt, type ItemDetail, questionSchema, verdictSchema } from '../domain/outcome.ts';
import { usd } from '../report/item-row.ts';
import { documentOfItem, isoTime, itemDocument } from './http-documents.ts';
import { pictureLinks } from './http-picture-links.ts';

const attemptDocument = z.object({
  n: z.number().int(),
  score: z.number().nullable(),
  shipped: z.boolean(),
  prompt: z.string(),
  prompt_changes: z.array(z.string()),
  verdicts: z.array(verdictSchema),
  judge: z.object({ name: z.string(), model: z.string(), version: z.string() }).nullable(),
  error: z.object({ code: errorCodeSchema, message: z.string() }).nullable(),
  picture_url: z.string().nullable(),
  thumbnail_url: z.string().nullable(),
});

const stepDocument = z.object({
  key: z.string(),
  attempt: z.number().int(),
  kind: z.string(),
  model: z.string(),
  model_version: z.string(),
  lane: z.string(),
  system: z.string().nullable(),
  prompt: z.string().describe('The texts of the request; files that went along are counted.'),
  files: z.number().int(),
  answer: z.string().nullable(),
  code: errorCodeSchema.nullable(),
  message: z.string(),
  tokens_in: z.number(),
  tokens_out: z.number(),
  tries: z.number().int(),
  took_ms: z.number(),
  cost_usd: z.number().nullable(),
  adopted: z.boolean().describe('The answer was taken over from an item with the same work; nothing was paid.'),
  started_at: z.string(),
});

export const itemDetailDocument = itemDocument.extend({
  batch_id: z.string(),
  take: z.number().int().describe('0 at first; grows when the item is taken again.'),
  settled_at: z.string().nullable(),
  remedy: z.string().describe('What to do about its reason; empty for an item that passed.'),
  doing: z.object({ attempt: z.number().int(), step: z.string(), since: z.string() }).nullable(),
  description: z.string().nullable(),
  questions: z.array(questionSchema),
  questions_dropped: z.number().int(),
  attempts_made: z.array(attemptDocument),
  pictures: z.record(z.string(), z.string()).describe('Addresses by name.'),
  journal: z.array(stepDocument),
});

/** All that is known of an item. */
export function documentOfDetail(
  batch: Batch,
  of: { item: Item; detail: ItemDetail | undefined; steps: readonly StepEntry[] },
): z.infer<typeof itemDetailDocument> {
  const { item, detail, steps } = of;
  const outcome = detail?.outcome;
  const pictures = pictureLinks(item, detail);
  const { progress } = item;
  return {
    ...documentOfItem({ item, detail }, batch.groupBy),
    batch_id: batch.id,
    take: item.epoch,
    settled_at: item.settledAt === undefined ? null : isoTime(item.settledAt),
    remedy: item.state !== 'passed' && item.summary?.code ? remedyFor(item.summary.code) : '',
    doing: progress ? { attempt: progress.attempt, step: progress.step, since: isoTime(progress.since) } : null,
    description: outcome?.description ?? null,
    questions: outcome?.rubric?.questions ?? [],
    questions_dropped: outcome?.rubric?.dropped ?? 0,
    attempts_made: (outcome?.attempts ?? []).map((attempt) =>
      attemptOf(attempt, attempt.n === outcome?.best, pictures),
    ),
    pictures,
    journal: steps.map(stepOf),
  };
}

function attemptOf(
  attempt: Attempt,
  shipped: boolean,
  pictures: Readonly<Record<string, string>>,
): z.infer<typeof attemptDocument> {
  const { n, score, prompt, promptChanges, verdicts, judge, error } = attempt;
  return {
    ...{ n, score, shipped, prompt, prompt_changes: promptChanges, verdicts },
    judge: judge ?? null,
    error: error ?? null,
    picture_url: pictures[`candidate-${n}`] ?? null,
    thumbnail_url: pictures[`candidate-${n}-thumbnail`] ?? null,
  };
}

function stepOf(step: StepEntry): z.infer<typeof stepDocument> {
  const { request, outcome, paid } = step;
  const { usage } = paid;
  return {
    key: step.key,
    attempt: step.attempt,
    kind: request.kind,
    model: request.model,
    model_version: paid.modelVersion,
    lane: step.lane,
    system: request.system ?? null,
    prompt: request.parts.flatMap((part) => ('text' in part ? [part.text] : [])).join('\n\n'),
    files: request.parts.filter((part) => 'file' in part).length,
    answer: outcome.ok ? (outcome.text ?? null) : null,
    code: outcome.ok ? null : outcome.code,
    message: outcome.ok ? '' : outcome.message,
    tokens_in: usage.input,
    tokens_out: usage.output + usage.outputImage + usage.thoughts,
    tries: step.tries,
    took_ms: step.tookMs,
    cost_usd: step.costNano === null ? null : usd({ costNano: step.costNano, unpricedCalls: 0 }),
    adopted: step.adopted === true,
    started_at: isoTime(step.startedAt),
  };
}
