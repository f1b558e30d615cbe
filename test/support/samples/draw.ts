import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import sharp, { type Sharp } from 'sharp';
import { armchair } from './drawings/armchair.ts';
import { headphones } from './drawings/headphones.ts';
import { mug } from './drawings/mug.ts';
import { oilBottle } from './drawings/oil-bottle.ts';
import { perfumeFlacon } from './drawings/perfume-flacon.ts';
import { sneaker } from './drawings/sneaker.ts';
import { tableLamp } from './drawings/table-lamp.ts';
import { teapot } from './drawings/teapot.ts';
import { toteBag } from './drawings/tote-bag.ts';
import { watch } from './drawings/watch.ts';

/** Each sample's file, its drawing, and how it is stored; between them they have what intake must cope with. */
const SAMPLES: readonly [file: string, drawing: () => string, stored: (picture: Sharp) => Sharp | Promise<Sharp>][] = [
  ['armchair.webp', armchair, (picture) => picture.webp({ quality: 88 })],
  ['headphones.webp', headphones, (picture) => picture.webp({ quality: 88, alphaQuality: 95 })],
  ['mug.jpg', mug, jpeg],
  ['oil-bottle.png', oilBottle, png],
  ['perfume-flacon.jpg', perfumeFlacon, jpeg],
  ['sneaker.jpg', sneaker, lyingOnItsSide],
  ['table-lamp.png', tableLamp, (picture) => png(picture.removeAlpha())],
  ['teapot.jpg', teapot, (picture) => jpeg(picture.removeAlpha().toColourspace('cmyk'))],
  ['tote-bag.jpg', toteBag, jpeg],
  ['watch.jpg', watch, jpeg],
];

for (const [file, drawing, stored] of SAMPLES) {
  const path = fileURLToPath(new URL(`../../../samples/${file}`, import.meta.url));
  const picture = await stored(sharp(Buffer.from(drawing())));
  const { width, height } = await picture.toFile(path);
  console.log(`${file}: ${width} × ${height}, ${Math.round((await stat(path)).size / 1000)} kB`);
}

function jpeg(picture: Sharp): Sharp {
  return picture.jpeg({ quality: 88, mozjpeg: true });
}

function png(picture: Sharp): Sharp {
  return picture.png({ compressionLevel: 9 });
}

/** As a camera held upright stores it: the pixels turned to the left, and a note (EXIF 6) to turn them back. */
async function lyingOnItsSide(picture: Sharp): Promise<Sharp> {
  const turned = await picture.removeAlpha().rotate(-90).png().toBuffer();
  return jpeg(sharp(turned).withMetadata({ orientation: 6 }));
}
