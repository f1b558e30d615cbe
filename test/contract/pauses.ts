import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MakeStoreSubject, StoreSubject } from './samples.ts';

/** What every implementation of `ModelPauses` does. */
export function pausesContract(name: string, makeSubject: MakeStoreSubject): void {
  describe(`${name}: pauses of models`, () => {
    let subject: StoreSubject;
    beforeAll(async () => {
      subject = await makeSubject();
    });
    afterAll(() => subject.close());
    const pauses = () => subject.platform.pauses;

    it('knows no pause of a model that was never paused', async () => {
      expect(await pauses().pausedUntil('never-paused')).toBe(0);
    });

    it('keeps the latest end of each model, in whatever order they come', async () => {
      await pauses().pause('image-model', 1_900_000_000_500.25);
      await pauses().pause('image-model', 1_900_000_000_100);
      await pauses().pause('models/text model@1', 1_900_000_000_200);
      expect(await pauses().pausedUntil('image-model')).toBe(1_900_000_000_501);
      expect(await pauses().pausedUntil('models/text model@1')).toBe(1_900_000_000_200);
      await pauses().pause('image-model', 1_900_000_000_900);
      expect(await pauses().pausedUntil('image-model')).toBe(1_900_000_000_900);
    });

    it('keeps the latest end of many that come at once', async () => {
      const ends = Array.from({ length: 20 }, (_, n) => 1_900_000_000_000 + ((n * 7) % 20));
      await Promise.all(ends.map((end) => pauses().pause('busy-model', end)));
      expect(await pauses().pausedUntil('busy-model')).toBe(1_900_000_000_019);
    });
  });
}
