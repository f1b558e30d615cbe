import type { Firestore } from '@google-cloud/firestore';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { firestoreSources } from '../../functions/platform/google/firestore-sources.ts';
import { describeEmulated } from '../support/describe-emulated.ts';
import { photo } from '../support/drop-recipes.ts';
import { type DropWorld, dropWorld } from '../support/drop-world.ts';
import { type Emulator, startFirestoreEmulator } from '../support/emulators.ts';
import { meterOf } from '../support/firestore-meter.ts';
import { firestoreOn, firestoreSubject } from '../support/firestore-subject.ts';

const MINUTE = 60_000;

describeEmulated('Drops over Firestore', () => {
  let emulator: Emulator;
  beforeAll(async () => {
    emulator = await startFirestoreEmulator();
  });
  afterAll(() => emulator.stop());

  async function worldOverFirestore(): Promise<{ world: DropWorld; db: Firestore }> {
    const db = firestoreOn(emulator.host);
    onTestFinished(() => db.terminate());
    const { batches, journal } = firestoreSubject(db).platform;
    const store = { batches, journal, sources: firestoreSources(db) };
    // Firestore dates by its own clock, which is not that of the test.
    return { db, world: await dropWorld({ store, limits: { itemAgeMs: Number.POSITIVE_INFINITY } }) };
  }

  it('are one batch for a folder, whose document is not written with every event', async () => {
    const { world, db } = await worldOverFirestore();
    for (let n = 0; n < 40; n += 1) await world.upload(`shoes/${n}.png`);
    const first = world.events.splice(0);
    const opened = await Promise.all(first.map((event) => world.ingest(event)));
    expect(opened.filter(({ kind }) => kind === 'opened')).toHaveLength(1);
    const meter = meterOf(db);
    for (let n = 40; n < 80; n += 1) await world.upload(`shoes/${n}.png`);
    world.wait(15_000);
    for (let n = 80; n < 120; n += 1) await world.upload(`shoes/${n}.png`);
    await Promise.all(world.events.splice(0).map((event) => world.ingest(event)));
    // Each event looks for its batch; many see at once that a note is due, and one writes it.
    expect(meter.reads).toBeLessThanOrEqual(3 * 80);
    const [batch, ...others] = await world.batches();
    expect(others).toEqual([]);
    expect(batch?.drop?.lastArrivalAt).toBe(world.clock.now());
    expect(world.messages.waiting).toHaveLength(3);
    expect(meter.commits).toBeLessThanOrEqual(80 / 2);
  });

  it('come to the same end there: late files, new versions, a mark', async () => {
    const { world } = await worldOverFirestore();
    await world.upload('shoes/batch.json', '{"prompt": "by the sea"}');
    await world.upload('shoes/left.png');
    await world.upload('shoes/readme.txt', 'hello');
    await world.pass(MINUTE);
    await world.upload('shoes/left.png', photo('another left'));
    await world.upload('shoes/_READY', '');
    await world.pass(MINUTE);
    await world.upload('shoes/right.png');
    await world.pass(5 * MINUTE);
    const batches = await world.batches();
    expect(batches.map(({ name, state, ignored }) => ({ name, state, ignored }))).toEqual([
      { name: 'shoes', state: 'finished', ignored: { 'not a picture': 1 } },
      { name: 'shoes (2)', state: 'finished', ignored: {} },
    ]);
    expect(batches[0]?.drop?.look).toBeUndefined();
    expect(await world.items(batches[0]?.id ?? '')).toEqual(['shoes/left.png passed', 'shoes/left.png passed']);
    expect(await world.items(batches[1]?.id ?? '')).toEqual(['shoes/right.png passed']);
    expect(world.requests).toHaveLength(3);
  });

  it('trip the breaker by counts that all processes share', async () => {
    const { world } = await worldOverFirestore();
    for (let n = 0; n <= 10; n += 1) {
      await world.upload('shoes/left.png', photo(`version ${n}`));
      await world.pass(MINUTE, () => world.newApp());
    }
    expect((await world.batches()).at(-1)?.pause?.code).toBe('loop_suspected');
    expect(world.requests).toHaveLength(10);
  });
});
