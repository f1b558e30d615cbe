import { describe, expect, it } from 'vitest';
import {
  completion,
  type Drop,
  isSaidComplete,
  type Look,
  looksFrom,
  newLook,
  nextLook,
  restMs,
  sinceAfter,
} from '../../functions/domain/drop.ts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const NOW = 1_800_000_000_000;

/** A drop that was opened at `NOW`; nothing has come since. */
function dropped(change: Partial<Drop> = {}): { createdAt: number; drop: Drop } {
  const drop: Drop = {
    ...{ sequence: 1, since: 0, quietMs: 120 * SECOND, graceMs: 20 * SECOND, lastArrivalAt: NOW, files: 0 },
    ...{ saidComplete: false, growing: false, notes: [], told: {}, defaults: { recipe: 'r', settings: {}, fixed: {} } },
  };
  return { createdAt: NOW, drop: { ...drop, ...change } };
}
const looked = (change: Partial<Look> = {}): Look => ({ ...newLook(NOW, true), newestAt: NOW, ...change });

describe('the next look at a folder', () => {
  it.each<[string, Partial<Drop>, number, string]>([
    ['the first', {}, 0, 'look'],
    ['nothing has come since the last', { lookedAt: NOW + 11 * SECOND }, 60 * SECOND, 'nothing'],
    ['something has come', { lookedAt: NOW - 1 }, 9 * SECOND, 'look'],
    ['something may have come unnoted', { lookedAt: NOW + 9 * SECOND }, 18 * SECOND, 'look'],
    ['too soon', { lookedAt: NOW - 1 }, 7 * SECOND, 'nothing'],
    ['too soon for a large folder', { lookedAt: NOW - 1, files: 60_000 }, 60 * SECOND, 'nothing'],
    ['late enough for a large folder', { lookedAt: NOW - 1, files: 60_000 }, 68 * SECOND, 'look'],
    ['a file was being written', { lookedAt: NOW + 11 * SECOND, growing: true }, 14 * SECOND, 'look'],
    ['quiet', { lookedAt: NOW }, 120 * SECOND, 'close'],
    ['said to be complete', { lookedAt: NOW, saidComplete: true }, 1, 'close'],
    ['too old', { lookedAt: NOW, lastArrivalAt: NOW + 6 * HOUR }, 6 * HOUR, 'close'],
  ])('%s', (_, drop, after, next) => {
    expect(nextLook(dropped(drop), NOW + after)).toBe(next);
  });

  it('passes over what an earlier look dealt with, unless it may close the drop', () => {
    const batch = dropped({ since: NOW - HOUR, lookedAt: NOW });
    expect(looksFrom(batch, looked({ closing: false }))).toBe(NOW - 300 * SECOND);
    expect(looksFrom(batch, looked())).toBe(NOW - HOUR);
    expect(looksFrom(dropped({ since: NOW - HOUR }), looked({ closing: false }))).toBe(NOW - HOUR);
  });

  it('is said to come when the rest is over', () => {
    expect(restMs(dropped(), NOW)).toBe(0);
    expect(restMs(dropped({ lookedAt: NOW, files: 500 }), NOW + SECOND)).toBe(7500);
    expect(restMs(dropped({ lookedAt: NOW }), NOW + HOUR)).toBe(0);
  });
});

describe('a drop is complete', () => {
  const reasonAfter = (ms: number, look: Partial<Look>, drop: Partial<Drop> = {}) =>
    completion(dropped(drop), looked(look), NOW + ms);

  it('when it is quiet, counted from the newest file that was found and from its beginning', () => {
    expect(reasonAfter(119 * SECOND, {})).toBeUndefined();
    expect(reasonAfter(120 * SECOND, {})).toBe('The drop was closed after 120 seconds without a new file.');
    expect(reasonAfter(120 * SECOND, { newestAt: NOW + 1 })).toBeUndefined();
    expect(reasonAfter(60 * SECOND, { newestAt: NOW - HOUR })).toBeUndefined();
  });

  it('when it has the images that it was to have', () => {
    expect(reasonAfter(1, { images: 2 }, { expect: 3 })).toBeUndefined();
    expect(reasonAfter(1, { images: 3 }, { expect: 3 })).toBe('The drop was said to be complete.');
    expect(reasonAfter(120 * SECOND, { images: 2 }, { expect: 3 })).toBe(
      'The drop was closed after 120 seconds without a new file, with 2 of the 3 images it was to have.',
    );
  });

  it('when the mark is no older than any file', () => {
    expect(isSaidComplete(dropped(), looked({ readyAt: NOW - 1 }), 1)).toBe(false);
    expect(isSaidComplete(dropped(), looked({ readyAt: NOW }), 1)).toBe(true);
    expect(isSaidComplete(dropped(), looked(), 1)).toBe(false);
  });

  it('not while a file is being written, but in the end even so', () => {
    expect(reasonAfter(HOUR, { growing: true, readyAt: NOW })).toBeUndefined();
    expect(reasonAfter(6 * HOUR, { growing: true })).toBe('The drop was closed after 6 hours.');
  });
});

it('The next batch of a folder looks at what came since, and a little before as clocks differ', () => {
  expect(sinceAfter(dropped({ lookedAt: NOW }).drop)).toBe(NOW - 300 * SECOND);
  expect(sinceAfter(dropped({ since: NOW - SECOND, lookedAt: NOW }).drop)).toBe(NOW - SECOND);
  expect(sinceAfter(dropped({ since: 7 }).drop)).toBe(7);
});
