import type { Batch } from '../domain/batch.ts';
import { beginsAt, nextLook } from '../domain/drop.ts';
import type { App } from './app.ts';
import { isDrop } from './begin-drop.ts';

const PAGE = 200;

/**
 * Has every open drop looked at that has a reason for it: one that has gone quiet is closed by that. To be called every now and
 * then where no sweep runs; nothing depends on an event or a message arriving. Gives how many are looked at.
 */
export async function closeQuietDrops(app: Pick<App, 'batches' | 'queue' | 'clock'>): Promise<number> {
  let looks = 0;
  let after: string | undefined;
  while (true) {
    const page = await app.batches.list({ limit: PAGE, unfinished: true, ...(after !== undefined && { after }) });
    for (const batch of page) if (await lookIfDue(app, batch)) looks += 1;
    after = page.at(-1)?.id;
    if (page.length < PAGE) return looks;
  }
}

/** Has the folder of a drop looked at if there is a reason for it. */
export async function lookIfDue(app: Pick<App, 'queue' | 'clock'>, batch: Batch): Promise<boolean> {
  const isDue = isLookDue(batch, app.clock.now());
  if (isDue) await app.queue.publish([{ kind: 'expand', batchId: batch.id }]);
  return isDue;
}

function isLookDue(batch: Batch, now: number): boolean {
  if (!isDrop(batch) || batch.sealed || batch.state !== 'running') return false;
  if ((batch.planner?.leaseUntil ?? 0) > now) return false;
  if (batch.drop.begunAt === undefined) return now >= beginsAt(batch);
  return batch.drop.look !== undefined || nextLook(batch, now) !== 'nothing';
}
