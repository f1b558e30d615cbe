import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { inspectImage } from '../../functions/media/inspect.ts';
import { normalizeImage } from '../../functions/media/normalize.ts';
import {
  announceFrames,
  claimAvifSize,
  colourAt,
  cornerAt,
  corners,
  damagedWithin,
  noise,
  pngBomb,
  twoFrames,
  withOddScanParameters,
} from './fixtures.ts';

describe('normalizeImage: passes through', () => {
  it.each([
    ['JPEG', () => corners().jpeg()],
    ['progressive JPEG', () => corners().jpeg({ progressive: true })],
    ['upright JPEG with metadata', () => corners().withMetadata({ orientation: 1 }).jpeg()],
    ['JPEG with an sRGB profile', () => corners().withIccProfile('srgb').jpeg()],
    ['PNG', () => corners().png()],
    ['PNG with a palette', () => corners().png({ palette: true })],
    ['grey PNG', () => corners().greyscale().toColourspace('b-w').png()],
    ['PNG with transparency', () => corners().ensureAlpha(0.4).png()],
    ['WebP', () => corners().webp()],
    ['WebP with transparency', () => corners().ensureAlpha(0.4).webp()],
    ['the largest side that is not scaled', () => corners(3072, 8).png()],
  ])('%s', async (_, picture) => {
    const bytes = await picture().toBuffer();
    const { width, height } = await sharp(bytes).metadata();
    const normalized = await normalizeImage(bytes);
    expect(normalized).toMatchObject({ width, height, changes: [] });
    expect(normalized.bytes).toBe(bytes);
  });

  const photos = fileURLToPath(new URL('../../../shared/data/products', import.meta.url));
  it.skipIf(!existsSync(photos))(
    'real product photos (skipped where ../shared/data/products is not there)',
    async () => {
      const names = readdirSync(photos).filter((name) => name.endsWith('.jpg'));
      expect(names.length).toBeGreaterThan(0);
      for (const name of names) {
        const bytes = readFileSync(`${photos}/${name}`);
        const normalized = await normalizeImage(bytes);
        expect(normalized.changes, name).toEqual([]);
        expect(Buffer.compare(normalized.bytes, bytes), name).toBe(0);
      }
    },
  );
});

