import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { NO_COUNTS } from '../../functions/domain/batch.ts';
import type { Claim } from '../../functions/platform/ports.ts';
import {
  claimed,
  type MakeStoreSubject,
  SAMPLE_DETAIL,
  type StoreSubject,
  sampleBatch,
  sampleInput,
  sampleStep,
  sampleSummary,
} from './samples.ts';

const LOST = { code: 'lease_lost', disposition: 'conflict' };
const RENEW = { leaseMs: 60_000 };

/** What every implementation of `Journal` does. */
export function journalContract(name: string, makeSubject: MakeStoreSubject): void {
  describe(`${name}: journal`, () => {
    let subject: StoreSubject;
    beforeAll(async () => {
      subject = await makeSubject();
    });
    afterAll(() => subject.close());
    const journal = () => subject.platform.journal;
    const batches = () => subject.platform.batches;

    async function newItem() {
      const batch = sampleBatch();
      await batches().create(batch);
      const [item] = await batches().addItems(batch.id, [sampleInput(batch.id)]);
      if (item === undefined) throw new Error('no item was added');
      return { batchId: batch.id, itemId: item.id, now: () => batches().item(batch.id, item.id) };
    }
    /** Claims, lets the lease run out and claims again: the first claim is a zombie's. */
    async function zombie(batchId: string, itemId: string): Promise<{ old: Claim; current: Claim }> {
      const old = await claimed(journal(), batchId, itemId, 1);
      const current = await vi.waitFor(() => claimed(journal(), batchId, itemId), { timeout: 5000, interval: 5 });
      return { old, current };
    }

    it('gives an item to one of many who claim it', async () => {
      const { batchId, itemId } = await newItem();
      const results = await Promise.all(Array.from({ length: 10 }, () => journal().claim(batchId, itemId, 60_000)));
      expect(results.filter((result) => result.kind === 'claimed')).toHaveLength(1);
      expect(results.filter((result) => result.kind === 'busy')).toHaveLength(9);
    });

    it('counts claims and raises the fence', async () => {
      const { batchId, itemId, now } = await newItem();
      const first = await claimed(journal(), batchId, itemId);
      expect(first).toMatchObject({ fence: 1, item: { state: 'running', fence: 1, claims: 1, epoch: 0 } });
      expect(first.item.firstClaimedAt).toBeGreaterThan(0);
      expect(first.item.leaseUntil).toBeGreaterThan(first.item.firstClaimedAt ?? Number.POSITIVE_INFINITY);
      expect(await now()).toEqual(first.item);
      await journal().release(first, { state: 'queued', countsAsClaim: true });
      const second = await claimed(journal(), batchId, itemId);
      expect(second).toMatchObject({ fence: 2, item: { claims: 2, firstClaimedAt: first.item.firstClaimedAt } });
    });

    it('gives a released item back without its lease, counting the claim or not', async () => {
      const { batchId, itemId, now } = await newItem();
      await journal().release(await claimed(journal(), batchId, itemId), { state: 'queued', countsAsClaim: false });
      const queued = await now();
      expect(queued).toMatchObject({ state: 'queued', claims: 0, fence: 1 });
      expect(queued?.owner).toBeUndefined();
      expect(queued?.leaseUntil).toBeUndefined();
      await journal().release(await claimed(journal(), batchId, itemId), { state: 'parked', countsAsClaim: true });
      expect(await now()).toMatchObject({ state: 'parked', claims: 1, fence: 2 });
      expect(await claimed(journal(), batchId, itemId)).toMatchObject({ fence: 3 });
    });

    it('takes an item over when its lease has run out, and refuses every write of the first owner', async () => {
      const { batchId, itemId, now } = await newItem();
      const { old, current } = await zombie(batchId, itemId);
      expect(current.fence).toBe(old.fence + 1);
      expect(current.item.claims).toBe(2);
      const settlement = { state: 'passed', summary: sampleSummary(), detail: SAMPLE_DETAIL } as const;
      await expect(journal().append(old, [sampleStep('describe', 0)], RENEW)).rejects.toMatchObject(LOST);
      await expect(journal().settle(old, settlement)).rejects.toMatchObject(LOST);
      await expect(journal().release(old, { state: 'queued', countsAsClaim: true })).rejects.toMatchObject(LOST);
      expect(await journal().steps(current.item)).toEqual([]);
      expect(await now()).toEqual(current.item);
      expect(await batches().counts(batchId)).toEqual({ ...NO_COUNTS, total: 1 });
    });

    it('refuses writes after a release with the same fence', async () => {
      const { batchId, itemId } = await newItem();
      const claim = await claimed(journal(), batchId, itemId);
      await journal().release(claim, { state: 'queued', countsAsClaim: true });
      await expect(journal().append(claim, [sampleStep('late', 0)], RENEW)).rejects.toMatchObject(LOST);
      await expect(journal().release(claim, { state: 'queued', countsAsClaim: true })).rejects.toMatchObject(LOST);
    });

    it('records steps in order and renews the lease with the progress', async () => {
      const { batchId, itemId, now } = await newItem();
      const claim = await claimed(journal(), batchId, itemId, 1000);
      await journal().append(claim, [sampleStep('second', 1)], { leaseMs: 500_000 });
      await journal().append(claim, [sampleStep('first', 0)], {
        leaseMs: 900_000,
        progress: { attempt: 1, step: 'first', since: 7 },
      });
      expect(await journal().steps(claim.item)).toEqual([sampleStep('first', 0), sampleStep('second', 1)]);
      const item = await now();
      expect(item?.progress).toEqual({ attempt: 1, step: 'first', since: 7 });
      expect(item?.leaseUntil).toBeGreaterThan((claim.item.leaseUntil ?? 0) + 800_000);
    });

    it('forgets claims that came to nothing once a step is recorded', async () => {
      const { batchId, itemId, now } = await newItem();
      for (let claim = 0; claim < 3; claim++) {
        const none = await claimed(journal(), batchId, itemId);
        await journal().release(none, { state: 'queued', countsAsClaim: true });
      }
      const claim = await claimed(journal(), batchId, itemId);
      expect(claim.item.claims).toBe(4);
      await journal().append(claim, [sampleStep('describe', 0)], RENEW);
      expect(await now()).toMatchObject({ state: 'running', claims: 0, fence: 4 });
      await journal().release(claim, { state: 'queued', countsAsClaim: true });
      expect((await claimed(journal(), batchId, itemId)).item.claims).toBe(1);
    });

    it('records a step once: the same again is fine, another one under its key is not', async () => {
      const { batchId, itemId } = await newItem();
      const claim = await claimed(journal(), batchId, itemId);
      const entry = sampleStep('describe', 0);
      await journal().append(claim, [entry], RENEW);
      await journal().append(claim, [entry], RENEW);
      const other = [sampleStep('score', 1), sampleStep('describe', 0, 'a cup')];
      await expect(journal().append(claim, other, RENEW)).rejects.toMatchObject(LOST);
      expect(await journal().steps(claim.item)).toEqual([entry]);
    });

    it('settles once: item, detail and counters together', async () => {
      const { batchId, itemId, now } = await newItem();
      const claim = await claimed(journal(), batchId, itemId);
      const settlement = { state: 'passed', summary: sampleSummary(), detail: SAMPLE_DETAIL } as const;
      await journal().settle(claim, settlement);
      const item = await now();
      expect(item).toMatchObject({ state: 'passed', summary: sampleSummary(), fence: 1 });
      expect(item?.settledAt).toBeGreaterThan(0);
      expect(item?.owner).toBeUndefined();
      expect((await batches().details(batchId, [itemId])).get(itemId)).toEqual(SAMPLE_DETAIL);
      const counts = {
        ...{ ...NO_COUNTS, total: 1, passed: 1, calls: 3, costNano: 1000, unpricedCalls: 1 },
        ...{ scoreSum: 0.8, scored: 1, attempts: 2 },
      };
      expect(await batches().counts(batchId)).toEqual(counts);

      await journal().settle(claim, settlement);
      await expect(journal().settle(claim, { ...settlement, state: 'failed' })).rejects.toMatchObject(LOST);
      await expect(journal().append(claim, [sampleStep('late', 0)], RENEW)).rejects.toMatchObject(LOST);
      expect(await journal().claim(batchId, itemId, 1000)).toEqual({ kind: 'settled', item });
      expect(await batches().counts(batchId)).toEqual(counts);
    });

    it('does not count a missing score as zero', async () => {
      const { batchId, itemId } = await newItem();
      const claim = await claimed(journal(), batchId, itemId);
      const summary = sampleSummary({ score: null, code: 'safety' });
      await journal().settle(claim, { state: 'error', summary, detail: SAMPLE_DETAIL });
      expect(await batches().counts(batchId)).toMatchObject({ error: 1, scored: 0, scoreSum: 0 });
    });

    it('begins the journal of a reopened item anew and refuses its earlier owner', async () => {
      const { batchId, itemId } = await newItem();
      const claim = await claimed(journal(), batchId, itemId);
      await journal().append(claim, [sampleStep('describe', 0)], RENEW);
      await journal().settle(claim, { state: 'error', summary: sampleSummary(), detail: SAMPLE_DETAIL });
      await batches().reopen(batchId, ['error']);
      await expect(journal().append(claim, [sampleStep('late', 1)], RENEW)).rejects.toMatchObject(LOST);
      const again = await claimed(journal(), batchId, itemId);
      expect(again).toMatchObject({ fence: 2, item: { epoch: 1, claims: 1 } });
      expect(await journal().steps(again.item)).toEqual([]);
      await journal().append(again, [sampleStep('describe', 0, 'a cup')], RENEW);
      expect(await journal().steps(again.item)).toEqual([sampleStep('describe', 0, 'a cup')]);
      expect(await journal().steps(claim.item)).toEqual([sampleStep('describe', 0)]);
    });

    it('finds the running items whose lease ended in a time, the earliest first', async () => {
      const batch = sampleBatch();
      await batches().create(batch);
      const inputs = ['a', 'b', 'c', 'd', 'e'].map((seed) => sampleInput(`${batch.id} ${seed}`));
      await batches().addItems(batch.id, inputs);
      const claimFor = (index: number, leaseMs: number) =>
        claimed(journal(), batch.id, inputs[index]?.id ?? '', leaseMs);
      const late = await claimFor(0, 20_000);
      const early = await claimFor(1, 10_000);
      await journal().release(await claimFor(2, 10_000), { state: 'queued', countsAsClaim: true });
      const done = await claimFor(3, 10_000);
      await journal().settle(done, { state: 'passed', summary: sampleSummary(), detail: SAMPLE_DETAIL });
      const ended = async (after: number, until: number, limit = 9) =>
        (await journal().expired(batch.id, { after, until, limit })).map((item) => item.id);
      const ends = [early, late].map(({ item }) => item.leaseUntil ?? 0) as [number, number];
      expect(await ended(0, ends[1])).toEqual([early.item.id, late.item.id]);
      expect(await ended(0, ends[1], 1)).toEqual([early.item.id]);
      expect(await ended(0, ends[1] - 1)).toEqual([early.item.id]);
      expect(await ended(ends[0], ends[1])).toEqual([late.item.id]);
      expect(await ended(0, ends[0] - 1)).toEqual([]);
      await journal().append(early, [sampleStep('describe', 0)], { leaseMs: 90_000 });
      expect(await journal().expired(batch.id, { after: 0, until: ends[1], limit: 9 })).toEqual([late.item]);
    });

    it('refuses to claim what is not there', async () => {
      const { batchId } = await newItem();
      await expect(journal().claim(batchId, 'nothing', 1000)).rejects.toMatchObject({ code: 'not_found' });
    });

    it('keeps counters and items in step while many settle at once', async () => {
      const batch = sampleBatch();
      await batches().create(batch);
      const inputs = Array.from({ length: 60 }, (_, index) => sampleInput(`${batch.id} ${index}`));
      await batches().addItems(batch.id, inputs);
      await Promise.all(
        inputs.map(async ({ id }, index) => {
          const claim = await claimed(journal(), batch.id, id);
          await journal().append(claim, [sampleStep('describe', 0)], RENEW);
          const state = index % 3 === 0 ? 'failed' : 'passed';
          await journal().settle(claim, { state, summary: sampleSummary(), detail: SAMPLE_DETAIL });
        }),
      );
      const counts = await batches().counts(batch.id);
      expect(counts).toMatchObject({ total: 60, passed: 40, failed: 20, calls: 180, costNano: 60_000 });
      expect(await batches().items(batch.id, { states: ['passed'], limit: 100 })).toHaveLength(40);
    });
  });
}
