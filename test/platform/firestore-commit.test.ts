import type { WriteBatch } from '@google-cloud/firestore';
import { describe, expect, it } from 'vitest';
import { commitOnce, inRounds } from '../../functions/platform/google/firestore-commit.ts';
import { firestoreError } from '../../functions/platform/google/firestore-errors.ts';
import { unavailable } from '../support/faulty-commits.ts';

const committing = (answer: Promise<never>): Pick<WriteBatch, 'commit'> => ({ commit: () => answer });

describe('a commit without an answer', () => {
  it('is given up as unclear while the client still repeats it', async () => {
    const committed = await commitOnce(committing(new Promise(() => undefined)), 5);
    expect(committed.kind).toBe('unclear');
    expect(firestoreError(committed.kind === 'done' ? undefined : committed.error)).toMatchObject({
      ...{ code: 'storage_unavailable', disposition: 'transient', scope: 'item' },
      message: expect.stringContaining('no answer to a commit within 5 ms'),
    });
  });

  it('takes no harm from an answer that comes too late', async () => {
    const late = Promise.withResolvers<never>();
    await commitOnce(committing(late.promise), 5);
    late.reject(unavailable());
    await expect(late.promise).rejects.toThrow('UNAVAILABLE');
  });

  it('is repeated a number of times, then fails as it was reported', async () => {
    let rounds = 0;
    const work = inRounds(async () => {
      rounds += 1;
      const committed = await commitOnce(committing(Promise.reject(unavailable())));
      return committed.kind === 'done' ? { kind: 'done', result: committed.at } : committed;
    });
    await expect(work).rejects.toMatchObject({ code: 14 });
    expect(rounds).toBe(40);
  });
});
