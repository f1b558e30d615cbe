import sharp from 'sharp';
import { ProofsheetError } from '../../domain/errors.ts';
import { COLOUR_NAMES, type ColourName, chromaOf, colourName, hueOf, type Lab } from './simulated-colour.ts';
import { type Mask, maskOf, type Pixels, piecesOf } from './simulated-mask.ts';

/** Shares of named colours, largest first; they add up to 1. */
export type Palette = readonly { name: ColourName; share: number }[];

export const QUARTERS = ['upper left', 'upper right', 'lower left', 'lower right'] as const;
export const REGIONS = ['whole', 'upper third', 'middle third', 'lower third', 'left half', 'right half'] as const;
export type Region = (typeof REGIONS)[number];

/** What can be measured of a product in a picture. Positions and shares are of its bounding rectangle. */
export interface Measured {
  /** Share of the picture that the product covers; 0 when none was found, all else is then meaningless. */
  area: number;
  /** Bounding rectangle in shares of the picture. */
  box: { left: number; top: number; width: number; height: number };
  pieces: number;
  /** Width over height, in pixels. */
  aspect: number;
  fill: number;
  /** Centre of mass from the middle, -0.5 to 0.5, right and down positive. */
  balance: { x: number; y: number };
  /** Long axis: degrees from level, -90 to 90, positive from lower left to upper right; how many times longer than the short one. */
  axis: { degrees: number; ratio: number };
  /** How much of each quarter is covered, in the order of `QUARTERS`. */
  quarters: readonly [number, number, number, number];
  /** Sides of the picture that cut the product off. */
  cutAt: readonly ('left' | 'right' | 'top' | 'bottom')[];
  /** Share of the largest enclosed opening through which the background is seen. */
  opening: number;
  /** Mean lightness, 0 to 100. */
  lightness: number;
  /** Of the mean colour: hue in degrees, 0 to 360, and chroma, 0 for greys. */
  hue: number;
  chroma: number;
  /** Mean difference of lightness between neighbouring pixels. */
  texture: number;
  palettes: Readonly<Record<Region, Palette>>;
}

const MEASURED_PIXELS = 256;

/** Measures the product in a picture of any format that sharp reads. */
export async function measure(bytes: Uint8Array): Promise<Measured> {
  const pixels = await pixelsOf(bytes, MEASURED_PIXELS);
  return measureMask(maskOf(pixels));
}

/** Decoded pixels, upright, sRGB, at most `longest` on the longer side. */
export async function pixelsOf(bytes: Uint8Array, longest: number): Promise<Pixels> {
  try {
    const { data, info } = await sharp(bytes)
      .rotate()
      .resize(longest, longest, { fit: 'inside', withoutEnlargement: true })
      .toColourspace('srgb')
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { data, width: info.width, height: info.height };
  } catch (cause) {
    throw new ProofsheetError(
      'invalid_request',
      'The simulated model cannot decode the picture; send JPEG, PNG or WebP.',
      {
        cause,
      },
    );
  }
}

export function measureMask(mask: Mask): Measured {
  const { width, height, solid } = mask;
  const inside: number[] = [];
  for (let i = 0; i < solid.length; i++) if (solid[i] === 1) inside.push(i);
  const box = boxOf(inside, width, height);
  const moments = momentsOf(inside, width);
  const boxArea = box.width * box.height;
  return {
    area: inside.length / solid.length,
    box: { left: box.left / width, top: box.top / height, width: box.width / width, height: box.height / height },
    pieces: piecesOf(width, height, solid).filter((piece) => piece.length > inside.length * 0.04).length,
    aspect: box.width / box.height,
    fill: Math.min(1, inside.length / boxArea),
    balance: {
      x: (moments.x - box.left + 0.5) / box.width - 0.5,
      y: (moments.y - box.top + 0.5) / box.height - 0.5,
    },
    axis: moments.axis,
    quarters: quartersOf(inside, width, box),
    cutAt: cutSides(mask, inside.length),
    opening: openingOf(mask) / boxArea,
    ...surfaceOf(mask, inside, box),
  };
}

interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Bounding rectangle without the outermost two thousandths on each side, so that a stray pixel does not move it. */
function boxOf(inside: readonly number[], width: number, height: number): Box {
  if (inside.length === 0) return { left: 0, top: 0, width: 1, height: 1 };
  const across = new Uint32Array(width);
  const down = new Uint32Array(height);
  for (const i of inside) {
    const x = i % width;
    const y = Math.floor(i / width);
    across[x] = (across[x] ?? 0) + 1;
    down[y] = (down[y] ?? 0) + 1;
  }
  const stray = inside.length * 0.002;
  const [left, right] = limitsOf(across, stray);
  const [top, bottom] = limitsOf(down, stray);
  return { left, top, width: right - left + 1, height: bottom - top + 1 };
}

