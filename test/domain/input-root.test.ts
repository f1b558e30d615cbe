import { expect, it } from 'vitest';
import { isCostlyGlob } from '../../functions/domain/input-root.ts';

it.each([
  'photos/**/*front*.jpg',
  'photo (1).png',
  'a+b/[A-M]*.{png,jpg}',
  'gs://shop/2026/',
  'what?.png',
  '*.{jp{e,}g,png}',
])('matches by %s', (glob) => {
  expect(isCostlyGlob(glob)).toBe(false);
});

it.each(['*a*a*a*a*b', '(a+)+b', '(a|aa)*b', '+(a|aa)b', '!(!(a))', '[a-z]+[a-z]+b', '[a]{1,9}', '{a,a}{a,a}{a,a}b'])(
  'takes %s for costly',
  (glob) => {
    expect(isCostlyGlob(glob)).toBe(true);
  },
);
