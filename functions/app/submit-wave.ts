import type { Batch } from '../domain/batch.ts';
import { asProofsheetError, ProofsheetError } from '../domain/errors.ts';
import { isRateLimit } from '../domain/retry.ts';
import { pollAfterMs, tokenOf, type Wave } from '../domain/wave.ts';
import type { HeldMoney } from '../engine/purse.ts';
import type { CallMove } from '../platform/wave-ports.ts';
import type { App } from './app.ts';
import { callPages, waveLines, waveUri } from './wave-files.ts';
import { holdForWave } from './wave-money.ts';

/** Refusals for the project's limit on waiting calls, after which a wave is sent in halves. */
const REFUSALS_UNTIL_HALVED = 3;

/** Says every now and then that somebody is still at a wave. */
export function keepBusy(app: App, wave: Wave): () => Promise<void> {
  const { busyMs } = app.limits.waves;
  let said = Number.NEGATIVE_INFINITY;
  return async () => {
    const now = app.clock.now();
    if (now - said < busyMs / 3) return;
    said = now;
    await app.waves.change(wave, ({ state }) => (state === wave.state ? { busyUntil: now + busyMs } : undefined));
  };
}

/** Writes the questions of a wave and puts them where the service reads them. Done twice, it costs nothing but time. */
export async function uploadWave(app: App, batch: Batch, wave: Wave): Promise<Wave> {
  const uri = waveUri(app, batch, wave, 'calls');
  const refused: { move: CallMove; itemId: string }[] = [];
  const lines = waveLines(app, wave, {
    alive: keepBusy(app, wave),
    refused({ id, itemId, tries }, error) {
      refused.push({ itemId, move: { id, tries, standing: { state: 'direct', reason: error.message.slice(0, 300) } } });
    },
  });
  try {
    await app.files.write(uri, lines, 'application/jsonl');
    await app.waves.move(
      batch.id,
      wave.id,
      refused.map(({ move }) => move),
    );
    const process = refused.map(({ itemId }) => ({ kind: 'process' as const, batchId: batch.id, itemId }));
    await app.queue.publish(process);
    if (refused.length === wave.calls) return await ended(app, wave);
    const place = await app.jobs.upload({ uri, token: tokenOf(wave), model: wave.model });
    const now = app.clock.now();
    return await app.waves.change(wave, ({ state }) =>
      state === 'packed'
        ? { state: 'uploaded', input: { place, at: now }, busyUntil: undefined, looks: 0, dueAt: now }
        : undefined,
    );
  } catch (thrown) {
    await later(app, wave, { busyUntil: undefined });
    throw thrown;
  }
}

async function ended(app: App, wave: Wave): Promise<Wave> {
  return await app.waves.change(wave, ({ state }) =>
    state === 'packed' ? { state: 'done', busyUntil: undefined } : undefined,
  );
}

async function later(app: App, wave: Wave, more: Partial<Wave> = {}): Promise<Wave> {
  const dueAt = app.clock.now() + pollAfterMs(wave.looks, app.limits.waves);
  return await app.waves.change(wave, ({ state, looks }) =>
    state === wave.state ? { ...more, looks: looks + 1, dueAt } : undefined,
  );
}

/**
 * Makes the job. That it is about to be made is written first, by one process only; whatever becomes of that process, the job is
 * looked for by its token before it is made again.
 */
export async function submitWave(app: App, batch: Batch, wave: Wave): Promise<Wave> {
  const { token, place, at } = { token: tokenOf(wave), place: '', at: 0, ...wave.input };
  const now = app.clock.now();
  if (now - at > app.limits.waves.inputMs) {
    return await app.waves.change(wave, ({ state }) => (state === 'uploaded' ? { state: 'packed' } : undefined));
  }
  let isMine = false;
  const submitting = await app.waves.change(wave, ({ state }) => {
    isMine = state === 'uploaded';
    const dueAt = now + pollAfterMs(0, app.limits.waves);
    return isMine ? { state: 'submitting', submittingAt: now, dueAt } : undefined;
  });
  if (!isMine) return submitting;
  const held = await moneyFor(app, batch, submitting);
  if (held === undefined) return await waitForMoney(app, batch, submitting);
  try {
    const job = await app.jobs.create({ token, model: wave.model, place });
    return await isSent(app, wave, job.name);
  } catch (thrown) {
    const error = asProofsheetError(thrown);
    if (isSurelyNotMade(error)) await held.free();
    if (isSurelyNotMade(error)) return await notMade(app, batch, wave, error);
    throw error;
  }
}

