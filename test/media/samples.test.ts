import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { inspectImage } from '../../functions/media/inspect.ts';
import { normalizeImage } from '../../functions/media/normalize.ts';

const folder = fileURLToPath(new URL('../../samples/', import.meta.url));
const names = readdirSync(folder).filter((name) => /\.(jpg|png|webp)$/.test(name));
const read = (name: string) => readFileSync(folder + name);

describe('samples', () => {
  it('are a small mixed catalogue', () => {
    expect(names.length).toBeGreaterThanOrEqual(8);
    expect(names.reduce((sum, name) => sum + read(name).length, 0)).toBeLessThan(1_200_000);
  });

  it('bring along what intake must cope with', async () => {
    const facts = await Promise.all(names.map((name) => inspectImage(read(name))));
    expect(new Set(facts.map(({ format }) => format))).toEqual(new Set(['jpeg', 'png', 'webp']));
    expect(facts.filter(({ orientation }) => orientation === 6)).toHaveLength(1);
    expect(facts.filter(({ colourSpace }) => colourSpace === 'cmyk')).toHaveLength(1);
    expect(facts.filter(({ hasAlpha }) => hasAlpha).length).toBeGreaterThanOrEqual(1);
  });

  it('are all taken, changed only where they must be', async () => {
    const changes = await Promise.all(names.map(async (name) => [name, (await normalizeImage(read(name))).changes]));
    expect(Object.fromEntries(changes.filter(([, phrases]) => phrases?.length !== 0))).toEqual({
      'sneaker.jpg': ['rotated by its EXIF orientation'],
      'teapot.jpg': ['CMYK to sRGB'],
    });
  });
});
