import { crc32, deflateSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';

/** An RGB picture of four different corners, so that turns and mirrors show: red, green / blue, yellow. */
export function corners(width = 120, height = 80): Sharp {
  const pixels = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const left = x < width / 2;
      const colour = y < height / 2 ? (left ? [220, 30, 30] : [30, 200, 30]) : left ? [30, 30, 220] : [230, 220, 30];
      pixels.set(colour, (y * width + x) * 3);
    }
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

/** Incompressible, so that cutting bytes off cuts pixels off. */
export function noise(width: number, height: number): Sharp {
  return sharp({
    create: { width, height, channels: 3, background: 'grey', noise: { type: 'gaussian', mean: 128, sigma: 40 } },
  });
}

/** Two frames of 40 × 30, white and grey. */
export function twoFrames(): Sharp {
  const frames = Buffer.concat([Buffer.alloc(40 * 30 * 4, 255), Buffer.alloc(40 * 30 * 4, 90)]);
  return sharp(frames, { raw: { width: 40, height: 60, channels: 4, pageHeight: 30 } });
}

function pngChunk(type: string, data: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  checksum.writeUInt32BE(crc32(typed));
  return Buffer.concat([length, typed, checksum]);
}

/** A valid PNG header of that size with hardly any pixels behind it. */
export function pngBomb(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(Buffer.alloc(100_000))),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** The PNG with the chunk that announces an animation of so many frames. */
export function announceFrames(png: Buffer, frames: number): Buffer {
  const data = Buffer.alloc(8);
  data.writeUInt32BE(frames, 0);
  const afterHeader = 8 + 25;
  return Buffer.concat([png.subarray(0, afterHeader), pngChunk('acTL', data), png.subarray(afterHeader)]);
}

/** An AVIF that claims another size than its coded picture has. */
export function claimAvifSize(avif: Buffer, width: number, height: number): Buffer {
  const claimed = Buffer.from(avif);
  const box = claimed.indexOf('ispe');
  claimed.writeUInt32BE(width, box + 8);
  claimed.writeUInt32BE(height, box + 12);
  return claimed;
}

/** A baseline JPEG with the scan parameters that some phones write: libjpeg warns, the pixels are fine. */
export function withOddScanParameters(jpeg: Buffer): Buffer {
  const odd = Buffer.from(jpeg);
  const scan = odd.indexOf(Buffer.from([0xff, 0xda]));
  const components = odd[scan + 4] ?? 0;
  odd[scan + 6 + 2 * components] = 0;
  return odd;
}

/** The same length, with noise overwritten in the middle. */
export function damagedWithin(bytes: Buffer): Buffer {
  const damaged = Buffer.from(bytes);
  return damaged.fill(0xff, damaged.length >> 1, (damaged.length >> 1) + 60);
}

/** Colour at a share of width and height, as [r, g, b]. */
export async function colourAt(bytes: Uint8Array, x: number, y: number): Promise<number[]> {
  const { data, info } = await sharp(bytes)
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const at = (Math.floor(y * info.height) * info.width + Math.floor(x * info.width)) * info.channels;
  return [...data.subarray(at, at + 3)];
}

/** Name of the nearest colour of `corners`. */
export async function cornerAt(bytes: Uint8Array, x: number, y: number): Promise<string> {
  const [r = 0, g = 0, b = 0] = await colourAt(bytes, x, y);
  if (b > 120) return 'blue';
  if (r > 120) return g > 120 ? 'yellow' : 'red';
  return 'green';
}
