import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../functions/app/app.ts';
import { dispatch } from '../../functions/app/dispatch.ts';
import { startBatch } from '../../functions/app/start-batch.ts';
import { settledOf } from '../../functions/domain/batch.ts';
import type { Platform } from '../../functions/platform/ports.ts';
import { openLocal } from '../platform/local-platform.ts';
import { writePhotos } from '../support/cli.ts';
import { crashingPlatform, type Death } from '../support/crashing-platform.ts';
import { PRICES } from '../support/engine-fakes.ts';
import { fidelityModels } from '../support/fidelity-models.ts';
import { manualClock } from '../support/manual-clock.ts';
import { messageList } from '../support/message-list.ts';
import { makeQuickHome } from '../support/temp-home.ts';

const LONGER_THAN_A_LEASE_MS = 700_000;

let root: Awaited<ReturnType<typeof makeQuickHome>>;
let photos: string;
beforeAll(async () => {
  root = await makeQuickHome();
  photos = join(root.path, 'photos');
  mkdirSync(photos);
  writePhotos(photos, ['a-first.png', 'b-second.png']);
  copyFileSync(join(photos, 'b-second.png'), join(photos, 'c-copy.png'));
});
afterAll(() => root.remove());

/** Works a batch of three items off in processes one after the other; the first ones die where `death` says. */
async function workOff(death: (write: string) => Death) {
  const clock = manualClock();
  const local = openLocal(join(root.path, `home-${homes++}`), { clock });
  const queue = messageList();
  const models = fidelityModels(local.platform.files.open);
  const begin = () => {
    const process = crashingPlatform({ ...local.platform, queue, models }, death);
    return { process, app: createApp(process, { prices: PRICES, stop: new AbortController().signal }) };
  };
  let { process, app } = begin();
  let restarts = 0;
  const restart = () => {
    restarts += 1;
    ({ process, app } = begin());
  };
  try {
    while (true) {
      try {
        await startBatch(app, request());
        break;
      } catch (thrown) {
        if (!process.isDead()) throw thrown;
        restart();
      }
    }
    for (let given = 0; queue.waiting.length > 0; given++) {
      if (given > 200) throw new Error('The batch does not come to an end.');
      const [message] = queue.waiting.splice(0, 1);
      if (message === undefined) break;
      const disposal = await dispatch(app, message).catch(() => undefined);
      if (process.isDead()) restart();
      if (disposal?.kind === 'ack') continue;
      queue.waiting.push(message);
      clock.advance(LONGER_THAN_A_LEASE_MS);
    }
    return { ...(await endOf(local.platform)), paid: models.paid, restarts };
  } finally {
    await local.close();
  }
}

let homes = 0;

function request() {
  return {
    ...{ inputs: [photos], recipe: 'fidelity', recipeSettings: {}, simulated: false, force: false, name: 'photos' },
    selection: { patterns: [], recursive: true, maxFileBytes: 1_000_000 },
    run: { lane: 'standard' as const, maxConcurrent: 5, maxRetries: 5, timeoutMs: 60_000 },
    outputRoot: join(root.path, `output-${homes}`),
    archive: 'none' as const,
  };
}

async function endOf({ batches, journal }: Platform) {
  const [batch, ...others] = await batches.list({ limit: 10 });
  if (batch === undefined || others.length > 0) throw new Error(`There are ${others.length + 1} batches.`);
  const items = await batches.items(batch.id, { limit: 10 });
  const counts = await batches.counts(batch.id);
  expect(settledOf(counts)).toBe(items.length);
  expect(counts.calls).toBe(items.reduce((sum, item) => sum + (item.summary?.calls ?? 0), 0));
  const ends = await Promise.all(
    items.map(async (item) => ({
      ...{ name: item.name, state: item.state, score: item.summary?.score, calls: item.summary?.calls },
      steps: (await journal.steps(item)).map((step) => `${step.key}${step.adopted ? ' adopted' : ''}`),
    })),
  );
  return { state: batch.state, hasReport: batch.report !== undefined, counts, ends };
}

describe('a process that dies at any write', () => {
  it('leaves a batch that the next one brings to the same end with the same calls', async () => {
    const writes: string[] = [];
    const straight = await workOff((write) => {
      writes.push(write);
      return undefined;
    });
    expect(straight).toMatchObject({ state: 'finished', hasReport: true, paid: 5 + 7, restarts: 0 });
    expect(straight.counts).toMatchObject({ total: 3, passed: 3, calls: 12 });
    expect(writes.filter((write) => write === 'journal.append')).toHaveLength(5 + 7 + 1);

    for (const [point, write] of writes.entries()) {
      for (const when of ['before', 'after'] as const) {
        let written = 0;
        const end = await workOff(() => (written++ === point ? when : undefined));
        // What is paid twice is the call whose answer the dead process had in hand.
        const lost = write === 'journal.append' && when === 'before' && !isAdoption(writes, point) ? 1 : 0;
        expect({ ...end, point: `${when} ${write} ${point}` }).toEqual({
          ...straight,
          ...{ paid: straight.paid + lost, restarts: 1, point: `${when} ${write} ${point}` },
        });
      }
    }
  });
});

/** The copy takes its twin's steps over in the last of all appends. */
function isAdoption(writes: readonly string[], point: number): boolean {
  return point === writes.lastIndexOf('journal.append');
}
