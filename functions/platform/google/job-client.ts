import type { BatchJob, GoogleGenAI } from '@google/genai';
import { ProofsheetError } from '../../domain/errors.ts';
import type { Job } from '../wave-ports.ts';
import { withinCallLimit } from './call-limit.ts';
import { sentence, translateFailure } from './gemini-errors.ts';
import { jobStateOf } from './gemini-job-lines.ts';
import { connectGemini, type GeminiOptions } from './gemini-models.ts';

/** What both APIs of jobs have in common. */
export interface JobClient {
  /** `what` names the model or job in messages. */
  ask<T>(what: string, work: (ai: GoogleGenAI, signal: AbortSignal) => Promise<T>, ms?: number): Promise<T>;
  /** Jobs with the token as display name among the latest ones, the oldest first. */
  find(token: string, model: string): Promise<Job[]>;
}

const ASK_TIMEOUT_MS = 60_000;
const JOBS_PER_PAGE = 100;
const MOST_JOBS = 2000;

export function jobClient(options: GeminiOptions): JobClient {
  const now = options.now ?? Date.now;
  const { apiKey = '' } = options.auth;
  const secrets = [apiKey, apiKey.trim()];
  const connect = connectGemini(options);
  const ask: JobClient['ask'] = async (what, work, ms = ASK_TIMEOUT_MS) =>
    await withinCallLimit(what, { timeoutMs: ms }, async (signal) => {
      try {
        return await work(connect(), signal);
      } catch (thrown) {
        throw translateFailure(thrown, { model: what, now: now(), secrets });
      }
    });
  return {
    ask,
    find: (token, model) =>
      ask(model, async (ai, abortSignal) => {
        const found: Job[] = [];
        let seen = 0;
        for await (const job of await ai.batches.list({ config: { pageSize: JOBS_PER_PAGE, abortSignal } })) {
          if (job.displayName === token) found.unshift(jobFrom(job, model));
          seen += 1;
          if (seen >= MOST_JOBS) break;
        }
        return found;
      }),
  };
}

/** A job as the SDK gives it. Of the Gemini API it says neither how far the job is nor why it failed. */
export function jobFrom({ name, state, error, completionStats }: BatchJob, model: string): Job {
  if (name === undefined) {
    const message = sentence(model, 'made a job without a name', 'bad_response');
    throw new ProofsheetError('bad_response', message, { disposition: 'transient' });
  }
  const { successfulCount = 0, failedCount = 0 } = completionStats ?? {};
  return {
    ...{ name, state: jobStateOf(state) },
    ...(completionStats && { completed: Math.max(0, Number(successfulCount)) + Math.max(0, Number(failedCount)) }),
    ...reasonOf(error),
  };
}

/** Why a job failed, short enough to be said. */
export function reasonOf(error: { message?: string | undefined } | undefined): Pick<Job, 'reason'> {
  return error?.message === undefined ? {} : { reason: error.message.slice(0, 300) };
}

/** A job is lost when asking for it by name says so. A listing that lacks it says nothing. */
export async function lostWhereMissing(name: string, look: () => Promise<Job>): Promise<Job> {
  try {
    return await look();
  } catch (thrown) {
    if (thrown instanceof ProofsheetError && thrown.code === 'model_not_found') return { name, state: 'lost' };
    throw thrown;
  }
}
