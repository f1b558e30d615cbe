import type { Batch } from '../domain/batch.ts';
import { callTimeoutMs } from '../domain/run-settings.ts';
import type { WaveCall } from '../domain/wave.ts';
import { type DirectLane, directLane, type Lane, parkingLane } from '../engine/lane.ts';
import type { App } from './app.ts';
import { type Holder, purseOf } from './spending.ts';

/** Of a delivery's time for calls, the most that one call is given. */
const LONGEST_CALL_SHARE = 3 / 4;

export interface CallsOf {
  /** When the delivery began that makes them. */
  begun: number;
  /** Failed tries of the call at hand in earlier deliveries. */
  triesBefore(): number;
  /** Who answers for the money that is held for them. */
  holder: Holder;
}

/** Calls of a batch that are made now. */
export function callLane(app: App, batch: Batch, of: CallsOf): DirectLane {
  const { maxRetries, lane, maxConcurrent } = batch.run;
  const { callsMs, limitWaitMs } = app.limits;
  return directLane({
    name: lane === 'batch' ? 'standard' : lane,
    models: app.models,
    clock: app.clock,
    limiterFor: (model) => app.limiterFor(model, maxConcurrent),
    pauses: app.sharedPauses,
    maxTries: maxRetries,
    triesBefore: of.triesBefore,
    timeoutMs: Math.min(callTimeoutMs(batch.run), LONGEST_CALL_SHARE * callsMs),
    endBy: of.begun + callsMs,
    limitWaitMs,
    purse: purseOf(app, batch, of.holder),
  });
}

/** As `callLane`, but in the batch lane calls wait for a wave; `parked` are those of the item that earlier deliveries parked. */
export function itemLane(app: App, batch: Batch, of: CallsOf & { parked: readonly WaveCall[] }): Lane {
  const now = callLane(app, batch, of);
  if (batch.run.lane !== 'batch') return now;
  return parkingLane(now, of.parked, { parks: batch.leftWavesAt === undefined });
}
