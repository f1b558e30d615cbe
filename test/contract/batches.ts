import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ItemState, NO_COUNTS, type TerminalState } from '../../functions/domain/batch.ts';
import type { Clock } from '../../functions/platform/ports.ts';
import {
  claimed,
  type MakeStoreSubject,
  SAMPLE_DETAIL,
  type StoreSubject,
  sampleBatch,
  sampleInput,
  sampleSummary,
} from './samples.ts';

async function nextMillisecond(clock: Clock): Promise<void> {
  const begin = clock.now();
  while (clock.now() <= begin) await clock.turn();
}

/** What every implementation of `Batches` does. */
export function batchesContract(name: string, makeSubject: MakeStoreSubject): void {
  describe(`${name}: batches`, () => {
    let subject: StoreSubject;
    beforeAll(async () => {
      subject = await makeSubject();
    });
    afterAll(() => subject.close());
    const batches = () => subject.platform.batches;

    async function newBatch(change: Parameters<typeof sampleBatch>[0] = {}) {
      const batch = sampleBatch(change);
      expect(await batches().create(batch)).toBe(true);
      return batch;
    }
    async function settle(batchId: string, itemId: string, state: TerminalState, summary = sampleSummary()) {
      const claim = await claimed(subject.platform.journal, batchId, itemId);
      await subject.platform.journal.settle(claim, { state, summary, detail: SAMPLE_DETAIL });
    }

    it('creates a batch once and gives it back as it was', async () => {
      const batch = await newBatch({
        ignored: { hidden: 2 },
        pause: { code: 'daily_quota', message: 'wait', until: 5 },
      });
      expect(await batches().create({ ...batch, name: 'Other' })).toBe(false);
      expect(await batches().get(batch.id)).toEqual(batch);
      expect(await batches().get('no-such-batch')).toBeUndefined();
    });

    it.each(['running', 'paused'] as const)('refuses a second batch of a command whose first is %s', async (state) => {
      const first = await newBatch({ commandKey: `same-${state}`, state });
      const second = sampleBatch({ commandKey: first.commandKey });
      expect(await batches().create(second)).toBe(false);
      expect(await batches().get(second.id)).toBeUndefined();
      await batches().change(first.id, () => ({ state: 'finished' }));
      expect(await batches().create(second)).toBe(true);
      expect(await batches().create(sampleBatch({ commandKey: first.commandKey }))).toBe(false);
    });

    it('gives a command to one of many who create its batch at once', async () => {
      const made = Array.from({ length: 8 }, () => sampleBatch({ commandKey: 'created-at-once' }));
      const created = await Promise.all(made.map((batch) => batches().create(batch)));
      expect(created.filter(Boolean)).toHaveLength(1);
    });

    it('lets no more batches run than may, of many who are created at once', async () => {
      const before = (await batches().list({ limit: 1000, unfinished: true })).filter(
        ({ state }) => state === 'running',
      );
      const most = { running: before.length + 3 };
      const made = Array.from({ length: 8 }, () => sampleBatch());
      const created = await Promise.all(made.map((batch) => batches().create(batch, most)));
      expect(created.filter(Boolean)).toHaveLength(3);
      expect(await batches().create(sampleBatch())).toBe(true);
      const first = made[created.indexOf(true)];
      await batches().change(first?.id ?? '', () => ({ state: 'paused' }));
      const last = sampleBatch();
      expect(await batches().create(last, { running: most.running + 1 })).toBe(true);
      expect(await batches().create(sampleBatch(), { running: most.running + 1 })).toBe(false);
      expect(await batches().get(last.id)).toEqual(last);
    });

    it('lists batches newest first, of one command if asked', async () => {
      const one = await newBatch({ createdAt: 1_800_000_000_001, commandKey: 'list-one', state: 'finished' });
      const two = await newBatch({ createdAt: 1_800_000_000_003, commandKey: 'list-two' });
      const three = await newBatch({ createdAt: 1_800_000_000_002, commandKey: 'list-one', state: 'finished' });
      const ids = (list: { id: string }[]) => list.map((batch) => batch.id);
      expect(ids(await batches().list({ limit: 3 }))).toEqual([two.id, three.id, one.id]);
      expect(ids(await batches().list({ limit: 1 }))).toEqual([two.id]);
      expect(ids(await batches().list({ limit: 9, commandKey: 'list-one' }))).toEqual([three.id, one.id]);
      expect(ids(await batches().list({ limit: 1, after: two.id }))).toEqual([three.id]);
      expect(ids(await batches().list({ limit: 1, after: three.id }))).toEqual([one.id]);
      expect(ids(await batches().list({ limit: 9, after: three.id, commandKey: 'list-one' }))).toEqual([one.id]);
      expect(await batches().list({ limit: 9, after: 'no-such-batch' })).toEqual([]);
    });

    it('lists running and paused batches only, if asked', async () => {
      const commandKey = `unfinished ${process.pid}`;
      const states = ['finished', 'cancelled', 'paused'] as const;
      const made: { id: string }[] = [];
      for (const state of states) made.push(await newBatch({ commandKey, state }));
      const paused = made.at(-1);
      expect((await batches().list({ limit: 9, commandKey, unfinished: true })).map((batch) => batch.id)).toEqual([
        paused?.id,
      ]);
      const all = await batches().list({ limit: 200, unfinished: true });
      expect(all.map((batch) => batch.id)).toContain(paused?.id);
      expect(all.filter((batch) => batch.state !== 'running' && batch.state !== 'paused')).toEqual([]);
    });

    it('changes a batch without losing what others write at the same time', async () => {
      const batch = await newBatch();
      await Promise.all(
        Array.from({ length: 20 }, () =>
          batches().change(batch.id, (current) => ({ ignored: { text: (current.ignored.text ?? 0) + 1 } })),
        ),
      );
      expect((await batches().get(batch.id))?.ignored).toEqual({ text: 20 });
    });

    it('leaves a batch alone when the decision is undefined, and removes members set to undefined', async () => {
      const batch = await newBatch({ pause: { code: 'daily_quota', message: 'wait' } });
      expect(await batches().change(batch.id, () => undefined)).toEqual(batch);
      const changed = await batches().change(batch.id, () => ({ state: 'finished', pause: undefined }));
      expect(changed.state).toBe('finished');
      expect('pause' in changed).toBe(false);
      expect(await batches().get(batch.id)).toEqual(changed);
    });

    it('refuses to change or fill a batch that is not there', async () => {
      await expect(batches().change('nowhere', () => ({}))).rejects.toMatchObject({ code: 'not_found' });
      await expect(batches().addItems('nowhere', [sampleInput('x')])).rejects.toMatchObject({ code: 'not_found' });
    });

    it('passes on what a decision throws and changes nothing', async () => {
      const batch = await newBatch();
      const decide = () => {
        throw new Error('no');
      };
      await expect(batches().change(batch.id, decide)).rejects.toThrow('no');
      expect(await batches().get(batch.id)).toEqual(batch);
    });

    it('adds inputs as queued items and counts them once, however often the page is added', async () => {
      const batch = await newBatch();
      const inputs = ['a1', 'a2', 'a3'].map((seed) => sampleInput(`${batch.id} ${seed}`));
      const first = await batches().addItems(batch.id, inputs);
      const again = await batches().addItems(batch.id, [...inputs].reverse());
      expect(first.map((item) => item.id)).toEqual(inputs.map((input) => input.id));
      expect(again).toEqual([...first].reverse());
      expect(first[0]).toMatchObject({
        ...inputs[0],
        batchId: batch.id,
        state: 'queued',
        fence: 0,
        claims: 0,
        epoch: 0,
      });
      expect(await batches().item(batch.id, inputs[0]?.id ?? '')).toEqual(first[0]);
      expect(await batches().counts(batch.id)).toEqual({ ...NO_COUNTS, total: 3 });
    });

    it('adds all or none of a page', async () => {
      const batch = await newBatch();
      const broken = { ...sampleInput(`${batch.id} bad`), source: undefined as unknown as string };
      await expect(batches().addItems(batch.id, [sampleInput(`${batch.id} good`), broken])).rejects.toThrow();
      expect(await batches().items(batch.id, { limit: 9 })).toEqual([]);
      expect(await batches().counts(batch.id)).toEqual(NO_COUNTS);
    });

    it.each([{ sealed: true }, { state: 'paused' }, { state: 'cancelled' }] as const)(
      'adds nothing to a batch that is %o',
      async (change) => {
        const batch = await newBatch(change);
        const adding = batches().addItems(batch.id, [sampleInput(batch.id)]);
        await expect(adding).rejects.toMatchObject({ code: 'wrong_state', disposition: 'conflict' });
        expect(await batches().items(batch.id, { limit: 9 })).toEqual([]);
      },
    );

    it('makes names distinct, without regard to case', async () => {
      const batch = await newBatch();
      const inputs = ['n1', 'n2', 'n3'].map((seed) => sampleInput(`${batch.id} ${seed}`, { name: 'mug.jpg' }));
      const loud = sampleInput(`${batch.id} n4`, { name: 'MUG.jpg' });
      const taken = `mug-${sampleInput(`${batch.id} n5`).id.slice(0, 6)}.jpg`;
      const squatter = sampleInput(`${batch.id} squatter`, { name: taken });
      const late = sampleInput(`${batch.id} n5`, { name: 'mug.jpg' });
      const items = await batches().addItems(batch.id, [...inputs, loud, squatter, late]);
      expect(items[0]?.name).toBe('mug.jpg');
      expect(items[1]?.name).toBe(`mug-${inputs[1]?.id.slice(0, 6)}.jpg`);
      expect(items[3]?.name).toBe(`MUG-${loud.id.slice(0, 6)}.jpg`);
      expect(new Set(items.map((item) => item.name.toLowerCase())).size).toBe(6);
    });

    it('settles a refused input at once as skipped', async () => {
      const batch = await newBatch();
      const refusal = { code: 'empty_file', message: 'No bytes.' } as const;
      const [item] = await batches().addItems(batch.id, [sampleInput(`${batch.id} r`, { refusal })]);
      expect(item).toMatchObject({ state: 'skipped', summary: { ...refusal, calls: 0, score: null } });
      expect(item?.settledAt).toBeGreaterThan(0);
      expect(await batches().counts(batch.id)).toEqual({ ...NO_COUNTS, total: 1, skipped: 1 });
    });

    it.each(['passed', 'failed'] as const)('skips work that another batch settled as %s', async (state) => {
      const earlier = await newBatch();
      const later = await newBatch();
      const workKey = `done ${earlier.id}`;
      const [done] = await batches().addItems(earlier.id, [sampleInput(`${earlier.id} d`, { workKey })]);
      await settle(earlier.id, done?.id ?? '', state);
      await batches().change(earlier.id, () => ({ state: 'finished' }));
      const [item] = await batches().addItems(later.id, [sampleInput(`${later.id} d`, { workKey })]);
      expect(item).toMatchObject({ state: 'skipped', summary: { code: 'already_done' } });
      expect(item?.summary?.message).toContain(earlier.id);
      expect(item?.summary?.message).toContain(done?.name);
    });

    it('skips work that is unfinished in a running batch, and takes it once that batch is cancelled', async () => {
      const earlier = await newBatch();
      const workKey = `open ${earlier.id}`;
      await batches().addItems(earlier.id, [sampleInput(`${earlier.id} o`, { workKey })]);
      const later = await newBatch();
      const [skipped] = await batches().addItems(later.id, [sampleInput(`${later.id} o`, { workKey })]);
      expect(skipped).toMatchObject({ state: 'skipped', summary: { code: 'unfinished_elsewhere' } });
      expect(skipped?.summary?.message).toContain(earlier.id);
      await batches().change(earlier.id, () => ({ state: 'cancelled' }));
      const last = await newBatch();
      const [taken] = await batches().addItems(last.id, [sampleInput(`${last.id} o`, { workKey })]);
      expect(taken?.state).toBe('queued');
    });

    it.each(['error', 'cancelled'] as const)('takes work that ended as %s elsewhere', async (state) => {
      const earlier = await newBatch();
      const workKey = `again ${earlier.id}`;
      const [first] = await batches().addItems(earlier.id, [sampleInput(`${earlier.id} e`, { workKey })]);
      await settle(earlier.id, first?.id ?? '', state);
      const later = await newBatch();
      const [item] = await batches().addItems(later.id, [sampleInput(`${later.id} e`, { workKey })]);
      expect(item?.state).toBe('queued');
    });

    it('takes done and unfinished work again when the batch forces', async () => {
      const earlier = await newBatch();
      const keys = [`forced 1 ${earlier.id}`, `forced 2 ${earlier.id}`];
      const inputs = (batchId: string) => keys.map((workKey) => sampleInput(`${batchId} ${workKey}`, { workKey }));
      const [done] = await batches().addItems(earlier.id, inputs(earlier.id));
      await settle(earlier.id, done?.id ?? '', 'passed');
      const later = await newBatch({ force: true });
      const items = await batches().addItems(later.id, inputs(later.id));
      expect(items.map((item) => item.state)).toEqual(['queued', 'queued']);
    });

    it('marks the same work within a batch as twin of the first, also after that one is done', async () => {
      const batch = await newBatch();
      const workKey = `twins ${batch.id}`;
      const inputs = ['t1', 't2', 't3'].map((seed) => sampleInput(`${batch.id} ${seed}`, { workKey }));
      const [one, two] = await batches().addItems(batch.id, inputs.slice(0, 2));
      expect(one?.twin).toBeUndefined();
      expect(two).toMatchObject({ state: 'queued', twin: one?.id });
      await settle(batch.id, one?.id ?? '', 'passed');
      const [three] = await batches().addItems(batch.id, inputs.slice(2));
      expect(three).toMatchObject({ state: 'queued', twin: one?.id });
    });

    it('gives the same work to one of two batches that are filled at once', async () => {
      const pair = [await newBatch(), await newBatch()];
      const workKeys = Array.from({ length: 20 }, (_, index) => `race ${pair[0]?.id} ${index}`);
      const added = await Promise.all(
        pair.map(({ id }) =>
          batches().addItems(
            id,
            workKeys.map((workKey) => sampleInput(`${id} ${workKey}`, { workKey })),
          ),
        ),
      );
      const queued = added.flat().filter((item) => item.state === 'queued');
      expect(queued.map((item) => item.workKey).sort()).toEqual([...workKeys].sort());
    });

    it('pages through items in order of id, of the asked states', async () => {
      const batch = await newBatch();
      const inputs = Array.from({ length: 9 }, (_, index) => sampleInput(`${batch.id} p${index}`));
      const items = await batches().addItems(batch.id, inputs);
      const ids = items.map((item) => item.id).sort();
      for (const [index, id] of ids.entries())
        if (index % 3 === 0) await settle(batch.id, id, index === 0 ? 'failed' : 'passed');
      const pages: string[][] = [];
      for (let after: string | undefined; ; ) {
        const page = await batches().items(batch.id, { limit: 4, ...(after !== undefined && { after }) });
        if (page.length === 0) break;
        pages.push(page.map((item) => item.id));
        after = page.at(-1)?.id;
      }
      expect(pages.map((page) => page.length)).toEqual([4, 4, 1]);
      expect(pages.flat()).toEqual(ids);
      const of = async (states: ItemState[], after?: string) =>
        (await batches().items(batch.id, { states, limit: 2, ...(after && { after }) })).map((item) => item.id);
      expect(await of(['passed', 'failed'])).toEqual([ids[0], ids[3]]);
      expect(await of(['passed', 'failed'], ids[3])).toEqual([ids[6]]);
      expect(await of(['queued'], ids[1])).toEqual([ids[2], ids[4]]);
      expect(await of([])).toEqual([]);
    });

    it('gives the latest settled items first', async () => {
      const batch = await newBatch();
      const items = await batches().addItems(
        batch.id,
        ['l1', 'l2', 'l3'].map((seed) => sampleInput(`${batch.id} ${seed}`)),
      );
      await settle(batch.id, items[2]?.id ?? '', 'passed');
      await nextMillisecond(subject.platform.clock);
      await settle(batch.id, items[0]?.id ?? '', 'passed');
      const recent = await batches().recent(batch.id, { limit: 5 });
      expect(recent.map((item) => item.id)).toEqual([items[0]?.id, items[2]?.id]);
      expect((await batches().recent(batch.id, { limit: 1 })).map((item) => item.id)).toEqual([items[0]?.id]);
    });

    it('gives details of settled items only', async () => {
      const batch = await newBatch();
      const items = await batches().addItems(batch.id, [sampleInput(`${batch.id} d1`), sampleInput(`${batch.id} d2`)]);
      await settle(batch.id, items[0]?.id ?? '', 'passed');
      const details = await batches().details(
        batch.id,
        items.map((item) => item.id),
      );
      expect([...details]).toEqual([[items[0]?.id, SAMPLE_DETAIL]]);
    });

    it('reopens settled items with a new epoch: uncounted, but what was spent stays spent', async () => {
      const batch = await newBatch();
      const inputs = ['e', 'f', 'p'].map((seed) => sampleInput(`${batch.id} ${seed}`));
      const refusal = { code: 'already_done', message: 'Done.' } as const;
      const items = await batches().addItems(batch.id, [...inputs, sampleInput(`${batch.id} s`, { refusal })]);
      const [error, failed, passed, skipped] = items.map((item) => item.id);
      await settle(batch.id, error ?? '', 'error', sampleSummary({ score: null, attempts: 1 }));
      await settle(batch.id, failed ?? '', 'failed', sampleSummary({ score: 0.1 }));
      await settle(batch.id, passed ?? '', 'passed', sampleSummary({ score: 0.2 }));
      const spent = { calls: 9, costNano: 3000, unpricedCalls: 3 };
      expect(await batches().counts(batch.id)).toEqual({
        ...{ ...NO_COUNTS, ...spent, total: 4, passed: 1, failed: 1, error: 1, skipped: 1 },
        ...{ scored: 2, scoreSum: 0.3, attempts: 5 },
      });

      expect(await batches().reopen(batch.id, ['error', 'failed', 'skipped'])).toBe(3);
      expect(await batches().reopen(batch.id, ['error', 'failed', 'skipped'])).toBe(0);
      expect(await batches().counts(batch.id)).toEqual({
        ...{ ...NO_COUNTS, ...spent, total: 4, passed: 1, scored: 1, scoreSum: 0.2, attempts: 2 },
      });
      const again = await batches().item(batch.id, failed ?? '');
      expect(again).toMatchObject({
        state: 'queued',
        epoch: 1,
        claims: 0,
        reopenedFrom: 'failed',
        summary: { calls: 3 },
      });
      expect(again?.settledAt).toBeUndefined();
      expect(await batches().item(batch.id, skipped ?? '')).toMatchObject({ state: 'queued', epoch: 1 });
      expect((await batches().details(batch.id, [failed ?? ''])).size).toBe(0);

      const cumulative = { calls: 6, costNano: 2000, unpricedCalls: 2 };
      await settle(batch.id, failed ?? '', 'passed', sampleSummary({ score: 0.9, ...cumulative }));
      expect(await batches().counts(batch.id)).toEqual({
        ...{ ...NO_COUNTS, total: 4, passed: 2, calls: 12, costNano: 4000, unpricedCalls: 4 },
        ...{ scored: 2, scoreSum: 1.1, attempts: 4 },
      });
    });

    it('reopens with an improved prompt what ended with its codes, each item once', async () => {
      const batch = await newBatch();
      const inputs = ['v1', 'v2', 'v3'].map((seed) => sampleInput(`${batch.id} ${seed}`));
      const [refused = '', other = '', passed = ''] = (await batches().addItems(batch.id, inputs)).map(({ id }) => id);
      await settle(batch.id, refused, 'error', sampleSummary({ code: 'safety' }));
      await settle(batch.id, other, 'error', sampleSummary({ code: 'timeout' }));
      await settle(batch.id, passed, 'passed');
      const revised = { codes: ['safety', 'prompt_blocked'], version: 2 } as const;
      expect(await batches().reopen(batch.id, ['failed', 'error'], revised)).toBe(1);
      const again = { state: 'queued', epoch: 1, reopenedFrom: 'error', prompt: { version: 2, since: 1 } };
      expect(await batches().item(batch.id, refused)).toMatchObject(again);
      expect(await batches().item(batch.id, other)).toMatchObject({ state: 'error', epoch: 0 });
      expect(await batches().item(batch.id, passed)).toMatchObject({ state: 'passed', epoch: 0 });
      await settle(batch.id, refused, 'error', sampleSummary({ code: 'safety' }));
      expect(await batches().reopen(batch.id, ['failed', 'error'], { ...revised, version: 3 })).toBe(0);
      expect(await batches().reopen(batch.id, ['error'])).toBe(2);
      const kept = { epoch: 2, prompt: { version: 2, since: 1 } };
      expect(await batches().item(batch.id, refused)).toMatchObject(kept);
      expect(await batches().item(batch.id, other)).not.toHaveProperty('prompt');
    });

    it('keeps what a person says of a settled item until it is taken again', async () => {
      const batch = await newBatch();
      const items = await batches().addItems(
        batch.id,
        ['r1', 'r2', 'r3'].map((seed) => sampleInput(`${batch.id} ${seed}`)),
      );
      const ids = items.map((item) => item.id).sort();
      const [one = '', two = '', open = ''] = ids;
      await settle(batch.id, one, 'failed');
      await settle(batch.id, two, 'passed');
      const review = { decision: 'approved', note: 'The label is right.', at: 5 } as const;
      const before = await batches().item(batch.id, one);
      expect(await batches().review(batch.id, one, review)).toEqual({ ...before, review });
      expect(await batches().item(batch.id, one)).toEqual({ ...before, review });
      const rejected = { decision: null, note: '', at: 6 };
      await batches().review(batch.id, two, rejected);
      const reviewed = async (page: { after?: string; limit: number }) =>
        (await batches().items(batch.id, { ...page, reviewed: true })).map((item) => [item.id, item.review]);
      expect(await reviewed({ limit: 9 })).toEqual([
        [one, review],
        [two, rejected],
      ]);
      expect(await reviewed({ limit: 9, after: one })).toEqual([[two, rejected]]);
      expect(await reviewed({ limit: 1 })).toEqual([[one, review]]);
      await batches().review(batch.id, two, undefined);
      expect((await batches().item(batch.id, two))?.review).toBeUndefined();
      await batches().reopen(batch.id, ['failed']);
      expect(await reviewed({ limit: 9 })).toEqual([]);
      expect((await batches().item(batch.id, one))?.review).toBeUndefined();
      await expect(batches().review(batch.id, open, review)).rejects.toMatchObject({ code: 'wrong_state' });
      await expect(batches().review(batch.id, 'nowhere', review)).rejects.toMatchObject({ code: 'not_found' });
    });

    it('takes skipped items with the same work again as twins', async () => {
      const earlier = await newBatch();
      const workKey = `skipped twins ${earlier.id}`;
      const [done] = await batches().addItems(earlier.id, [sampleInput(`${earlier.id} x`, { workKey })]);
      await settle(earlier.id, done?.id ?? '', 'passed');
      const batch = await newBatch();
      const inputs = ['x1', 'x2'].map((seed) => sampleInput(`${batch.id} ${seed}`, { workKey }));
      const [one, two] = await batches().addItems(batch.id, inputs);
      expect([one?.state, two?.state]).toEqual(['skipped', 'skipped']);
      expect(await batches().reopen(batch.id, ['skipped'])).toBe(2);
      const ids = [one?.id ?? '', two?.id ?? ''];
      const twins = await Promise.all(ids.map(async (id) => (await batches().item(batch.id, id))?.twin));
      // Which of the two is the first to be taken again is the store's choice.
      expect([
        [undefined, ids[0]],
        [ids[1], undefined],
      ]).toContainEqual(twins);
    });
  });
}
