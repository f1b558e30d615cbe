import { beforeAll, describe, expect, it } from 'vitest';
import { inspectImage, sniff } from '../../functions/media/inspect.ts';
import { announceFrames, claimAvifSize, corners, pngBomb, twoFrames } from './fixtures.ts';

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>';

describe('sniff', () => {
  it.each([
    ['a plain text', 'Hello\nworld', 'text', 'text/plain'],
    ['a text in UTF-8', 'Grüße 😀', 'text', 'text/plain'],
    ['a text that begins like a BMP', 'BMW and others', 'text', 'text/plain'],
    ['a text that begins like a GIF', 'GIF89a is a format', 'text', 'text/plain'],
    ['HTML with an SVG inside', '<!doctype html><html><svg></svg></html>', 'text', 'text/plain'],
    ['XML', '<?xml version="1.0"?><product/>', 'text', 'text/plain'],
    ['a PDF', '%PDF-1.7\n1 0 obj', 'pdf', 'application/pdf'],
    ['SVG', SVG, 'image', 'image/svg+xml'],
    ['SVG after white space', `\n\t  ${SVG}`, 'image', 'image/svg+xml'],
    ['SVG after a byte order mark', `\ufeff${SVG}`, 'image', 'image/svg+xml'],
    ['SVG after a prolog', `<?xml version="1.0"?>\n<!-- <html> -->\n${SVG}`, 'image', 'image/svg+xml'],
    ['SVG with entities', `<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n${SVG}`, 'image', 'image/svg+xml'],
    ['SVG with a prefix', '<s:svg xmlns:s="http://www.w3.org/2000/svg"/>', 'image', 'image/svg+xml'],
    ['SVG after a comment that never ends', `<!-- ${SVG}`, 'image', 'image/svg+xml'],
  ])('%s', async (_, text, kind, mimeType) => {
    expect(await sniff(Buffer.from(text))).toEqual({ kind, mimeType });
  });

  it('knows pictures by their bytes', async () => {
    const sent = {
      'image/jpeg': await corners().jpeg().toBuffer(),
      'image/png': await corners().png().toBuffer(),
      'image/webp': await corners().webp().toBuffer(),
      'image/gif': await corners().gif().toBuffer(),
      'image/avif': await corners().avif({ effort: 0 }).toBuffer(),
      'image/tiff': await corners().tiff().toBuffer(),
    };
    for (const [mimeType, bytes] of Object.entries(sent))
      expect(await sniff(bytes)).toEqual({ kind: 'image', mimeType });
  });

  it('calls the rest other', async () => {
    expect(await sniff(Buffer.alloc(0))).toEqual({ kind: 'other' });
    expect(await sniff(Buffer.from([0, 1, 2, 3]))).toEqual({ kind: 'other' });
    expect(await sniff(Buffer.from('PK\x03\x04\x14\0\0\0\xff\xff', 'latin1'))).toMatchObject({ kind: 'other' });
  });
});

