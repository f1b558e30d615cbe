import { describe, expect, it } from 'vitest';
import { momentOf } from '../../functions/domain/moment.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');

describe('a moment', () => {
  it.each([
    ['2026-11-01', '2026-11-01T00:00:00.000Z'],
    ['2026-11-01T08:30', '2026-11-01T08:30:00.000Z'],
    ['2026-11-01 08:30:15', '2026-11-01T08:30:15.000Z'],
    ['2026-11-01T08:30:15.250z', '2026-11-01T08:30:15.250Z'],
    ['2026-11-01T08:30+02:00', '2026-11-01T06:30:00.000Z'],
    [' 7d ', '2026-11-14T12:00:00.000Z'],
    ['1.5h', '2026-11-21T10:30:00.000Z'],
    ['90M', '2026-11-21T10:30:00.000Z'],
    ['2w', '2026-11-07T12:00:00.000Z'],
  ])('%s is %s', (text, iso) => {
    expect(new Date(momentOf(text, NOW) ?? Number.NaN).toISOString()).toBe(iso);
  });

  it.each(['', 'yesterday', '7', 'd', '-7d', '2026-02-30', '2026-13-01', '2026-11-01T25:00', '01.11.2026', '7d ago'])(
    '%j is none',
    (text) => {
      expect(momentOf(text, NOW)).toBeUndefined();
    },
  );
});
