import pLimit from 'p-limit';
import type { Batch } from '../domain/batch.ts';
import { asProofsheetError, ProofsheetError } from '../domain/errors.ts';
import { isShaped, pollAfterMs, type Wave, type WaveAnswer, type WaveCall } from '../domain/wave.ts';
import { refusalOf, stored } from '../engine/pass.ts';
import type { CallMove, JobAnswer } from '../platform/wave-ports.ts';
import type { App } from './app.ts';
import { callPages, linesOf, waveUri } from './wave-files.ts';
import { endWaveMoney, waveBill } from './wave-money.ts';

/** Answers that are recorded together, and pictures that are stored at a time. */
const AT_ONCE = 100;
const STORED_AT_ONCE = 8;
/** How often results are fetched again that have fewer lines than the service counts. */
const SHORT_LOOKS = 5;

type Came = NonNullable<Wave['came']>;

/**
 * Reads the results of a job that is over and gives each answer to its call, by key: their order is not promised, nor that none is
 * missing or there twice. They are first copied whole beside the batch's results. Everything may be repeated after a crash:
 * a call that has its answer is no longer in the wave. What has no answer is asked again, or made as a single call.
 */
export async function collectWave(
  app: App,
  batch: Batch,
  wave: Wave,
  of: { alive(): Promise<void>; isHurried: boolean },
): Promise<Wave> {
  const calls = new Map<string, WaveCall>();
  for await (const page of callPages(app, wave)) for (const call of page) calls.set(call.id, call);
  const came: Came = wave.came ?? { answered: 0, useful: 0, again: 0, direct: 0 };
  const lines = await copyResults(app, batch, wave, of);
  const seen = new Set<string>();
  const bill = waveBill(app, batch, wave);
  let some: { call: WaveCall; answer: JobAnswer }[] = [];
  const flush = async () => {
    await giveAnswers(app, batch, wave, some, { came, isHurried: of.isHurried });
    some = [];
    await of.alive();
  };
  for await (const line of lines) {
    const answer = await app.jobs.read(line);
    if (answer === undefined || seen.has(answer.key)) continue;
    seen.add(answer.key);
    bill.add(answer);
    const call = calls.get(answer.key);
    if (call !== undefined) some.push({ call, answer });
    if (some.length >= AT_ONCE) await flush();
  }
  await flush();
  if (seen.size < (wave.completed ?? 0) && wave.looks < SHORT_LOOKS && wave.jobState !== 'lost') {
    const message = `The results of ${wave.job} have ${seen.size} lines of ${wave.completed}; they are fetched again.`;
    throw new ProofsheetError('bad_response', message, { disposition: 'transient' });
  }
  const missing: WaveCall[] = [];
  for await (const page of callPages(app, wave)) missing.push(...page);
  await giveUpMissing(app, batch, wave, missing, { came, isHurried: of.isHurried });
  await app.files.remove(waveUri(app, batch, wave, 'calls'));
  await endWaveMoney(app, batch, wave, wave.jobState === 'lost' ? 'lost' : bill.nano);
  return await app.waves.change(wave, ({ state }) =>
    state === 'ended' ? { state: 'done', came, busyUntil: undefined } : undefined,
  );
}

/** The results as lines of the copy; none of a job that left none. */
async function copyResults(
  app: App,
  batch: Batch,
  wave: Wave,
  { alive }: { alive(): Promise<void> },
): Promise<AsyncIterable<string> | string[]> {
  if (wave.job === undefined || wave.jobState === undefined || wave.jobState === 'lost') return [];
  const uri = waveUri(app, batch, wave, 'results');
  try {
    const results = await app.jobs.results({ name: wave.job, state: wave.jobState });
    await app.files.write(uri, throughout(results, alive), 'application/jsonl');
  } catch (thrown) {
    const error = asProofsheetError(thrown);
    if (error.code !== 'model_not_found') throw error;
    app.log.error({ batchId: batch.id, wave: wave.id, error: error.message }, 'the results of a job are gone');
    return [];
  }
  return linesOf(app, uri);
}

async function* throughout(parts: AsyncIterable<Uint8Array>, alive: () => Promise<void>): AsyncGenerator<Uint8Array> {
  for await (const part of parts) {
    await alive();
    yield part;
  }
}

async function giveAnswers(
  app: App,
  batch: Batch,
  wave: Wave,
  some: readonly { call: WaveCall; answer: JobAnswer }[],
  { came, isHurried }: { came: Came; isHurried: boolean },
): Promise<void> {
  const atOnce = pLimit(STORED_AT_ONCE);
  const moves = await Promise.all(
    some.map(({ call, answer }) => atOnce(() => moveOf(app, wave, call, answer, isHurried))),
  );
  for (const [index, { standing }] of moves.entries()) {
    const request = some[index]?.call.request;
    if (standing.state === 'waiting') came.again += 1;
    else if (standing.state === 'direct') came.direct += 1;
    else {
      came.answered += 1;
      const { outcome } = standing.answer;
      if (outcome.ok && request !== undefined && isShaped(request, outcome.text)) came.useful += 1;
    }
  }
  await giveBack(
    app,
    batch,
    wave,
    some.map(({ call }) => call),
    moves,
  );
}

