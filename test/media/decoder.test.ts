import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeInTurn } from '../../functions/media/decoder.ts';
import { corners } from './fixtures.ts';

describe('decodeInTurn', () => {
  /** Runs jobs of that size and gives the most that were at work together. */
  async function mostAtOnce(pixels: number): Promise<number> {
    let running = 0;
    let most = 0;
    const job = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise(setImmediate);
      running -= 1;
    };
    await Promise.all(Array.from({ length: 4 }, () => decodeInTurn(pixels, job)));
    return most;
  }

  it('lets large pictures go one after the other, small ones together', async () => {
    expect(await mostAtOnce(50_000_000)).toBe(1);
    expect(await mostAtOnce(1_000_000)).toBe(4);
  });

  it('goes on after a failure, which only its caller sees', async () => {
    const failing = decodeInTurn(50_000_000, () => Promise.reject(new Error('broken')));
    const next = decodeInTurn(50_000_000, () => Promise.resolve('fine'));
    await expect(failing).rejects.toThrow('broken');
    expect(await next).toBe('fine');
  });
});

describe('the decoder', () => {
  it('opens no SVG, not even beneath the checks of intake', async () => {
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    await expect(sharp(svg).metadata()).rejects.toThrow(/unsupported image format/);
    const page = sharp(await corners().png().toBuffer()).composite([{ input: svg }]);
    await expect(page.toBuffer()).rejects.toThrow(/unsupported image format/);
  });

  it('opens no file by its path', async () => {
    const path = fileURLToPath(new URL('../../samples/mug.jpg', import.meta.url));
    await expect(sharp(path).metadata()).rejects.toThrow(/unsupported image format/);
    expect((await sharp(readFileSync(path)).metadata()).format).toBe('jpeg');
  });
});
