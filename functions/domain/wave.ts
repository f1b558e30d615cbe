import { z } from 'zod';
import { stepOutcomeSchema } from './journal.ts';
import { type ModelRequest, modelRequestSchema, paidAnswerSchema } from './model-call.ts';

/** An answer that came with a wave, until the item's journal has it. */
const waveAnswerSchema = z.object({
  outcome: stepOutcomeSchema,
  paid: paidAnswerSchema,
  /** When its job was made, in milliseconds since 1970, and how long until the job ended. */
  startedAt: z.number(),
  tookMs: z.number().nonnegative(),
});
export type WaveAnswer = z.infer<typeof waveAnswerSchema>;

const standingSchema = z.discriminatedUnion('state', [
  z.object({ state: z.literal('waiting') }),
  /** It is in this wave, sent or about to be. */
  z.object({ state: z.literal('sent'), waveId: z.string() }),
  z.object({ state: z.literal('answered'), answer: waveAnswerSchema }),
  /** To be made by its item as a single call; `reason` is one sentence. */
  z.object({ state: z.literal('direct'), reason: z.string() }),
]);
export type Standing = z.infer<typeof standingSchema>;

/** A call of an item that waits for the Batch API or for its journal. */
export const waveCallSchema = z.object({
  /** Its key in jobs. Made of item, step and question, so that parking it again is no second call. */
  id: z.string(),
  batchId: z.string(),
  itemId: z.string(),
  /** Of the step. */
  key: z.string(),
  fingerprint: z.string(),
  request: modelRequestSchema,
  parkedAt: z.number(),
  /** Steps that the item had recorded then. */
  depth: z.number().int().nonnegative(),
  /** Waves that came back without its answer. */
  tries: z.number().int().nonnegative(),
  standing: standingSchema,
});
export type WaveCall = z.infer<typeof waveCallSchema>;

/** States of a job at the service. Source: `JobState` of @google/genai. */
const jobStateSchema = z.enum([
  'queued',
  'pending',
  'running',
  'paused',
  'updating',
  'cancelling',
  'succeeded',
  'partially_succeeded',
  'failed',
  'cancelled',
  'expired',
  /** The service says that there is no such job. */
  'lost',
]);
export type JobState = z.infer<typeof jobStateSchema>;

const JOB_ENDS: readonly JobState[] = ['succeeded', 'partially_succeeded', 'failed', 'cancelled', 'expired', 'lost'];

export function isJobOver(state: JobState): boolean {
  return JOB_ENDS.includes(state);
}

/**
 * One Batch API job of parked calls, all to one model: `packing → packed → uploaded → submitting → sent → ended → done`. Each
 * state is written before what follows from it is done, so that after a crash anybody goes on from it.
 */
export const waveSchema = z.object({
  /** Four digits, in order of the batch's waves. */
  id: z.string(),
  batchId: z.string(),
  model: z.string(),
  /** Kinds of its calls. */
  kinds: z.array(z.string()),
  /** Sent ahead, to see whether the answers are of use. */
  canary: z.boolean(),
  state: z.enum(['packing', 'packed', 'uploaded', 'submitting', 'sent', 'ended', 'done']),
  /** Number of its calls. */
  calls: z.number().int().nonnegative(),
  createdAt: z.number(),
  /** Somebody is at it until then. */
  busyUntil: z.number().optional(),
  /** When it is to be looked at next, and how often it was in its present state. */
  dueAt: z.number(),
  looks: z.number().int().nonnegative(),
  /** Where the service reads its calls, since when. */
  input: z.object({ place: z.string(), at: z.number() }).optional(),
  /** Since when a job may have been made that nobody has heard of. */
  submittingAt: z.number().optional(),
  job: z.string().optional(),
  sentAt: z.number().optional(),
  jobState: jobStateSchema.optional(),
  /** Calls that the job has answered or refused by now. */
  completed: z.number().int().nonnegative().optional(),
  endedAt: z.number().optional(),
  /** What the service says about a job that failed. */
  reason: z.string().optional(),
  /** When it was asked to end before its time. */
  cancelledAt: z.number().optional(),
  /** What became of its calls. */
  came: z
    .object({
      answered: z.number().int(),
      /** Of these, answers of the shape that was asked for. */
      useful: z.number().int(),
      again: z.number().int(),
      direct: z.number().int(),
    })
    .optional(),
});
export type Wave = z.infer<typeof waveSchema>;

/** Name of a wave's job, by which a job is found again whose name nobody heard. */
export function tokenOf({ batchId, id }: Pick<Wave, 'batchId' | 'id'>): string {
  return `proofsheet-${batchId}-${id}`;
}