/** Recorded first, then announced. */
async function giveBack(
  app: App,
  batch: Batch,
  wave: Wave,
  calls: readonly WaveCall[],
  moves: readonly CallMove[],
): Promise<void> {
  if (moves.length === 0) return;
  await app.waves.move(batch.id, wave.id, moves);
  const goOn = new Set(moves.filter(({ standing }) => standing.state !== 'waiting').map(({ id }) => id));
  const items = new Set(calls.filter(({ id }) => goOn.has(id)).map(({ itemId }) => itemId));
  await app.queue.publish([...items].map((itemId) => ({ kind: 'process', batchId: batch.id, itemId })));
}

async function moveOf(app: App, wave: Wave, call: WaveCall, answer: JobAnswer, isHurried: boolean): Promise<CallMove> {
  const startedAt = wave.sentAt ?? wave.createdAt;
  const times = { startedAt, tookMs: Math.max(0, (wave.endedAt ?? app.clock.now()) - startedAt) };
  let given: WaveAnswer;
  try {
    const { usage, modelVersion, responseId, ...content } = answer.answerTo(call.request);
    given = { outcome: await stored(content, app.files), paid: { usage, modelVersion, responseId }, ...times };
  } catch (thrown) {
    const error = asProofsheetError(thrown);
    if (error.paid === undefined) return unanswered(app, call, error, isHurried);
    given = { outcome: refusalOf(error), paid: error.paid, ...times };
  }
  return { id: call.id, tries: call.tries, standing: { state: 'answered', answer: given } };
}

/**
 * A call that failed and was not billed: what may pass by itself goes out with another wave, some times; what the service refuses
 * in a job it may take as a single call, which also says best what is wrong.
 */
function unanswered(app: App, call: WaveCall, error: ProofsheetError, isHurried: boolean): CallMove {
  if (error.code === 'storage' || error.code === 'storage_unavailable') throw error;
  const tries = call.tries + 1;
  const goesAgain = error.disposition === 'transient' && tries < app.limits.waves.maxTries && !isHurried;
  if (goesAgain) return { id: call.id, tries, standing: { state: 'waiting' } };
  return { id: call.id, tries, standing: { state: 'direct', reason: error.message.slice(0, 300) } };
}

async function giveUpMissing(
  app: App,
  batch: Batch,
  wave: Wave,
  missing: readonly WaveCall[],
  { came, isHurried }: { came: Came; isHurried: boolean },
): Promise<void> {
  const error = new ProofsheetError('server_error', reasonOf(wave), { disposition: 'transient' });
  const moves = missing.map((call): CallMove => {
    // Who cancels has not been let down by the service.
    if (wave.cancelledAt !== undefined && !isHurried)
      return { id: call.id, tries: call.tries, standing: { state: 'waiting' } };
    return unanswered(app, call, error, isHurried);
  });
  const direct = moves.filter(({ standing }) => standing.state === 'direct').length;
  if (direct > app.limits.waves.canary.above && !isHurried) await stopInsteadOfPaying(app, batch, wave, missing);
  came.direct += direct;
  came.again += moves.length - direct;
  for (let start = 0; start < moves.length; start += AT_ONCE) {
    await giveBack(app, batch, wave, missing.slice(start, start + AT_ONCE), moves.slice(start, start + AT_ONCE));
  }
}

/** Many calls at twice the price are for a person to decide on: the batch pauses, and they may wait for another wave. */
async function stopInsteadOfPaying(app: App, batch: Batch, wave: Wave, missing: readonly WaveCall[]): Promise<never> {
  const moves = missing.map((call): CallMove => ({ id: call.id, tries: 0, standing: { state: 'waiting' } }));
  await app.waves.move(batch.id, wave.id, moves);
  const message = `${reasonOf(wave)} ${missing.length} calls were sent ${app.limits.waves.maxTries} times without an answer; resume sends them again, cancel ends the batch.`;
  throw new ProofsheetError('server_error', message, { scope: 'batch' });
}

function reasonOf({ job, jobState, reason }: Wave): string {
  return `The job ${job} ended as ${jobState} without an answer to the call${reason === undefined ? '' : ` (${reason})`}.`;
}

/** When results that could not be read are fetched again. */
export function collectAgainAt(app: App, { looks }: Pick<Wave, 'looks'>): number {
  return app.clock.now() + pollAfterMs(looks, app.limits.waves);
}
