import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';

/** Makes `count` JPEG files of about 65 kB in `folder`, each with its own bytes: one picture with a number behind its end. */
export async function makeCorpus(folder: string, count: number): Promise<void> {
  const picture = await drawPicture();
  for (let n = 0; n < count; n += 1) {
    const inner = join(folder, String(Math.floor(n / 1000)));
    if (n % 1000 === 0) await mkdir(inner, { recursive: true });
    const content = Buffer.concat([picture, Buffer.from(String(n).padStart(8, '0'))]);
    await writeFile(join(inner, `product-${String(n).padStart(5, '0')}.jpg`), content);
  }
}

/** Noise of a fixed seed, so that every run sends the same bytes. */
async function drawPicture(): Promise<Buffer> {
  const [width, height] = [400, 300];
  const pixels = Buffer.alloc(width * height * 3);
  let seed = 1;
  for (let at = 0; at < pixels.length; at += 1) {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    pixels[at] = 96 + ((seed >> 16) % 64);
  }
  return await sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 92 })
    .toBuffer();
}
