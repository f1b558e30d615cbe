import sharp from 'sharp';
import { hashOf } from '../../lib/hash.ts';
import { colourName, type Lab, rgbOf } from './simulated-colour.ts';
import { prominentColours } from './simulated-colour-facts.ts';
import { defectsFor, diceFrom } from './simulated-defect.ts';
import { type Mask, maskOf, type Pixels } from './simulated-mask.ts';
import { type Layer, placeLayer } from './simulated-placement.ts';
import { chooseScene, drawScene } from './simulated-scene.ts';
import { type Measured, measureMask, pixelsOf } from './simulated-vision.ts';

const MASK_PIXELS = 384;
const LONGEST = 768;

/** What the picture is made from. `corrections`: those that the prompt lists; `wish`: the scene in words. */
export interface PictureOrder {
  bytes: Uint8Array;
  sha256: string;
  wish: string;
  corrections: readonly string[];
  aspectRatio?: string | undefined;
}

/**
 * Cuts the product out and places it in a drawn scene, with the mistakes that its hash decides. Shadows and glass are
 * kept by carrying over how much the original background is darkened at each pixel.
 */
export async function makePicture(order: PictureOrder): Promise<Uint8Array> {
  const pixels = await pixelsOf(order.bytes, LONGEST);
  const small = await pixelsOf(order.bytes, MASK_PIXELS);
  const mask = maskOf(small);
  const measured = measureMask(mask);
  const defects = defectsFor(measured, order.sha256, order.corrections);
  const layer = await layerOf(pixels, mask, measured);
  const { width, height } = canvasFor(pixels, order.aspectRatio);
  const pick = diceFrom(hashOf(['scene', order.sha256, order.corrections]))();
  const scene = chooseScene(order.wish, subjectColours(mask, measured), pick);
  const canvas = drawScene(scene, width, height);
  placeLayer({ data: canvas, width, height }, layer, measured, defects);
  const image = sharp(canvas, { raw: { width, height, channels: 3 } });
  return new Uint8Array(await image.jpeg({ quality: 90, chromaSubsampling: '4:4:4' }).toBuffer());
}

/** Typical Lab values of the product's prominent colours. */
function subjectColours({ lab, solid }: Mask, measured: Measured): Lab[] {
  const names = prominentColours(measured);
  const sums = new Map(names.map((name) => [name, { l: 0, a: 0, b: 0, n: 0 }]));
  for (let i = 0; i < solid.length; i++) {
    if (solid[i] !== 1) continue;
    const own: Lab = [lab[i * 3] ?? 0, lab[i * 3 + 1] ?? 0, lab[i * 3 + 2] ?? 0];
    const sum = sums.get(colourName(own));
    if (sum === undefined) continue;
    sum.l += own[0];
    sum.a += own[1];
    sum.b += own[2];
    sum.n += 1;
  }
  return [...sums.values()].map(({ l, a, b, n }) => [l / n, a / n, b / n]);
}

async function layerOf(pixels: Pixels, mask: Mask, measured: Measured): Promise<Layer> {
  const { width, height, data } = pixels;
  const count = width * height;
  const shade = new Uint8Array(count * 3).fill(255);
  const { backdrop } = mask;
  if (backdrop === undefined) {
    const opaque = Uint8Array.from({ length: count }, (_, i) => data[i * 4 + 3] ?? 255);
    return { pixels, opaque, shade: shade.map((_, k) => drawnShadow(Math.floor(k / 3), pixels, measured)) };
  }
  const enlarge = (raw: Uint8Array, channels: 1 | 3, blur: number) =>
    sharp(raw, { raw: { width: mask.width, height: mask.height, channels } })
      .resize(width, height, { fit: 'fill', kernel: 'cubic' })
      .blur(blur)
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw()
      .toBuffer();
  const solid = mask.solid.map((one) => one * 255);
  const coarse = await enlarge(solid, 1, 1.2);
  const depth = await enlarge(solid, 1, 5);
  const behind = await enlarge(rgbPlane(backdrop), 3, 8);
  const opaque = Uint8Array.from(coarse, (one) => Math.min(255, Math.max(0, (one - 110) * 2.6)));
  for (let i = 0; i < count; i++) {
    const fade = Math.min(1, distanceToEdge(i, width, height) / (0.06 * width));
    for (let c = 0; c < 3; c++) {
      const ratio = Math.min(1, (data[i * 4 + c] ?? 0) / Math.max(1, behind[i * 3 + c] ?? 1));
      shade[i * 3 + c] = Math.round(255 * (1 - fade * (1 - ratio)));
    }
    // Along the edge only what really differs from the old background belongs to the product, or it brings a seam along.
    if ((depth[i] ?? 0) < 245) opaque[i] = (opaque[i] ?? 0) * clamped((unlike(data, behind, i) - 16) / 30);
  }
  return { pixels, opaque, shade };
}

function unlike(data: Uint8Array, behind: Uint8Array, i: number): number {
  const channel = (c: number) => Math.abs((data[i * 4 + c] ?? 0) - (behind[i * 3 + c] ?? 0));
  return Math.max(channel(0), channel(1), channel(2));
}

function clamped(share: number): number {
  return Math.min(1, Math.max(0, share));
}

/** A faint shadow where the product stands, for pictures that bring none along. */
function drawnShadow(i: number, { width, height }: Pixels, { box }: Measured): number {
  const across = ((i % width) / width - box.left - box.width / 2) / (0.6 * box.width);
  const down = (Math.floor(i / width) / height - box.top - box.height) / 0.06;
  return Math.round(255 * (1 - 0.13 * Math.exp(-(across ** 2) - down ** 2)));
}

function rgbPlane(lab: Float32Array): Uint8Array {
  const rgb = new Uint8Array(lab.length);
  for (let i = 0; i < lab.length; i += 3) rgb.set(rgbOf([lab[i] ?? 0, lab[i + 1] ?? 0, lab[i + 2] ?? 0]), i);
  return rgb;
}

function distanceToEdge(i: number, width: number, height: number): number {
  const x = i % width;
  const y = Math.floor(i / width);
  return Math.min(x, y, width - 1 - x, height - 1 - y);
}

/** Pixels of the canvas: those of the reference, or the largest of the wished ratio. */
function canvasFor(pixels: Pixels, aspectRatio: string | undefined): { width: number; height: number } {
  const [across, down] = aspectRatio?.split(':').map(Number) ?? [pixels.width, pixels.height];
  const ratio = (across ?? 1) / (down ?? 1);
  const fitting =
    ratio >= 1 ? { width: LONGEST, height: LONGEST / ratio } : { width: LONGEST * ratio, height: LONGEST };
  return { width: Math.max(64, Math.round(fitting.width)), height: Math.max(64, Math.round(fitting.height)) };
}
