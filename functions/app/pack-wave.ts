import type { Batch } from '../domain/batch.ts';
import { asProofsheetError } from '../domain/errors.ts';
import { fitting, type Wave, type WaveCall } from '../domain/wave.ts';
import type { App } from './app.ts';
import { recipeNamed } from './recipe-settings.ts';

const JOIN_AT_ONCE = 500;
/** Calls that are ahead of the many wait for them, unless they are more than this share. */
const FEW = 1 / 5;

/**
 * Packs calls that wait into waves, a model at a time: when nothing more is to come for now, when a wave is full, or when calls
 * have waited for long. Gives the waves.
 */
export async function packWaves(app: App, batch: Batch, waves: readonly Wave[]): Promise<Wave[]> {
  const models = new Set(recipeNamed(app, batch.recipe).models(batch.recipeSettings));
  const limit = app.limits.waves.maxCalls;
  const waiting: WaveCall[] = [];
  for (const model of models) waiting.push(...(await app.waves.calls(batch.id, { state: 'waiting', model, limit })));
  if (waiting.length === 0) return [];
  const moment = { now: app.clock.now(), isComing: await isMoreComing(app, batch), isUnderWay: waves.some(isOpen) };
  const packed: Wave[] = [];
  for (const load of loadsOf(app, waiting, waves)) {
    if (!isReady(app, load, moment)) continue;
    const number = waves.length + packed.length + 1;
    const wave = await pack(app, batch, number, load);
    // Somebody else packs at this moment.
    if (wave === undefined) return packed;
    packed.push(wave);
  }
  return packed;
}

export function isOpen({ state }: Wave): boolean {
  return state !== 'done';
}

/** Whether items of the batch are still on their way to their next call. */
export async function isComing(app: App, batch: Batch): Promise<boolean> {
  if (!batch.sealed) return true;
  return (await app.batches.items(batch.id, { states: ['queued', 'running'], limit: 1 })).length > 0;
}

/** Items that have an answer are on their way as well, although they are still parked. */
async function isMoreComing(app: App, batch: Batch): Promise<boolean> {
  if (await isComing(app, batch)) return true;
  const states = ['answered', 'direct'] as const;
  const some = await Promise.all(states.map((state) => app.waves.calls(batch.id, { state, limit: 1 })));
  return some.flat().length > 0;
}

/** What could go out as one wave. */
interface Load {
  calls: WaveCall[];
  canary: boolean;
  isFull: boolean;
}

function loadsOf(app: App, waiting: readonly WaveCall[], waves: readonly Wave[]): Load[] {
  const { canary } = app.limits.waves;
  const loads: Load[] = [];
  const together = withTheMany(waiting);
  for (const [model, calls] of Map.groupBy(together, (call) => call.request.model)) {
    const ready: WaveCall[] = [];
    for (const [kind, some] of Map.groupBy(calls, (call) => call.request.kind)) {
      const own = waves.filter((wave) => wave.model === model && wave.kinds.includes(kind));
      const isProven = own.some((wave) => (wave.came?.useful ?? 0) > 0);
      if (isProven || some.length <= canary.above) ready.push(...some);
      else if (!own.some(isOpen)) loads.push({ calls: some.slice(0, canary.calls), canary: true, isFull: false });
    }
    const calledNow = fitting(ready, app.limits.waves);
    if (calledNow.length > 0) {
      loads.push({ calls: calledNow, canary: false, isFull: calledNow.length < ready.length });
    }
  }
  return loads;
}

/**
 * Few that are ahead of the many, as those are whose calls went out first, wait for them: else every later step would need two
 * waves. Those that are behind go along.
 */
function withTheMany(waiting: readonly WaveCall[]): readonly WaveCall[] {
  const depths = [...Map.groupBy(waiting, (call) => call.depth)].toSorted(([, a], [, b]) => b.length - a.length);
  const [main] = depths;
  if (main === undefined) return waiting;
  const [depth, many] = main;
  const ahead = waiting.filter((call) => call.depth > depth);
  return ahead.length <= many.length * FEW ? waiting.filter((call) => call.depth <= depth) : waiting;
}

function isReady(app: App, load: Load, moment: { now: number; isComing: boolean; isUnderWay: boolean }): boolean {
  if (load.isFull) return true;
  const { gatherMs, stragglerMs } = app.limits.waves;
  const { now, isUnderWay } = moment;
  const waited = now - Math.min(...load.calls.map((call) => call.parkedAt));
  if (load.canary) return !isUnderWay || waited >= gatherMs;
  if (!moment.isComing && !isUnderWay) return true;
  return waited >= (isUnderWay ? stragglerMs : gatherMs);
}

/** Undefined where another process made the wave of this number. */
async function pack(app: App, batch: Batch, number: number, { calls, canary }: Load): Promise<Wave | undefined> {
  const [first] = calls;
  if (first === undefined) return undefined;
  const now = app.clock.now();
  const wave: Wave = {
    id: String(number).padStart(4, '0'),
    batchId: batch.id,
    model: first.request.model,
    kinds: [...new Set(calls.map((call) => call.request.kind))],
    ...{ canary, state: 'packing', calls: 0, createdAt: now, looks: 0 },
    dueAt: now + app.limits.waves.busyMs,
  };
  if (!(await app.waves.create(wave))) return undefined;
  try {
    for (let start = 0; start < calls.length; start += JOIN_AT_ONCE) {
      const some = calls.slice(start, start + JOIN_AT_ONCE);
      await app.waves.join(
        wave,
        some.map(({ id }) => id),
      );
    }
  } catch (thrown) {
    // Taken for dead and closed by somebody else: what has not joined goes out with the next one.
    if (asProofsheetError(thrown).disposition !== 'conflict') throw thrown;
  }
  return await closeWave(app, wave);
}

/** No further call joins. A wave that nobody joined is done. */
export async function closeWave(app: App, wave: Pick<Wave, 'batchId' | 'id'>): Promise<Wave> {
  return await app.waves.change(wave, ({ state, calls }) =>
    state === 'packing' ? { state: calls > 0 ? 'packed' : 'done', dueAt: app.clock.now() } : undefined,
  );
}
