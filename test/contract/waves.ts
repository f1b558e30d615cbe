import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Wave, WaveCall } from '../../functions/domain/wave.ts';
import type { Waves } from '../../functions/platform/wave-ports.ts';

let made = 0;

/** What every implementation of `Waves` does. */
export function wavesContract(name: string, make: () => Promise<{ waves: Waves; close(): Promise<void> }>): void {
  describe(`${name}: parked calls and waves`, () => {
    let subject: { waves: Waves; close(): Promise<void> };
    let batchId: string;
    beforeAll(async () => {
      subject = await make();
    });
    afterAll(() => subject.close());
    const waves = () => subject.waves;
    const newBatch = () => {
      made += 1;
      batchId = `waves-${process.pid}-${made}`;
      return batchId;
    };
    const call = (id: string, more: Partial<WaveCall> = {}): WaveCall => ({
      ...{ id, batchId, itemId: `item-${id}`, key: 'ask', fingerprint: `f-${id}`, parkedAt: 1, depth: 0, tries: 0 },
      request: { kind: 'text', model: 'm', parts: [{ text: 'What is this?' }] },
      standing: { state: 'waiting' },
      ...more,
    });
    const wave = (id: string, more: Partial<Wave> = {}): Wave => ({
      ...{ id, batchId, model: 'm', kinds: ['text'], canary: false, state: 'packing', calls: 0 },
      ...{ createdAt: 1, dueAt: 1, looks: 0 },
      ...more,
    });
    const waiting = async (model?: string) => {
      const page = { state: 'waiting' as const, limit: 100, ...(model && { model }) };
      return (await waves().calls(batchId, page)).map(({ id }) => id);
    };

    it('keeps a call once, as it was first parked', async () => {
      newBatch();
      await waves().park(batchId, [call('b'), call('a')]);
      await waves().park(batchId, [call('a', { parkedAt: 99 }), call('c')]);
      expect(await waves().callsOf(batchId, 'item-a')).toEqual([call('a')]);
      expect(await waiting()).toEqual(['a', 'b', 'c']);
      expect(await waves().callsOf(batchId, 'nobody')).toEqual([]);
    });

    it('pages by id, of one model only where asked', async () => {
      newBatch();
      const other = { kind: 'text' as const, model: 'other', parts: [{ text: 'x' }] };
      await waves().park(batchId, [call('a'), call('b', { request: other }), call('c'), call('d')]);
      expect(await waiting('m')).toEqual(['a', 'c', 'd']);
      expect(await waiting('other')).toEqual(['b']);
      const second = await waves().calls(batchId, { state: 'waiting', model: 'm', after: 'a', limit: 1 });
      expect(second.map(({ id }) => id)).toEqual(['c']);
    });

    it('lets waiting calls join a wave that is packing, each once', async () => {
      newBatch();
      await waves().park(batchId, [call('a'), call('b'), call('c')]);
      expect(await waves().create(wave('0001'))).toBe(true);
      expect(await waves().create(wave('0001', { model: 'other' }))).toBe(false);
      expect(await waves().join(wave('0001'), ['a', 'b', 'unknown'])).toBe(2);
      expect(await waves().join(wave('0001'), ['a', 'b'])).toBe(0);
      const [packed] = await waves().list(batchId);
      expect(packed).toEqual(wave('0001', { calls: 2 }));
      const inside = await waves().calls(batchId, { waveId: '0001', limit: 10 });
      expect(inside.map(({ id, standing }) => ({ id, standing }))).toEqual(
        ['a', 'b'].map((id) => ({ id, standing: { state: 'sent', waveId: '0001' } })),
      );
      expect(await waiting()).toEqual(['c']);
      await waves().change(wave('0001'), () => ({ state: 'packed' }));
      await expect(waves().join(wave('0001'), ['c'])).rejects.toMatchObject({ disposition: 'conflict' });
      expect(await waiting()).toEqual(['c']);
    });

    it('moves calls only out of the wave that is named, or out of waiting', async () => {
      newBatch();
      await waves().park(batchId, [call('a'), call('b'), call('c')]);
      await waves().create(wave('0001'));
      await waves().create(wave('0002'));
      await waves().join(wave('0001'), ['a', 'b']);
      const paid = {
        usage: { input: 1, cached: 0, output: 1, outputImage: 0, thoughts: 0 },
        modelVersion: 'm',
        responseId: '',
      };
      const answer = { outcome: { ok: true as const, text: 'A mug.' }, paid, startedAt: 1, tookMs: 2 };
      const moves = [{ id: 'a', tries: 1, standing: { state: 'answered' as const, answer } }];
      await waves().move(batchId, '0002', moves);
      await waves().move(batchId, undefined, moves);
      expect((await waves().callsOf(batchId, 'item-a'))[0]?.standing).toEqual({ state: 'sent', waveId: '0001' });
      await waves().move(batchId, '0001', moves);
      await waves().move(batchId, '0001', [{ id: 'a', tries: 9, standing: { state: 'waiting' } }]);
      expect((await waves().callsOf(batchId, 'item-a'))[0]).toMatchObject({
        tries: 1,
        standing: { state: 'answered', answer },
      });
      const direct = { state: 'direct' as const, reason: 'It is late.' };
      await waves().move(batchId, undefined, [
        { id: 'c', tries: 0, standing: direct },
        { id: 'gone', tries: 0, standing: direct },
      ]);
      expect((await waves().calls(batchId, { state: 'direct', limit: 9 })).map(({ id }) => id)).toEqual(['c']);
      expect((await waves().calls(batchId, { waveId: '0001', limit: 9 })).map(({ id }) => id)).toEqual(['b']);
      await waves().move(batchId, '0001', [{ id: 'b', tries: 1, standing: { state: 'waiting' } }]);
      expect(await waiting()).toEqual(['b']);
    });

    it('forgets calls', async () => {
      newBatch();
      await waves().park(batchId, [call('a'), call('b')]);
      await waves().forget(batchId, ['a', 'unknown']);
      await waves().forget(batchId, ['a']);
      expect(await waiting()).toEqual(['b']);
    });

    it('lists waves in order and changes one at a time', async () => {
      newBatch();
      for (const id of ['0002', '0001']) await waves().create(wave(id));
      expect((await waves().list(batchId)).map(({ id }) => id)).toEqual(['0001', '0002']);
      await Promise.all(
        Array.from({ length: 8 }, () => waves().change(wave('0001'), ({ looks }) => ({ looks: looks + 1 }))),
      );
      const left = await waves().change(wave('0001'), () => undefined);
      expect(left.looks).toBe(8);
      const cleared = await waves().change(wave('0001'), () => ({ busyUntil: 5, job: 'j' }));
      expect(cleared).toMatchObject({ busyUntil: 5, job: 'j' });
      const again = await waves().change(wave('0001'), () => ({ busyUntil: undefined }));
      expect(again).not.toHaveProperty('busyUntil');
    });

    it('keeps batches apart and takes many calls at once', async () => {
      const first = newBatch();
      await waves().park(first, [call('a')]);
      newBatch();
      const many = Array.from({ length: 900 }, (_, n) => call(`c${1000 + n}`));
      await waves().park(batchId, many);
      await waves().create(wave('0001'));
      expect(
        await waves().join(
          wave('0001'),
          many.map(({ id }) => id),
        ),
      ).toBe(900);
      expect((await waves().list(batchId))[0]?.calls).toBe(900);
      expect(await waves().calls(first, { state: 'waiting', limit: 5 })).toHaveLength(1);
    });
  });
}