describe('normalizeImage: changes', () => {
  it.each([2, 3, 4, 5, 6, 7, 8])('applies EXIF orientation %i', async (orientation) => {
    const original = await corners().jpeg({ quality: 95 }).toBuffer();
    const upright = await sharp(original).toBuffer();
    // The inverse turn is stored, so that applying the orientation gives the original again.
    const inverse = { 5: 5, 6: 8, 7: 7, 8: 6 }[orientation] ?? orientation;
    const asStored = await sharp(await sharp(upright).withMetadata({ orientation: inverse }).toBuffer())
      .autoOrient()
      .toBuffer();
    const stored = await sharp(asStored).withMetadata({ orientation }).toBuffer();
    const normalized = await normalizeImage(stored);
    expect(normalized).toMatchObject({
      mimeType: 'image/jpeg',
      width: 120,
      height: 80,
      changes: ['rotated by its EXIF orientation'],
    });
    const seen = await Promise.all(
      [
        [0.2, 0.2],
        [0.8, 0.2],
        [0.2, 0.8],
        [0.8, 0.8],
      ].map(([x = 0, y = 0]) => cornerAt(normalized.bytes, x, y)),
    );
    expect(seen).toEqual(['red', 'green', 'blue', 'yellow']);
    expect((await inspectImage(normalized.bytes)).orientation).toBe(1);
  });

  it.each([
    ['CMYK JPEG', () => corners().toColourspace('cmyk').jpeg(), 'image/jpeg', ['CMYK to sRGB']],
    [
      'CMYK with profile',
      () => corners().toColourspace('cmyk').withIccProfile('cmyk').jpeg(),
      'image/jpeg',
      ['CMYK to sRGB'],
    ],
    ['Display P3 JPEG', () => corners().withIccProfile('p3').jpeg(), 'image/jpeg', ['colour profile to sRGB']],
    ['Display P3 PNG', () => corners().withIccProfile('p3').png(), 'image/png', ['colour profile to sRGB']],
    ['16-bit PNG', () => corners().toColourspace('rgb16').png(), 'image/png', ['16 bit to 8 bit']],
    ['16-bit grey PNG', () => corners().greyscale().toColourspace('grey16').png(), 'image/png', ['16 bit to 8 bit']],
    ['GIF', () => noise(120, 80).gif(), 'image/jpeg', ['converted from GIF']],
    ['GIF with transparency', () => corners().ensureAlpha(0).gif(), 'image/png', ['converted from GIF']],
    [
      'animated GIF',
      () => twoFrames().gif({ delay: [80, 80] }),
      'image/png',
      ['first of 2 frames', 'converted from GIF'],
    ],
    ['animated WebP', () => twoFrames().webp({ delay: [80, 80] }), 'image/png', ['first of 2 frames']],
    ['AVIF', () => corners().avif({ effort: 0 }), 'image/jpeg', ['converted from AVIF']],
    [
      'AVIF with transparency',
      () => corners().ensureAlpha(0.5).avif({ effort: 0 }),
      'image/png',
      ['converted from AVIF'],
    ],
    ['TIFF', () => corners().tiff({ compression: 'lzw' }), 'image/jpeg', ['converted from TIFF']],
    [
      '16-bit TIFF',
      () => corners().toColourspace('rgb16').tiff({ compression: 'lzw' }),
      'image/jpeg',
      ['converted from TIFF', '16 bit to 8 bit'],
    ],
  ])('%s', async (_, picture, mimeType, changes) => {
    const normalized = await normalizeImage(await picture().toBuffer());
    expect(normalized).toMatchObject({ mimeType, changes });
    const facts = await inspectImage(normalized.bytes);
    expect(facts).toMatchObject({ mimeType, bitsPerChannel: 8, orientation: 1, profile: 'none', pages: 1 });
    expect(facts.stored).toEqual({ width: normalized.width, height: normalized.height });
    expect((await normalizeImage(normalized.bytes)).changes).toEqual([]);
  });

  it('keeps what the colours look like', async () => {
    const cmyk = await normalizeImage(await corners().toColourspace('cmyk').jpeg().toBuffer());
    expect([await cornerAt(cmyk.bytes, 0.2, 0.2), await cornerAt(cmyk.bytes, 0.8, 0.8)]).toEqual(['red', 'yellow']);
    // withIccProfile converts sRGB pixels into P3, so going back must give the same numbers.
    const p3 = await normalizeImage(await corners().withIccProfile('p3').png().toBuffer());
    const [r = 0, g = 0, b = 0] = await colourAt(p3.bytes, 0.2, 0.2);
    expect(Math.max(Math.abs(r - 220), Math.abs(g - 30), Math.abs(b - 30))).toBeLessThan(6);
  });

  it('shows the first frame of an animation', async () => {
    const gif = await normalizeImage(
      await twoFrames()
        .gif({ delay: [80, 80] })
        .toBuffer(),
    );
    expect(await colourAt(gif.bytes, 0.5, 0.5)).toEqual([255, 255, 255]);
    const apng = await normalizeImage(announceFrames(await corners().png().toBuffer(), 3));
    expect(apng.changes).toEqual(['first of 3 frames']);
    expect(Buffer.from(apng.bytes).includes('acTL')).toBe(false);
  });

  it('scales down what is longer than 3072 pixels', async () => {
    const wide = await normalizeImage(await corners(4096, 1000).jpeg().toBuffer());
    expect(wide).toMatchObject({ width: 3072, height: 750, changes: ['scaled from 4096 × 1000 to 3072 × 750'] });
    const turned = await normalizeImage(await corners(4096, 1000).withMetadata({ orientation: 6 }).jpeg().toBuffer());
    expect(turned).toMatchObject({ width: 750, height: 3072 });
    expect(turned.changes).toEqual(['rotated by its EXIF orientation', 'scaled from 1000 × 4096 to 750 × 3072']);
  });

  it('compresses what is too heavy to send, transparency onto white', async () => {
    const opaque = await normalizeImage(await noise(1700, 1700).png().toBuffer());
    expect(opaque).toMatchObject({ mimeType: 'image/jpeg', changes: ['compressed below 7 MB'] });
    expect(opaque.bytes.length).toBeLessThan(7_000_000);
    const clear = await normalizeImage(await noise(1700, 1700).ensureAlpha(0).png().toBuffer());
    expect(clear.changes).toEqual(['compressed below 7 MB', 'transparency onto white']);
    expect(await colourAt(clear.bytes, 0.5, 0.5)).toEqual([255, 255, 255]);
  });
});

describe('normalizeImage: bytes behind the picture', () => {
  const page = Buffer.from('<html><script>alert(1)</script></html>PK\x03\x04');

  it.each([
    ['jpeg', () => corners().jpeg()],
    ['jpeg', () => corners().jpeg({ progressive: true })],
    ['png', () => corners().png()],
    ['webp', () => corners().webp()],
  ])('are cut off without touching a %s', async (_, picture) => {
    const bytes = await picture().toBuffer();
    const normalized = await normalizeImage(Buffer.concat([bytes, page]));
    expect(normalized.changes).toEqual(['bytes after the end of the picture removed']);
    expect(Buffer.compare(normalized.bytes, bytes)).toBe(0);
  });

  it('do not survive a conversion either', async () => {
    const normalized = await normalizeImage(Buffer.concat([await corners().gif().toBuffer(), page]));
    expect(Buffer.from(normalized.bytes).includes('<script>')).toBe(false);
  });
});

