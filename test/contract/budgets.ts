import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Held } from '../../functions/platform/limit-ports.ts';
import { seededRandom } from '../support/seeded-random.ts';
import type { MakeStoreSubject, StoreSubject } from './samples.ts';

let made = 0;

/** What every implementation of `Budgets` does. */
export function budgetsContract(name: string, makeSubject: MakeStoreSubject): void {
  describe(`${name}: budgets`, () => {
    let subject: StoreSubject;
    beforeAll(async () => {
      subject = await makeSubject();
    });
    afterAll(() => subject.close());
    const budgets = () => subject.platform.budgets;
    /** An account of its own for each test. */
    const account = (): string => {
      made += 1;
      return `batch:${process.pid}-${made}`;
    };
    const hold = (to: string | string[], ceiling: number, nano: number, owner = 'item', call = 'call'): Promise<Held> =>
      budgets().hold(
        { owner, call, nano },
        [to].flat().map((one) => ({ account: one, nano: ceiling })),
      );
    const end = (from: string | string[], spent: number, owner = 'item', call = 'call') =>
      budgets().end({ owner, call, accounts: [from].flat() }, spent);

    it('holds up to the ceiling, and tells what may fit later from what will not', async () => {
      const own = account();
      expect(await budgets().standing(own)).toEqual({ spent: 0, held: 0 });
      expect(await hold(own, 100, 60, 'a')).toEqual({ kind: 'held' });
      expect(await hold(own, 100, 40, 'b')).toEqual({ kind: 'held' });
      expect(await hold(own, 100, 1, 'c')).toEqual({ kind: 'busy', account: own });
      expect(await hold(own, 100, 101, 'c')).toEqual({ kind: 'spent', account: own });
      await end(own, 30, 'a');
      expect(await budgets().standing(own)).toEqual({ spent: 30, held: 40 });
      expect(await hold(own, 100, 30, 'c')).toEqual({ kind: 'held' });
      await end(own, 40, 'b');
      await end(own, 0, 'c');
      expect(await hold(own, 100, 31, 'd')).toEqual({ kind: 'spent', account: own });
      expect(await hold(own, 100, 30, 'd')).toEqual({ kind: 'held' });
      await end(own, 30, 'd');
      expect(await budgets().standing(own)).toEqual({ spent: 100, held: 0 });
    });

    it('takes every hold and every end once', async () => {
      const own = account();
      expect(await hold(own, 100, 80)).toEqual({ kind: 'held' });
      expect(await hold(own, 100, 80)).toEqual({ kind: 'held' });
      expect(await budgets().standing(own)).toEqual({ spent: 0, held: 80 });
      await end(own, 50);
      await end(own, 50);
      await end(own, 50, 'nobody');
      expect(await budgets().standing(own)).toEqual({ spent: 50, held: 0 });
    });

    it('holds in all accounts or in none', async () => {
      const [batch, day] = [account(), account()];
      expect(await hold(day, 100, 70, 'other')).toEqual({ kind: 'held' });
      expect(await hold([batch, day], 100, 40)).toEqual({ kind: 'busy', account: day });
      expect(await budgets().standing(batch)).toEqual({ spent: 0, held: 0 });
      expect(await hold([batch, day], 100, 30)).toEqual({ kind: 'held' });
      expect(await budgets().open(batch)).toEqual([{ owner: 'item', call: 'call', nano: 30, accounts: [batch, day] }]);
      await end([batch, day], 20);
      expect(await budgets().standing(batch)).toEqual({ spent: 20, held: 0 });
      expect(await budgets().standing(day)).toEqual({ spent: 20, held: 70 });
    });

    it('names open holds, of one owner or of all, whatever their calls are called', async () => {
      const own = account();
      await hold(own, 1000, 1, 'batch/item one', '2/ask:1~1.x');
      await hold(own, 1000, 2, 'batch/item one', '2/__proto__');
      await hold(own, 1000, 3, 'batch/item two', '1/ask');
      const of = async (owner?: string) => (await budgets().open(own, owner)).map(({ call }) => call).sort();
      expect(await of()).toEqual(['1/ask', '2/__proto__', '2/ask:1~1.x']);
      expect(await of('batch/item one')).toEqual(['2/__proto__', '2/ask:1~1.x']);
      expect(await of('nobody')).toEqual([]);
    });

    it('goes by the ceiling of the moment, a higher one and a lower one', async () => {
      const own = account();
      for (const owner of ['a', 'b', 'c']) expect(await hold(own, 90, 30, owner)).toEqual({ kind: 'held' });
      for (const owner of ['a', 'b', 'c']) await end(own, 10, owner);
      expect(await hold(own, 40, 11, 'a')).toEqual({ kind: 'spent', account: own });
      expect(await hold(own, 40, 10, 'a')).toEqual({ kind: 'held' });
      expect(await hold(own, 200, 160, 'b')).toEqual({ kind: 'held' });
      expect(await hold(own, 200, 1, 'c')).toEqual({ kind: 'busy', account: own });
    });

    it('counts what a call cost beyond its hold against all others', async () => {
      const own = account();
      await hold(own, 100, 10);
      await end(own, 60);
      expect(await budgets().standing(own)).toEqual({ spent: 60, held: 0 });
      expect(await hold(own, 100, 41, 'a')).toEqual({ kind: 'spent', account: own });
      expect(await hold(own, 100, 40, 'b')).toEqual({ kind: 'held' });
    });

    it('never has more spent and held than the ceiling, however many come at once, and uses it to the last', async () => {
      const [batch, day] = [account(), account()];
      const random = seededRandom(7);
      const ceiling = 1000;
      let most = 0;
      let isOver = false;
      const look = async () => {
        while (!isOver) {
          for (const own of [batch, day]) {
            const { spent, held } = await budgets().standing(own);
            most = Math.max(most, spent + held);
          }
          await subject.platform.clock.sleep(1);
        }
      };
      const worker = async (n: number) => {
        for (let call = 0; call < 12; call += 1) {
          const nano = 10 + Math.floor(random() * 60);
          const answer = await hold([batch, day], ceiling, nano, `item ${n}`, `call ${call}`);
          if (answer.kind === 'held') await end([batch, day], Math.floor(nano * random()), `item ${n}`, `call ${call}`);
        }
      };
      const looking = look();
      await Promise.all(Array.from({ length: 12 }, (_, n) => worker(n)));
      isOver = true;
      await looking;
      expect(most).toBeLessThanOrEqual(ceiling);
      const { spent, held } = await budgets().standing(batch);
      expect(held).toBe(0);
      expect(await budgets().standing(day)).toEqual({ spent, held: 0 });
      expect(await hold([batch, day], ceiling, ceiling - spent, 'last')).toEqual({ kind: 'held' });
    });
  });
}
