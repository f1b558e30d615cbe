import type { Batch, Item } from '../domain/batch.ts';
import { ACK, type Disposal } from '../domain/message.ts';
import type { WaveCall } from '../domain/wave.ts';
import type { PassResult } from '../engine/pass.ts';
import { hashOf } from '../lib/hash.ts';
import type { Claim } from '../platform/ports.ts';
import type { App } from './app.ts';

/** What an item of the batch lane parked in earlier passes. The first claim of an item finds none. */
export async function parkedCallsOf(app: App, batch: Batch, claim: Claim): Promise<WaveCall[]> {
  if (batch.run.lane !== 'batch' || claim.fence === 1) return [];
  return await app.waves.callsOf(batch.id, claim.item.id);
}

/**
 * Keeps the calls that a pass parked, then gives the item back as parked. Dying in between parks them again, to no effect. An answer
 * that comes before the item is given back has a message, which comes again until it is.
 */
export async function parkItem(
  app: App,
  batch: Batch,
  claim: Claim,
  result: PassResult & { kind: 'parked' },
): Promise<Disposal> {
  const { id: itemId } = claim.item;
  const parkedAt = app.clock.now();
  const calls = result.calls.map(({ key, fingerprint, request }): WaveCall => {
    const id = hashOf({ batchId: batch.id, itemId, key, fingerprint }).slice(0, 32);
    const place = { id, batchId: batch.id, itemId, key, fingerprint, request };
    return { ...place, parkedAt, depth: result.steps.length, tries: 0, standing: { state: 'waiting' } };
  });
  await app.waves.park(batch.id, calls);
  await app.journal.release(claim, { state: 'parked', countsAsClaim: false });
  return ACK;
}

/** Drops calls whose answers are recorded; once the item ends, all of its calls, unless they may be of use when it is resumed. */
export async function forgetCalls(
  app: App,
  batch: Batch,
  calls: readonly WaveCall[],
  result: PassResult,
): Promise<void> {
  const recorded = new Set(result.steps.map((step) => `${step.key} ${step.fingerprint}`));
  const isOver = result.kind === 'done' || (result.kind === 'failed' && result.error.disposition === 'permanent');
  const done = calls.filter((call) => isOver || recorded.has(`${call.key} ${call.fingerprint}`));
  if (done.length === 0) return;
  const ids = done.map(({ id }) => id);
  await app.waves.forget(batch.id, ids);
}

/** What is left of an item whose worker died between its end and forgetting its calls. Those of a cancelled item are for when it is resumed. */
export async function forgetSettled(app: App, batch: Batch, item: Item): Promise<void> {
  if (batch.run.lane !== 'batch' || item.state === 'cancelled') return;
  const calls = await app.waves.callsOf(batch.id, item.id);
  const ids = calls.map(({ id }) => id);
  if (ids.length > 0) await app.waves.forget(batch.id, ids);
}