/** How waves are made and looked after; times in milliseconds. */
export interface WaveLimits {
  /** Calls, expected bytes of answers and of questions of one wave. */
  maxCalls: number;
  maxOutputBytes: number;
  maxInputBytes: number;
  /** How many calls go ahead, where at least so many of their kind wait. */
  canary: { calls: number; above: number };
  /** How long calls wait for others while nothing is under way, and while waves are. */
  gatherMs: number;
  stragglerMs: number;
  /** How often one machine looks whether anything is due. */
  lookMs: number;
  /** Between two looks at a job: at first, and at most. */
  pollMs: number;
  maxPollMs: number;
  /** After this, a job whose making was not answered would be found. */
  settleMs: number;
  /** Who says nothing for so long no longer works on a wave. */
  busyMs: number;
  /** Files of the service are used no longer than this. */
  inputMs: number;
  /** Waves that a call may come back from without an answer. */
  maxTries: number;
  /** How long is waited for the end of a job that was cancelled for a deadline. */
  cancelMs: number;
}

/**
 * Output of an image job is bounded by bytes: of jobs with over a gigabyte others have seen paid results that could not be fetched. A
 * file of the Gemini API takes 2 GB and is kept for 48 hours.
 */
export const WAVE_LIMITS: WaveLimits = {
  maxCalls: 10_000,
  maxOutputBytes: 1e9,
  maxInputBytes: 1.8e9,
  canary: { calls: 10, above: 100 },
  gatherMs: 10 * 60_000,
  stragglerMs: 2 * 3_600_000,
  lookMs: 1000,
  pollMs: 30_000,
  maxPollMs: 10 * 60_000,
  settleMs: 3 * 60_000,
  busyMs: 60_000,
  inputMs: 40 * 3_600_000,
  maxTries: 3,
  cancelMs: 15 * 60_000,
};

/** With another wait before the first look at a job; where that is very short, all other waits are. */
export function waveLimitsFor(pollMs: number): WaveLimits {
  const { lookMs, busyMs, settleMs } = WAVE_LIMITS;
  const most = (ms: number) => Math.min(ms, 20 * pollMs);
  const waits = { lookMs: Math.min(lookMs, pollMs), busyMs: most(busyMs), settleMs: most(settleMs) };
  return { ...WAVE_LIMITS, ...waits, pollMs, maxPollMs: 20 * pollMs };
}

/** Wait before the next look at a job, growing by half from look to look. */
export function pollAfterMs(looks: number, limits: Pick<WaveLimits, 'pollMs' | 'maxPollMs'>): number {
  return Math.round(Math.min(limits.maxPollMs, limits.pollMs * 1.5 ** Math.min(looks, 30)));
}

const IMAGE_BYTES = 3_000_000;
const BYTES_PER_TOKEN = 4;
const TOKENS_UNSAID = 8_000;
/** Around texts and files of a question. */
const LINE_BYTES = 2_000;

/** Bytes of an answer on the wire, rather too many. */
export function expectedOutputBytes(request: ModelRequest): number {
  if (request.kind === 'image') return IMAGE_BYTES;
  return LINE_BYTES + BYTES_PER_TOKEN * (request.maxOutputTokens ?? TOKENS_UNSAID);
}

/** Bytes of a question on the wire, with its files in it. */
export function expectedInputBytes(request: ModelRequest): number {
  const parts = request.parts.map((part) => ('text' in part ? part.text.length : (part.file.bytes * 4) / 3));
  return Math.ceil(parts.reduce((sum, bytes) => sum + bytes, LINE_BYTES + (request.system?.length ?? 0)));
}

/** As many of the calls, in order, as one wave takes; at least one. */
export function fitting(
  calls: readonly WaveCall[],
  limits: Pick<WaveLimits, 'maxCalls' | 'maxOutputBytes' | 'maxInputBytes'>,
): WaveCall[] {
  let [output, input] = [0, 0];
  const taken: WaveCall[] = [];
  for (const call of calls) {
    output += expectedOutputBytes(call.request);
    input += expectedInputBytes(call.request);
    const isFull = taken.length >= limits.maxCalls || output > limits.maxOutputBytes || input > limits.maxInputBytes;
    if (isFull && taken.length > 0) break;
    taken.push(call);
  }
  return taken;
}

/** What one call takes without the Batch API, roughly. */
const CALL_MS = 15_000;
const LEAST_LEAD_MS = 5 * 60_000;

/**
 * When a batch with a deadline leaves the batch lane: early enough for what is open to be done call by call, but not before half of
 * its time is over.
 */
export function leavesWavesAt(of: {
  deadline: number;
  startedAt: number;
  openCalls: number;
  maxConcurrent: number;
}): number {
  const { deadline, startedAt, openCalls, maxConcurrent } = of;
  const lead = Math.max(LEAST_LEAD_MS, (openCalls * CALL_MS) / maxConcurrent);
  return Math.max(deadline - lead, startedAt + (deadline - startedAt) / 2);
}

/** Whether an answer to a JSON question has the shape in rough: an object with what is required of it. */
export function isShaped({ kind, jsonSchema }: ModelRequest, text: string | undefined): boolean {
  if (kind !== 'json') return true;
  const required = z.array(z.string()).catch([]).parse(jsonSchema?.required);
  const value = z.record(z.string(), z.unknown()).safeParse(parsed(text ?? ''));
  return required.length === 0
    ? parsed(text ?? '') !== undefined
    : required.every((name) => name in (value.data ?? {}));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
