import type { Batch } from '../domain/batch.ts';
import type { WaveCall } from '../domain/wave.ts';
import { type DirectLane, directLane, type Lane, parkingLane } from '../engine/lane.ts';
import type { App } from './app.ts';

/** Of a delivery's time for calls, the most that one call is given. */
const LONGEST_CALL_SHARE = 3 / 4;

/** Calls of a batch that are made now, by a delivery that began at `begun`. `triesBefore`: failed tries of the call at hand in earlier deliveries. */
export function callLane(app: App, batch: Batch, of: { begun: number; triesBefore(): number }): DirectLane {
  const { maxRetries, timeoutMs, lane, maxConcurrent } = batch.run;
  const { callsMs, limitWaitMs } = app.limits;
  return directLane({
    name: lane === 'batch' ? 'standard' : lane,
    models: app.models,
    clock: app.clock,
    limiterFor: (model) => app.limiterFor(model, maxConcurrent),
    pauses: app.sharedPauses,
    maxTries: maxRetries,
    triesBefore: of.triesBefore,
    timeoutMs: Math.min(timeoutMs, LONGEST_CALL_SHARE * callsMs),
    endBy: of.begun + callsMs,
    limitWaitMs,
  });
}

/** As `callLane`, but in the batch lane calls wait for a wave; `parked` are those of the item that earlier deliveries parked. */
export function itemLane(
  app: App,
  batch: Batch,
  of: { begun: number; triesBefore(): number; parked: readonly WaveCall[] },
): Lane {
  const now = callLane(app, batch, of);
  if (batch.run.lane !== 'batch') return now;
  return parkingLane(now, of.parked, { parks: batch.leftWavesAt === undefined });
}