describe('normalizeImage: damage', () => {
  let jpeg: Buffer;
  let fixtures: Record<string, Buffer>;
  beforeAll(async () => {
    jpeg = await noise(300, 200).jpeg().toBuffer();
    const png = await noise(300, 200).png().toBuffer();
    const webp = await noise(300, 200).webp().toBuffer();
    const turned = await noise(300, 200).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const gif = await noise(300, 200).gif().toBuffer();
    const tiff = await noise(300, 200).tiff({ compression: 'lzw' }).toBuffer();
    const cut = (bytes: Buffer, share: number) => bytes.subarray(0, Math.floor(bytes.length * share));
    fixtures = {
      'JPEG cut in half': cut(jpeg, 0.5),
      'JPEG without its last row': cut(jpeg, 0.98),
      'JPEG without its end marker': jpeg.subarray(0, -2),
      'JPEG cut in its header': jpeg.subarray(0, 100),
      'JPEG damaged within': damagedWithin(jpeg),
      'JPEG cut in half and closed again': Buffer.concat([cut(jpeg, 0.5), Buffer.from([0xff, 0xd9])]),
      'rotated JPEG cut in half': cut(turned, 0.5),
      'rotated JPEG damaged within': damagedWithin(turned),
      'PNG cut in half': cut(png, 0.5),
      'PNG without its end': png.subarray(0, -12),
      'PNG damaged within': damagedWithin(png),
      'PNG with hardly any pixels': pngBomb(800, 800),
      'WebP cut in half': cut(webp, 0.5),
      'WebP without its last bytes': webp.subarray(0, -3),
      'AVIF of another size than it says': claimAvifSize(await corners(64, 64).avif({ effort: 0 }).toBuffer(), 16, 16),
      'AVIF cut in half': cut(await noise(64, 64).avif({ effort: 0 }).toBuffer(), 0.6),
      'GIF cut in half': cut(gif, 0.5),
      'TIFF damaged within': damagedWithin(tiff),
    };
  });

  const NAMES = [
    'JPEG cut in half',
    'JPEG without its last row',
    'JPEG without its end marker',
    'JPEG cut in its header',
    'JPEG damaged within',
    'JPEG cut in half and closed again',
    'rotated JPEG cut in half',
    'rotated JPEG damaged within',
    'PNG cut in half',
    'PNG without its end',
    'PNG damaged within',
    'PNG with hardly any pixels',
    'WebP cut in half',
    'WebP without its last bytes',
    'AVIF of another size than it says',
    'AVIF cut in half',
    'GIF cut in half',
    'TIFF damaged within',
  ];
  it.each(NAMES)('%s is corrupt_image', async (name) => {
    const bytes = fixtures[name] ?? Buffer.alloc(0);
    await expect(normalizeImage(bytes)).rejects.toMatchObject({
      code: 'corrupt_image',
      message: expect.stringMatching(/^The picture is damaged or cut off \(.+\); export or upload it again\.$/),
    });
  });

  it('repairs the harmless faults of cameras, so that stricter readers take the result', async () => {
    const odd = withOddScanParameters(jpeg);
    await expect(sharp(odd).raw().toBuffer()).rejects.toThrow(/Invalid SOS/);
    const normalized = await normalizeImage(odd);
    expect(normalized).toMatchObject({ width: 300, height: 200, changes: ['encoding fault of the camera repaired'] });
    await sharp(normalized.bytes).raw().toBuffer();
    const turned = withOddScanParameters(await corners().withMetadata({ orientation: 6 }).jpeg().toBuffer());
    expect((await normalizeImage(turned)).changes).toEqual([
      'rotated by its EXIF orientation',
      'encoding fault of the camera repaired',
    ]);
  });

  it('goes on with good pictures beside bombs and damage', async () => {
    const mixed = [jpeg, pngBomb(30_000, 30_000), jpeg.subarray(0, 500), jpeg, Buffer.from('<svg/>'), jpeg];
    const ends = await Promise.allSettled(mixed.map((bytes) => normalizeImage(bytes)));
    expect(ends.map((end) => (end.status === 'fulfilled' ? 'ok' : end.reason.code))).toEqual([
      'ok',
      'image_too_large',
      'corrupt_image',
      'ok',
      'unsupported_format',
      'ok',
    ]);
  });
});
