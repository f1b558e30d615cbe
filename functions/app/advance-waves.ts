import { type Batch, settledOf } from '../domain/batch.ts';
import { asProofsheetError, ProofsheetError } from '../domain/errors.ts';
import { isJobOver, leavesWavesAt, pollAfterMs, tokenOf, type Wave } from '../domain/wave.ts';
import type { App } from './app.ts';
import { collectAgainAt, collectWave } from './collect-wave.ts';
import { closeWave, isComing, isOpen, packWaves } from './pack-wave.ts';
import { pauseFor } from './pause.ts';
import { recipeNamed } from './recipe-settings.ts';
import { isSent, keepBusy, submitWave, uploadWave } from './submit-wave.ts';
import { callPages } from './wave-files.ts';
import { endWaveMoney } from './wave-money.ts';

const ANNOUNCED_AT_ONCE = 300;

/**
 * One look at the waves of a batch: jobs are made, looked at and read, and calls that wait are packed. All of it may be done by
 * several processes at once and repeated after a crash at any point.
 */
export async function advanceWaves(app: App, batchId: string): Promise<void> {
  const batch = await app.batches.get(batchId);
  if (batch === undefined || batch.run.lane !== 'batch' || batch.state !== 'running') return;
  const isHurried = !batch.cancelRequested && (await leavesWaves(app, batch));
  const waves = await app.waves.list(batch.id);
  for (const wave of waves.filter(isOpen)) await advanceWave(app, batch, wave, isHurried);
  // A wave may have paused it.
  const after = await app.batches.get(batchId);
  if (after?.state !== 'running' || after.cancelRequested) return;
  if (isHurried) await sendDirectly(app, batch);
  else {
    // What has come back may have changed whether there are answers of use.
    const packed = await packWaves(app, batch, await app.waves.list(batch.id));
    for (const wave of packed) await advanceWave(app, batch, wave, isHurried);
  }
  await announceAgain(app, batch);
}

/** Asks the jobs of a cancelled batch to end. What they have answered by then is kept for when it is resumed. */
export async function cancelWaves(app: App, batch: Batch): Promise<void> {
  if (batch.run.lane !== 'batch') return;
  for (const wave of await app.waves.list(batch.id)) {
    if (wave.state === 'sent') await guarded(app, batch, wave, async () => void (await cancelJob(app, wave)));
  }
}

/** Takes a wave through as many states as it can go now. */
async function advanceWave(app: App, batch: Batch, from: Wave, isHurried: boolean): Promise<void> {
  await guarded(app, batch, from, async () => {
    let wave = from;
    while (isOpen(wave) && !app.stop.aborted) {
      const now = app.clock.now();
      const isWanted = isHurried || batch.cancelRequested;
      const isDue = wave.dueAt <= now || (wave.state === 'sent' && wave.cancelledAt === undefined && isWanted);
      if (!isDue || (wave.busyUntil ?? 0) > now) return;
      const next = await step(app, batch, wave, isHurried);
      if (next.state === wave.state) return;
      wave = next;
    }
  });
}

async function step(app: App, batch: Batch, wave: Wave, isHurried: boolean): Promise<Wave> {
  switch (wave.state) {
    case 'packing':
      return await closeWave(app, wave);
    case 'packed':
      if (isHurried || batch.cancelRequested) return await unpack(app, batch, wave);
      return await uploadWave(app, batch, wave);
    case 'uploaded':
      if (isHurried || batch.cancelRequested) return await unpack(app, batch, wave);
      return await submitWave(app, batch, wave);
    case 'submitting':
      return await findJob(app, wave);
    case 'sent':
      return await lookAtJob(app, batch, wave, isHurried);
    case 'ended':
      return await collect(app, batch, wave, isHurried);
    case 'done':
      return wave;
  }
}

/** One wave that cannot go on keeps no other from it; what fails for all stops the batch. */
async function guarded(app: App, batch: Batch, { id }: Wave, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    const error = asProofsheetError(thrown);
    if (error.scope === 'batch') return await pauseForWave(app, batch, error);
    if (error.disposition === 'conflict') return;
    app.log.warn({ batchId: batch.id, wave: id, code: error.code, error: error.message }, 'a wave did not get further');
  }
}

async function pauseForWave(app: App, batch: Batch, error: ProofsheetError): Promise<void> {
  app.log.error({ batchId: batch.id, code: error.code, error: error.message }, 'the batch is paused for its waves');
  await app.batches.change(batch.id, (current) =>
    current.state === 'running' && !current.cancelRequested && current.resumedAt === batch.resumedAt
      ? { state: 'paused', pause: pauseFor(app, error) }
      : undefined,
  );
}

/** A job may have been made that nobody heard of: it is looked for until it would be listed, then it is made again. */
async function findJob(app: App, wave: Wave): Promise<Wave> {
  const { settleMs } = app.limits.waves;
  const now = app.clock.now();
  const [job, ...others] = await app.jobs.find(tokenOf(wave), wave.model);
  if (job !== undefined) {
    for (const other of others) await app.jobs.cancel(other.name);
    return await isSent(app, wave, job.name);
  }
  const isGone = now - (wave.submittingAt ?? 0) >= settleMs;
  return await app.waves.change(wave, ({ state, submittingAt }) => {
    if (state !== 'submitting' || submittingAt !== wave.submittingAt) return undefined;
    return isGone ? { state: 'uploaded', dueAt: now } : { dueAt: now + pollAfterMs(0, app.limits.waves) };
  });
}

