import type { Batch } from '../domain/batch.ts';
import { costOf } from '../domain/cost.ts';
import { asProofsheetError } from '../domain/errors.ts';
import type { ModelRequest } from '../domain/model-call.ts';
import type { Wave } from '../domain/wave.ts';
import type { HeldMoney } from '../engine/purse.ts';
import type { JobAnswer } from '../platform/wave-ports.ts';
import type { App } from './app.ts';
import { heldForCalls, holdForCalls, isLimited } from './spending.ts';
import { callPages } from './wave-files.ts';

/** Holds the most that the calls of a wave can cost, before its job is made; undefined where others hold money that may come free. */
export async function holdForWave(app: App, batch: Batch, wave: Wave): Promise<HeldMoney | undefined> {
  const requests: ModelRequest[] = [];
  if (isLimited(app, batch)) {
    for await (const calls of callPages(app, wave)) requests.push(...calls.map(({ request }) => request));
  }
  return await holdForCalls(app, batch, ownerOf(wave), requests);
}

/** Ends what is held for a wave: by its bill, or as lost where nobody knows what its job has cost. */
export async function endWaveMoney(app: App, batch: Batch, wave: Wave, spentNano: number | 'lost'): Promise<void> {
  const held = await heldForCalls(app, batch, ownerOf(wave));
  await (spentNano === 'lost' ? held?.lost() : held?.spent(spentNano));
}

/** Adds up what the answers of a job cost, also of those that were given to their calls before; 0 where nothing limits spending. */
export function waveBill(app: App, batch: Batch, wave: Wave): { nano: number; add(answer: JobAnswer): void } {
  const limited = isLimited(app, batch);
  return {
    nano: 0,
    add(answer) {
      if (limited) this.nano += answerCost(app, batch, wave, answer);
    },
  };
}

function answerCost(app: App, batch: Batch, { model, sentAt }: Wave, answer: JobAnswer): number {
  // The call may be gone; its bill is the same whatever it asked for.
  const paid = billOf(() => answer.answerTo({ kind: 'text', model, parts: [{ text: '' }] }));
  if (paid === undefined) return 0;
  const { usage, modelVersion } = paid;
  const cost = costOf({ model, modelVersion, usage, lane: 'batch', at: sentAt ?? app.clock.now() }, app.prices);
  return cost ?? batch.run.assumedCallNano ?? 0;
}

function billOf(read: () => ReturnType<JobAnswer['answerTo']>) {
  try {
    return read();
  } catch (thrown) {
    return asProofsheetError(thrown).paid;
  }
}

function ownerOf(wave: Wave): string {
  return `wave/${wave.id}`;
}
