import { afterAll, beforeAll, expect, it } from 'vitest';
import { itemFields } from '../../functions/platform/google/firestore-documents.ts';
import { itemRef } from '../../functions/platform/google/firestore-layout.ts';
import { sampleBatch, sampleInput } from '../contract/samples.ts';
import { describeEmulated } from '../support/describe-emulated.ts';
import { type Emulator, startFirestoreEmulator } from '../support/emulators.ts';
import { firestoreOn, firestoreSubject } from '../support/firestore-subject.ts';
import { waitUntil } from '../support/wait-until.ts';

describeEmulated('Changes in Firestore', () => {
  let emulator: Emulator;
  beforeAll(async () => {
    emulator = await startFirestoreEmulator();
  });
  afterAll(() => emulator.stop());

  it('tell of an end that is written long after its time, when more came meanwhile than a listener holds', async () => {
    const db = firestoreOn(emulator.host);
    const { platform, close } = firestoreSubject(db);
    const { batches, changes } = platform;
    const batch = sampleBatch();
    await batches.create(batch);
    const stop = new AbortController();
    const told = new Set<string>();
    const following = changes.follow(batch.id, { after: '0', signal: stop.signal }, (change) => {
      if (change.kind === 'ended') for (const { item } of change.ended) told.add(item.id);
    });
    const refusal = { code: 'empty_file', message: 'No bytes.' } as const;
    const inputs = Array.from({ length: 310 }, (_, index) => sampleInput(`${batch.id} ${index}`, { refusal }));
    const items = await batches.addItems(batch.id, inputs);
    await waitUntil(() => told.size === 310);
    const [first] = items;
    if (first?.settledAt === undefined) throw new Error('the item has not ended');
    const late = { ...first, id: 'late', name: 'late.jpg', settledAt: first.settledAt - 20_000 };
    await itemRef(db, batch.id, late.id).create(itemFields(late));
    await waitUntil(() => told.has('late'));
    const behind = await changes.ended(batch.id, { after: await changes.last(batch.id), limit: 400, again: true });
    expect(behind.map(({ item }) => item.id)).toContain('late');
    stop.abort();
    await following;
    await close();
  });
});