async function lookAtJob(app: App, batch: Batch, wave: Wave, isHurried: boolean): Promise<Wave> {
  const name = wave.job ?? '';
  const isCancelled = (isHurried || batch.cancelRequested) && (await cancelJob(app, wave));
  const job = await app.jobs.get(name);
  const now = app.clock.now();
  const isOver = isJobOver(job.state);
  app.log.info(
    { batchId: batch.id, wave: wave.id, job: name, state: job.state, completed: job.completed },
    'a job was looked at',
  );
  const isWaitedOut = wave.cancelledAt !== undefined && now - wave.cancelledAt > app.limits.waves.cancelMs;
  if (!isOver && isHurried && isWaitedOut) return await unpack(app, batch, wave);
  return await app.waves.change(wave, ({ state, looks }) => {
    if (state !== 'sent') return undefined;
    const found = { jobState: job.state, ...(job.completed !== undefined && { completed: job.completed }) };
    const reason = job.reason === undefined ? {} : { reason: job.reason };
    if (isOver) return { ...found, ...reason, state: 'ended', endedAt: now, looks: 0, dueAt: now };
    const looked = isCancelled ? 0 : looks + 1;
    return { ...found, looks: looked, dueAt: now + pollAfterMs(looked, app.limits.waves) };
  });
}

/** Says whether it was asked now. */
async function cancelJob(app: App, wave: Wave): Promise<boolean> {
  if (wave.cancelledAt !== undefined || wave.job === undefined) return false;
  await app.jobs.cancel(wave.job);
  await app.waves.change(wave, ({ cancelledAt }) =>
    cancelledAt === undefined ? { cancelledAt: app.clock.now() } : undefined,
  );
  return true;
}

async function collect(app: App, batch: Batch, wave: Wave, isHurried: boolean): Promise<Wave> {
  const alive = keepBusy(app, wave);
  await alive();
  try {
    const done = await collectWave(app, batch, wave, { alive, isHurried });
    refuseUseless(done);
    return done;
  } catch (thrown) {
    const dueAt = collectAgainAt(app, wave);
    await app.waves.change(wave, ({ state, looks }) =>
      state === 'ended' ? { busyUntil: undefined, looks: looks + 1, dueAt } : undefined,
    );
    throw thrown;
  }
}

/** A job whose answers are of no use says what the next thousands would be like. */
function refuseUseless({ canary, came, calls, model }: Wave): void {
  if (!canary || came === undefined) return;
  const all = came.answered + came.again + came.direct;
  if (came.useful * 2 >= all) return;
  const message = `Of the ${calls} calls of ${model} that went ahead in the batch lane only ${came.useful} came back with an answer of use, so nothing more was sent; resume tries so many again, or cancel and run with another lane.`;
  throw new ProofsheetError('malformed_answer', message, { scope: 'batch' });
}

/** Calls of a wave that is not to go out after all. */
async function unpack(app: App, batch: Batch, wave: Wave): Promise<Wave> {
  for await (const calls of callPages(app, wave)) {
    const moves = calls.map(({ id, tries }) => ({ id, tries, standing: { state: 'waiting' as const } }));
    await app.waves.move(wave.batchId, wave.id, moves);
  }
  // A job that runs on may still be billed.
  await endWaveMoney(app, batch, wave, wave.job === undefined ? 0 : 'lost');
  return await app.waves.change(wave, ({ state }) => (state === wave.state ? { state: 'done' } : undefined));
}

/** Whether the batch's deadline leaves no time for waves. Once it does not, that stays so. */
async function leavesWaves(app: App, batch: Batch): Promise<boolean> {
  const { deadline, maxConcurrent } = batch.run;
  if (deadline === undefined) return false;
  if (batch.leftWavesAt !== undefined) return true;
  const counts = await app.batches.counts(batch.id);
  const { most } = recipeNamed(app, batch.recipe).callsPerItem(batch.recipeSettings);
  const openCalls = (counts.total - settledOf(counts)) * most;
  const now = app.clock.now();
  if (now < leavesWavesAt({ deadline, startedAt: batch.createdAt, openCalls, maxConcurrent })) return false;
  app.log.warn({ batchId: batch.id, openCalls }, 'the deadline is near: what is open leaves the batch lane');
  await app.batches.change(batch.id, ({ leftWavesAt }) =>
    leftWavesAt === undefined ? { leftWavesAt: now } : undefined,
  );
  return true;
}

/** What waits is made as single calls. */
async function sendDirectly(app: App, batch: Batch): Promise<void> {
  const reason = 'The deadline of the batch leaves no time for another wave.';
  while (true) {
    const calls = await app.waves.calls(batch.id, { state: 'waiting', limit: ANNOUNCED_AT_ONCE });
    const moves = calls.map(({ id, tries }) => ({ id, tries, standing: { state: 'direct' as const, reason } }));
    await app.waves.move(batch.id, undefined, moves);
    await announce(app, batch, calls);
    if (calls.length < ANNOUNCED_AT_ONCE) return;
  }
}

/** Answers whose messages were lost, by a crash just before they were sent, are announced again while nothing else happens. */
async function announceAgain(app: App, batch: Batch): Promise<void> {
  const now = app.clock.now();
  const every = 2 * app.limits.waves.pollMs;
  if (now - (batch.answersAt ?? 0) < every || (await isComing(app, batch))) return;
  const states = ['answered', 'direct'] as const;
  const pages = states.map((state) => app.waves.calls(batch.id, { state, limit: ANNOUNCED_AT_ONCE }));
  const calls = (await Promise.all(pages)).flat();
  if (calls.length === 0) return;
  await app.batches.change(batch.id, () => ({ answersAt: now }));
  await announce(app, batch, calls);
}

async function announce(app: App, batch: Batch, calls: readonly { itemId: string }[]): Promise<void> {
  const items = new Set(calls.map(({ itemId }) => itemId));
  await app.queue.publish([...items].map((itemId) => ({ kind: 'process', batchId: batch.id, itemId })));
}