function limitsOf(counts: Uint32Array, stray: number): [number, number] {
  const edge = (order: readonly number[]) => {
    let sum = 0;
    for (const k of order) {
      sum += counts[k] ?? 0;
      if (sum > stray) return k;
    }
    return 0;
  };
  const forward = [...counts.keys()];
  return [edge(forward), edge(forward.toReversed())];
}

function momentsOf(inside: readonly number[], width: number): { x: number; y: number; axis: Measured['axis'] } {
  const n = Math.max(1, inside.length);
  let [x, y] = [0, 0];
  for (const i of inside) {
    x += (i % width) / n;
    y += Math.floor(i / width) / n;
  }
  let [xx, yy, xy] = [0, 0, 0];
  for (const i of inside) {
    const dx = (i % width) - x;
    const dy = Math.floor(i / width) - y;
    xx += (dx * dx) / n;
    yy += (dy * dy) / n;
    xy += (dx * dy) / n;
  }
  const spread = Math.hypot(xx - yy, 2 * xy);
  const degrees = (-0.5 * Math.atan2(2 * xy, xx - yy) * 180) / Math.PI;
  const ratio = Math.sqrt((xx + yy + spread) / Math.max(1e-6, xx + yy - spread));
  return { x, y, axis: { degrees, ratio } };
}

function quartersOf(inside: readonly number[], width: number, box: Box): [number, number, number, number] {
  const quarters: [number, number, number, number] = [0, 0, 0, 0];
  const each = 4 / (box.width * box.height);
  for (const i of inside) {
    const right = (i % width) - box.left >= box.width / 2;
    const low = Math.floor(i / width) - box.top >= box.height / 2;
    quarters[low ? (right ? 3 : 2) : right ? 1 : 0] += each;
  }
  return quarters;
}

/** A side counts when the product meets it along more than a hundredth of its length. */
function cutSides({ width, height, solid }: Mask, area: number): Measured['cutAt'] {
  if (area === 0) return [];
  const [left, right, top, bottom] = [0, 0, 0, 0].map((_, side) => {
    let count = 0;
    for (let k = 0; k < (side < 2 ? height : width); k++) {
      const i = [k * width + 1, k * width + width - 2, width + k, (height - 2) * width + k][side] ?? 0;
      count += solid[i] ?? 0;
    }
    return count > Math.max(width, height) * 0.012;
  });
  const met = { left, right, top, bottom };
  return (['left', 'right', 'top', 'bottom'] as const).filter((side) => met[side] === true);
}

/** Pixels of the largest stretch of background that is enclosed by the product. */
function openingOf({ width, height, solid }: Mask): number {
  const empty = solid.map((one) => 1 - one);
  const enclosed = piecesOf(width, height, empty).filter((piece) =>
    piece.every((i) => i % width > 0 && i % width < width - 1 && i >= width && i < width * (height - 1)),
  );
  return enclosed[0]?.length ?? 0;
}

function surfaceOf(
  { width, solid, lab }: Mask,
  inside: readonly number[],
  box: Box,
): Pick<Measured, 'lightness' | 'hue' | 'chroma' | 'texture' | 'palettes'> {
  const within = (i: number) =>
    solid[i - 1] === 1 && solid[i + 1] === 1 && solid[i - width] === 1 && solid[i + width] === 1;
  const inner = inside.filter(within);
  const sample = inner.length > inside.length / 3 ? inner : inside;
  const counts = new Map(REGIONS.map((region) => [region, new Map<ColourName, number>()]));
  let [lightness, a, b, texture] = [0, 0, 0, 0];
  for (const i of sample) {
    const l = lab[i * 3] ?? 0;
    const own: Lab = [l, lab[i * 3 + 1] ?? 0, lab[i * 3 + 2] ?? 0];
    const name = colourName(own);
    const x = ((i % width) - box.left) / box.width;
    const y = (Math.floor(i / width) - box.top) / box.height;
    const third = y < 1 / 3 ? 'upper third' : y < 2 / 3 ? 'middle third' : 'lower third';
    for (const region of ['whole', third, x < 0.5 ? 'left half' : 'right half'] as const) {
      const shares = counts.get(region);
      shares?.set(name, (shares.get(name) ?? 0) + 1);
    }
    lightness += l / sample.length;
    a += own[1] / sample.length;
    b += own[2] / sample.length;
    texture += Math.abs(l - (lab[i * 3 + 3] ?? l)) / sample.length;
  }
  const palettes = Object.fromEntries(REGIONS.map((region) => [region, paletteOf(counts.get(region) ?? new Map())]));
  const mean: Lab = [lightness, a, b];
  return {
    lightness,
    hue: hueOf(mean),
    chroma: chromaOf(mean),
    texture,
    palettes: palettes as Record<Region, Palette>,
  };
}

function paletteOf(counts: ReadonlyMap<ColourName, number>): Palette {
  const total = [...counts.values()].reduce((sum, one) => sum + one, 0);
  return COLOUR_NAMES.map((name) => ({ name, share: (counts.get(name) ?? 0) / Math.max(1, total) }))
    .filter(({ share }) => share > 0)
    .sort((a, b) => b.share - a.share);
}
