import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { TerminalState } from '../../functions/domain/batch.ts';
import type { Change } from '../../functions/platform/ports.ts';
import { waitUntil } from '../support/wait-until.ts';
import {
  claimed,
  type MakeStoreSubject,
  SAMPLE_DETAIL,
  type StoreSubject,
  sampleBatch,
  sampleInput,
  sampleSummary,
} from './samples.ts';

/** What every implementation of `Changes` does. */
export function changesContract(name: string, makeSubject: MakeStoreSubject): void {
  describe(`${name}: changes`, () => {
    let subject: StoreSubject;
    beforeAll(async () => {
      subject = await makeSubject();
    });
    afterAll(() => subject.close());
    const changes = () => subject.platform.changes;
    const batches = () => subject.platform.batches;

    /** A running batch with queued items; gives their ids. */
    async function filled(count: number) {
      const batch = sampleBatch();
      await batches().create(batch);
      const inputs = Array.from({ length: count }, (_, index) => sampleInput(`${batch.id} ${index}`));
      const items = await batches().addItems(batch.id, inputs);
      return { batchId: batch.id, ids: items.map((item) => item.id) };
    }
    async function settle(batchId: string, itemId: string, state: TerminalState = 'passed') {
      const claim = await claimed(subject.platform.journal, batchId, itemId);
      await subject.platform.journal.settle(claim, { state, summary: sampleSummary(), detail: SAMPLE_DETAIL });
    }
    const endedIds = async (batchId: string, after: string, limit = 100) =>
      (await changes().ended(batchId, { after, limit })).map(({ item }) => item.id);

    /** Follows until the test ends, and keeps what is told. */
    function follow(batchId: string, after: string) {
      const stop = new AbortController();
      const told: Change[] = [];
      const over = changes().follow(batchId, { after, signal: stop.signal }, (change) => told.push(change));
      onTestFinished(async () => {
        stop.abort();
        await over;
      });
      return {
        ...{ told, over, stop: () => stop.abort() },
        ended: () => told.flatMap((change) => (change.kind === 'ended' ? change.ended : [])),
        running: () => told.flatMap((change) => (change.kind === 'running' ? [change.items] : [])).at(-1),
        batch: () => told.flatMap((change) => (change.kind === 'batch' ? change.batch : [])).at(-1),
      };
    }

    it('give settled items in the order of their ends, from any position on', async () => {
      const { batchId, ids } = await filled(4);
      const first = await changes().last(batchId);
      expect(await changes().ended(batchId, { after: first, limit: 9 })).toEqual([]);
      const order = [ids[2], ids[0], ids[3]].map((id) => id ?? '');
      for (const id of order) await settle(batchId, id);
      const all = await changes().ended(batchId, { after: first, limit: 9 });
      expect(all.map(({ item }) => item.id)).toEqual(order);
      expect(all[0]?.item).toEqual(await batches().item(batchId, order[0] ?? ''));
      expect(new Set(all.map(({ position }) => position)).size).toBe(3);
      for (const { position } of all) expect(position).toMatch(/^[\w.-]{1,120}$/);
      for (const [index, { position }] of all.entries()) {
        expect(await endedIds(batchId, position)).toEqual(order.slice(index + 1));
      }
      expect(await endedIds(batchId, first, 2)).toEqual(order.slice(0, 2));
      expect(await changes().last(batchId)).toBe(all.at(-1)?.position);
      const again = await changes().ended(batchId, { after: all[0]?.position ?? '', limit: 9, again: true });
      expect(again.map(({ item }) => item.id)).toEqual(expect.arrayContaining(order.slice(1)));
    });

    it('count what is skipped at the gate as ended', async () => {
      const { batchId } = await filled(0);
      const first = await changes().last(batchId);
      const refusal = { code: 'empty_file', message: 'No bytes.' } as const;
      const [item] = await batches().addItems(batchId, [sampleInput(`${batchId} r`, { refusal })]);
      expect(await endedIds(batchId, first)).toEqual([item?.id]);
    });

    it('give an item that is taken again at its next end', async () => {
      const { batchId, ids } = await filled(2);
      const [one = '', two = ''] = ids;
      await settle(batchId, one, 'failed');
      const before = await changes().last(batchId);
      await batches().reopen(batchId, ['failed']);
      expect(await endedIds(batchId, '0')).toEqual([]);
      await settle(batchId, two);
      await settle(batchId, one);
      expect(await endedIds(batchId, before)).toEqual([two, one]);
      expect(await endedIds(batchId, '0')).toEqual([two, one]);
    });

    it('refuse what is no position', async () => {
      const { batchId } = await filled(0);
      for (const after of ['', 'x', '-1', '1_../..']) {
        await expect(changes().ended(batchId, { after, limit: 1 })).rejects.toMatchObject({ code: 'usage' });
      }
    });

    it('are told as they come', async () => {
      const { batchId, ids } = await filled(2);
      const [one = '', two = ''] = ids;
      const watcher = follow(batchId, await changes().last(batchId));
      await waitUntil(() => watcher.batch()?.state === 'running' && watcher.running()?.length === 0);
      const claim = await claimed(subject.platform.journal, batchId, one);
      await waitUntil(() => watcher.running()?.[0]?.id === one);
      const progress = { attempt: 1, step: 'generate', since: 5 };
      await subject.platform.journal.append(claim, [], { leaseMs: 60_000, progress });
      await waitUntil(() => watcher.running()?.[0]?.progress?.step === 'generate');
      const settlement = { state: 'passed', summary: sampleSummary(), detail: SAMPLE_DETAIL } as const;
      await subject.platform.journal.settle(claim, settlement);
      await waitUntil(() => watcher.ended().length === 1 && watcher.running()?.length === 0);
      await settle(batchId, two);
      await waitUntil(() => watcher.ended().length === 2);
      await batches().change(batchId, () => ({ state: 'finished', report: '/report.html' }));
      await waitUntil(() => watcher.batch()?.report === '/report.html');
      expect(watcher.ended().map(({ item }) => item.id)).toEqual([one, two]);
      watcher.stop();
      await watcher.over;
    });

    it('are told from a position on, each end once, however many come at once', async () => {
      const { batchId, ids } = await filled(60);
      for (const id of ids.slice(0, 3)) await settle(batchId, id);
      const [{ position = '' } = {}] = await changes().ended(batchId, { after: '0', limit: 1 });
      const watcher = follow(batchId, position);
      await Promise.all(ids.slice(3).map((id) => settle(batchId, id)));
      const behind = () => new Set(watcher.ended().map(({ item }) => item.id));
      await waitUntil(() => ids.slice(1).every((id) => behind().has(id)));
      const positions = watcher.ended().map((ended) => ended.position);
      expect(new Set(positions).size).toBe(positions.length);
    });

    it('fail for a batch that is not there', async () => {
      const signal = AbortSignal.timeout(30_000);
      const following = changes().follow('nowhere', { after: '0', signal }, () => undefined);
      await expect(following).rejects.toMatchObject({ code: 'not_found' });
    });
  });
}
