import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Sources } from '../../functions/platform/limit-ports.ts';

/** What every implementation of `Sources` does. */
export function sourcesContract(
  name: string,
  makeSubject: () => Promise<{ platform: { sources: Sources }; close(): Promise<void> }>,
): void {
  describe(`${name}: sources`, () => {
    let subject: Awaited<ReturnType<typeof makeSubject>>;
    beforeAll(async () => {
      subject = await makeSubject();
    });
    afterAll(() => subject.close());
    const count = (versions: string[], now: number, since: number) =>
      subject.platform.sources.count(
        versions.map((text) => ({ source: `gs://inbox/${text.split('#')[0]}`, version: text })),
        { now, since },
      );

    it('counts the versions of each source, once each', async () => {
      expect(await count(['a#1', 'b#1', 'a#2'], 1000, 0)).toEqual([2, 1, 2]);
      expect(await count(['a#2', 'b#1'], 2000, 0)).toEqual([2, 1]);
      expect(await count(['a#3'], 3000, 0)).toEqual([3]);
      expect(await count([], 3000, 0)).toEqual([]);
    });

    it('leaves out what was recorded before, also when it comes again', async () => {
      await count(['c#1', 'c#2'], 1000, 0);
      expect(await count(['c#3'], 2000, 2000)).toEqual([1]);
      expect(await count(['c#1'], 3000, 2000)).toEqual([1]);
      expect(await count(['c#1'], 3000, 1000)).toEqual([3]);
    });

    it('loses nothing when many count at once', async () => {
      await Promise.all(Array.from({ length: 12 }, (_, n) => count([`d#${n}`, `e#${n}`], 1000, 0)));
      expect(await count(['d#0', 'e#0'], 1000, 0)).toEqual([12, 12]);
    });

    it('takes any name for a source and many sources at once', async () => {
      const many = Array.from({ length: 450 }, (_, n) => `x y/ü${n}.jpg#1`);
      expect(await count(many, 1000, 0)).toEqual(many.map(() => 1));
      expect(await count(many, 1000, 0)).toEqual(many.map(() => 1));
    });
  });
}