describe('inspectImage: facts', () => {
  it('tells a plain JPEG', async () => {
    expect(await inspectImage(await corners().jpeg().toBuffer())).toEqual({
      mimeType: 'image/jpeg',
      format: 'jpeg',
      stored: { width: 120, height: 80 },
      displayed: { width: 120, height: 80 },
      orientation: 1,
      colourSpace: 'srgb',
      bitsPerChannel: 8,
      hasAlpha: false,
      profile: 'none',
      pages: 1,
    });
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('EXIF orientation %i', async (orientation) => {
    const facts = await inspectImage(await corners().withMetadata({ orientation }).jpeg().toBuffer());
    const turned = orientation >= 5;
    expect(facts).toMatchObject({
      orientation,
      stored: { width: 120, height: 80 },
      displayed: turned ? { width: 80, height: 120 } : { width: 120, height: 80 },
    });
  });

  it('tells colour spaces, depth, transparency and profiles', async () => {
    const facts = async (bytes: Promise<Buffer>) => inspectImage(await bytes);
    const grey = corners().greyscale();
    expect(await facts(corners().toColourspace('cmyk').jpeg().toBuffer())).toMatchObject({ colourSpace: 'cmyk' });
    expect(await facts(corners().toColourspace('rgb16').png().toBuffer())).toMatchObject({ bitsPerChannel: 16 });
    expect(await facts(corners().ensureAlpha(0.5).webp().toBuffer())).toMatchObject({ hasAlpha: true });
    expect(await facts(corners().withIccProfile('p3').jpeg().toBuffer())).toMatchObject({ profile: 'other' });
    expect(await facts(corners().withIccProfile('srgb').jpeg().toBuffer())).toMatchObject({ profile: 'srgb' });
    expect(await facts(grey.toColourspace('b-w').png().toBuffer())).toMatchObject({ colourSpace: 'b-w' });
  });

  it('counts the frames of animations', async () => {
    const apng = announceFrames(await corners().png().toBuffer(), 7);
    expect(
      await inspectImage(
        await twoFrames()
          .gif({ delay: [80, 80] })
          .toBuffer(),
      ),
    ).toMatchObject({ pages: 2 });
    expect(
      await inspectImage(
        await twoFrames()
          .webp({ delay: [80, 80] })
          .toBuffer(),
      ),
    ).toMatchObject({ pages: 2 });
    expect(await inspectImage(apng)).toMatchObject({ format: 'png', mimeType: 'image/png', pages: 7 });
  });
});

describe('inspectImage: refusals', () => {
  const heic = Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from('ftypheic\0\0\0\0mif1heic', 'latin1')]);
  const bmp = Buffer.concat([Buffer.from('BM'), Buffer.alloc(60, 200)]);

  it.each([
    ['nothing', Buffer.alloc(0), 'empty_file', /no bytes/],
    ['a text', Buffer.from('just words'), 'not_an_image', /is a text, not a picture/],
    ['a PDF', Buffer.from('%PDF-1.4'), 'not_an_image', /is a PDF document/],
    ['bytes of no kind', Buffer.from([0, 1, 2]), 'not_an_image', /of another kind/],
    ['a zip', Buffer.from('PK\x05\x06\0\0\0\0\xff', 'latin1'), 'not_an_image', /application\/zip/],
    ['SVG', Buffer.from(SVG), 'unsupported_format', /format SVG/],
    ['SVG with a byte order mark', Buffer.from(`\ufeff \n${SVG}`), 'unsupported_format', /format SVG/],
    ['HEIC', heic, 'unsupported_format', /format HEIC.*export it as JPEG/],
    ['BMP', bmp, 'unsupported_format', /format BMP/],
    ['a JPEG of three bytes', Buffer.from([0xff, 0xd8, 0xff]), 'corrupt_image', /damaged or cut off/],
    ['a PNG header alone', Buffer.from('89504e470d0a1a0a', 'hex'), expect.any(String), /./],
  ])('%s', async (_, bytes, code, message) => {
    await expect(inspectImage(bytes)).rejects.toMatchObject({
      name: 'ProofsheetError',
      code,
      disposition: 'permanent',
      message: expect.stringMatching(message),
    });
  });

  it('does not let SVG reach its parser in any disguise of bytes', async () => {
    const utf16 = Buffer.from(`\ufeff${SVG}`, 'utf16le');
    await expect(inspectImage(utf16)).rejects.toMatchObject({
      code: expect.stringMatching(/not_an_image|unsupported/),
    });
  });
});

describe('inspectImage: bombs are refused from the header', () => {
  let avif: Buffer;
  beforeAll(async () => {
    avif = await corners(64, 64).avif({ effort: 0 }).toBuffer();
  });

  const bombs: [string, () => Buffer, RegExp][] = [
    ['PNG of 900 megapixels', () => pngBomb(30_000, 30_000), /30000 × 30000 pixels, above the limit of 50 megapixels/],
    ['PNG just above the limit', () => pngBomb(50_000_001, 1), /50000001 × 1 pixels/],
    ['AVIF of 900 megapixels', () => claimAvifSize(avif, 30_000, 30_000), /limit of 16 megapixels for AVIF/],
    ['AVIF just above its own limit', () => claimAvifSize(avif, 4001, 4000), /4001 × 4000/],
  ];

  it.each(bombs)('%s', async (_, bomb, message) => {
    const bytes = bomb();
    const before = process.memoryUsage().rss;
    const refused = Array.from({ length: 20 }, () =>
      expect(inspectImage(bytes)).rejects.toMatchObject({
        code: 'image_too_large',
        message: expect.stringMatching(message),
      }),
    );
    await Promise.all(refused);
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
  });

  it('takes a header of exactly the limit', async () => {
    expect(await inspectImage(pngBomb(10_000, 5_000))).toMatchObject({ stored: { width: 10_000, height: 5_000 } });
    expect(await inspectImage(claimAvifSize(avif, 4000, 4000))).toMatchObject({ format: 'avif' });
  });
});
