import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { inspectImage } from '../../functions/media/inspect.ts';
import { thumbnail } from '../../functions/media/thumbnail.ts';
import { colourAt, cornerAt, corners, noise, pngBomb } from './fixtures.ts';

describe('thumbnail', () => {
  it('is a WebP within the asked size', async () => {
    const small = await thumbnail(await corners(1200, 800).jpeg().toBuffer(), { longest: 320 });
    expect(small).toMatchObject({ mimeType: 'image/webp', width: 320, height: 213 });
    expect(await inspectImage(small.bytes)).toMatchObject({ format: 'webp', stored: { width: 320, height: 213 } });
    expect(await cornerAt(small.bytes, 0.8, 0.2)).toBe('green');
  });

  it('never enlarges', async () => {
    const small = await thumbnail(await corners(60, 90).png().toBuffer(), { longest: 320 });
    expect(small).toMatchObject({ width: 60, height: 90 });
  });

  it('is upright', async () => {
    const stored = await corners(120, 80).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const small = await thumbnail(stored, { longest: 60 });
    expect(small).toMatchObject({ width: 40, height: 60 });
    expect(await cornerAt(small.bytes, 0.8, 0.2)).toBe('red');
  });

  it('puts transparency onto white', async () => {
    const small = await thumbnail(await corners().ensureAlpha(0).png().toBuffer(), { longest: 60 });
    expect(await colourAt(small.bytes, 0.5, 0.5)).toEqual([255, 255, 255]);
    expect((await sharp(small.bytes).metadata()).hasAlpha).toBe(false);
  });

  it('refuses what intake refuses', async () => {
    const cut = (await noise(300, 200).jpeg().toBuffer()).subarray(0, 9000);
    await expect(thumbnail(cut, { longest: 60 })).rejects.toMatchObject({ code: 'corrupt_image' });
    await expect(thumbnail(pngBomb(30_000, 30_000), { longest: 60 })).rejects.toMatchObject({
      code: 'image_too_large',
    });
    await expect(thumbnail(Buffer.from('<svg/>'), { longest: 60 })).rejects.toMatchObject({
      code: 'unsupported_format',
    });
  });
});