/** Undefined where the money for the whole wave is not there now; fails with `budget` where it will not do for a single call. */
async function moneyFor(app: App, batch: Batch, wave: Wave): Promise<HeldMoney | undefined> {
  try {
    return await holdForWave(app, batch, wave);
  } catch (thrown) {
    const error = asProofsheetError(thrown);
    if (error.code === 'budget' && wave.calls > 1) return undefined;
    await app.waves.change(wave, ({ state }) => (state === 'submitting' ? { state: 'uploaded' } : undefined));
    throw error;
  }
}

/** Where no other wave is to bring money back, half of the calls may do with what there is. */
async function waitForMoney(app: App, batch: Batch, wave: Wave): Promise<Wave> {
  const isAlone = !(await app.waves.list(batch.id)).some(({ state, id }) => state !== 'done' && id !== wave.id);
  if (isAlone && wave.calls > 1) return await halve(app, wave);
  const dueAt = app.clock.now() + pollAfterMs(wave.looks, app.limits.waves);
  return await app.waves.change(wave, ({ state, looks }) =>
    state === 'submitting' ? { state: 'uploaded', looks: looks + 1, dueAt } : undefined,
  );
}

/** The job is known; from here on only the service is asked about it. */
export async function isSent(app: App, wave: Wave, job: string): Promise<Wave> {
  const now = app.clock.now();
  return await app.waves.change(wave, ({ state }) =>
    state === 'submitting'
      ? { state: 'sent', job, sentAt: now, looks: 0, dueAt: now + pollAfterMs(0, app.limits.waves) }
      : undefined,
  );
}

/** The service answered, and the answer was no. A lost connection or a failing server says nothing. */
function isSurelyNotMade({ code, disposition }: ProofsheetError): boolean {
  return disposition === 'permanent' || isRateLimit(code) || code === 'daily_quota';
}

async function notMade(app: App, batch: Batch, wave: Wave, error: ProofsheetError): Promise<Wave> {
  if (isRateLimit(error.code)) {
    const isAlone = !(await app.waves.list(batch.id)).some(({ state, id }) => state === 'sent' && id !== wave.id);
    if (isAlone && wave.looks >= REFUSALS_UNTIL_HALVED && wave.calls > 1) return await halve(app, wave);
    app.log.warn({ batchId: batch.id, wave: wave.id, error: error.message }, 'a job is not taken yet');
    const dueAt = app.clock.now() + Math.max(error.retryAfterMs ?? 0, pollAfterMs(wave.looks, app.limits.waves));
    return await app.waves.change(wave, ({ state, looks }) =>
      state === 'submitting' ? { state: 'uploaded', looks: looks + 1, dueAt } : undefined,
    );
  }
  // The questions are written anew when somebody has seen to it.
  await app.waves.change(wave, ({ state }) => (state === 'submitting' ? { state: 'packed', looks: 0 } : undefined));
  const { code, message, retryAfterMs } = error;
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  throw new ProofsheetError(code, `The Batch API did not take wave ${wave.id}. ${message}`, {
    ...{ scope: 'batch', disposition: error.disposition, cause: error },
    ...wait,
  });
}

/** More calls than the project may have waiting at the service: half of them wait here. */
async function halve(app: App, wave: Wave): Promise<Wave> {
  const calls = [];
  for await (const page of callPages(app, wave)) calls.push(...page);
  const moves = calls
    .slice(Math.ceil(calls.length / 2))
    .map(({ id, tries }): CallMove => ({ id, tries, standing: { state: 'waiting' } }));
  for (let start = 0; start < moves.length; start += 500) {
    await app.waves.move(wave.batchId, wave.id, moves.slice(start, start + 500));
  }
  return await app.waves.change(wave, ({ state }) =>
    state === 'submitting'
      ? { state: 'packed', calls: calls.length - moves.length, looks: 0, dueAt: app.clock.now() }
      : undefined,
  );
}
