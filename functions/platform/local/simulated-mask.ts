import { labOf } from './simulated-colour.ts';

/** Raw pixels, 4 bytes each (red, green, blue, alpha). */
export interface Pixels {
  data: Uint8Array;
  width: number;
  height: number;
}

/** Where the subject is; one entry per pixel, row by row. */
export interface Mask {
  width: number;
  height: number;
  /** 1 on the subject, 0 elsewhere, also in openings through which the background is seen. */
  solid: Uint8Array;
  /** L, a, b of every pixel, 3 numbers each. */
  lab: Float32Array;
  /** The background without the product and its shadow, as `lab`; undefined for a picture with a transparent one. */
  backdrop: Float32Array | undefined;
}

/** How far, in Lab, a background may drift from its surroundings: soft shadows stay below, edges of a subject above. */
const DRIFT = 3;
/** How unlike the background an opening may be on average, and how sharply it must end. */
const UNLIKE_OPENING = 3;
const SHARP = 8;
/** How unlike the border of its row a pixel may be and still be a shadow on the background. */
const DEEPEST_SHADOW = 18;

/** Tells the subject from its background: by transparency if there is any, else by flooding in from the border. */
export function maskOf(pixels: Pixels): Mask {
  const { width, height, data } = pixels;
  const lab = labPlane(pixels);
  const clear = Uint8Array.from({ length: width * height }, (_, i) => ((data[i * 4 + 3] ?? 255) < 128 ? 1 : 0));
  const seeThrough = clear.reduce((sum, one) => sum + one, 0) > clear.length * 0.02;
  if (seeThrough) return { width, height, solid: clear.map((one) => 1 - one), lab, backdrop: undefined };
  const { outside, backdrop } = floodFromBorder(width, height, lab);
  const background = acrossSubject(width, height, lab, outside);
  const solid = outside.map((one) => 1 - one);
  for (const opening of openingsOf(width, height, lab, background, solid)) {
    for (const i of opening) solid[i] = 0;
  }
  return { width, height, solid: withoutSpecks(width, height, solid), lab, backdrop };
}

function labPlane({ data, width, height }: Pixels): Float32Array {
  const lab = new Float32Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    lab.set(labOf(data[i * 4] ?? 0, data[i * 4 + 1] ?? 0, data[i * 4 + 2] ?? 0), i * 3);
  }
  return lab;
}

/** Colour distance with lightness at 0.7, because shadows change lightness most. */
function difference(p: Float32Array, i: number, q: Float32Array, j: number): number {
  const l = 0.7 * ((p[i * 3] ?? 0) - (q[j * 3] ?? 0));
  const a = (p[i * 3 + 1] ?? 0) - (q[j * 3 + 1] ?? 0);
  const b = (p[i * 3 + 2] ?? 0) - (q[j * 3 + 2] ?? 0);
  return Math.sqrt(l * l + a * a + b * b);
}

/** As `difference`, but stricter where it gets lighter: a shadow never does, a white product on white does. */
function drift(p: Float32Array, i: number, q: Float32Array, j: number): number {
  const lighter = (p[i * 3] ?? 0) - (q[j * 3] ?? 0);
  return difference(p, i, q, j) + Math.max(0, lighter) * 0.9;
}

/** `outside` is 1 where the background reaches from the border without crossing an edge. */
function floodFromBorder(
  width: number,
  height: number,
  lab: Float32Array,
): { outside: Uint8Array; backdrop: Float32Array } {
  const count = width * height;
  const outside = new Uint8Array(count);
  const carried = new Float32Array(lab);
  const queue = new Int32Array(count);
  let [head, tail] = [0, 0];
  const border = borderOf(width, height);
  const typical = medianLab(lab, border);
  for (const i of border) {
    if (difference(lab, i, typical, 0) > 22) continue;
    outside[i] = 1;
    queue[tail++] = i;
  }
  const backdrop = acrossSubject(width, height, lab, sideColumns(width, height, outside));
  while (head < tail) {
    const from = queue[head++] ?? 0;
    for (const to of neighbours(from, width, height)) {
      if (outside[to] === 1 || drift(lab, to, carried, from) > DRIFT) continue;
      if (difference(lab, to, backdrop, to) > DEEPEST_SHADOW) continue;
      outside[to] = 1;
      queue[tail++] = to;
      for (let c = 0; c < 3; c++) {
        carried[to * 3 + c] = 0.8 * (carried[from * 3 + c] ?? 0) + 0.2 * (lab[to * 3 + c] ?? 0);
      }
    }
  }
  return { outside, backdrop };
}

function sideColumns(width: number, height: number, outside: Uint8Array): Uint8Array {
  const sides = new Uint8Array(outside.length);
  for (let y = 0; y < height; y++) {
    sides[y * width] = outside[y * width] ?? 0;
    sides[y * width + width - 1] = outside[y * width + width - 1] ?? 0;
  }
  return sides;
}

/**
 * Enclosed regions that look like the background, in shadow or not, and end in a sharp edge. A highlight fades into its
 * surroundings and so is none.
 */
function openingsOf(
  width: number,
  height: number,
  lab: Float32Array,
  background: Float32Array,
  solid: Uint8Array,
): number[][] {
  const shaded = Float32Array.from(solid, (one, i) => (one === 1 ? unlikeShaded(lab, background, i) : Infinity));
  const alike = Uint8Array.from(shaded, (far) => (far <= 2 * UNLIKE_OPENING ? 1 : 0));
  const rim = Math.round(width / 80);
  return piecesOf(width, height, alike).filter((piece) => {
    if (piece.length < solid.length / 2500) return false;
    if (piece.reduce((sum, i) => sum + (shaded[i] ?? 0), 0) > UNLIKE_OPENING * piece.length) return false;
    const edge = piece.flatMap((i) =>
      [i - rim, i + rim, i - rim * width, i + rim * width]
        .filter((next) => solid[next] === 1 && alike[next] === 0)
        .map((next) => difference(lab, i, lab, next)),
    );
    return edge.filter((contrast) => contrast > SHARP).length >= edge.length * 0.8;
  });
}

function unlikeShaded(lab: Float32Array, background: Float32Array, i: number): number {
  const l = (lab[i * 3] ?? 0) - (background[i * 3] ?? 0);
  const a = (lab[i * 3 + 1] ?? 0) - (background[i * 3 + 1] ?? 0);
  const b = (lab[i * 3 + 2] ?? 0) - (background[i * 3 + 2] ?? 0);
  return Math.hypot(l < 0 ? 0.35 * l : 0.7 * l, a, b);
}

/** The background carried on across the subject, along each row. */
function acrossSubject(width: number, height: number, lab: Float32Array, outside: Uint8Array): Float32Array {
  const background = new Float32Array(lab);
  for (let y = 0; y < height; y++) {
    let left = -1;
    for (let x = 0; x <= width; x++) {
      const open = x < width && outside[y * width + x] === 1;
      if (!open && x < width) continue;
      for (let gap = left + 1; gap < x; gap++) {
        const share = left < 0 ? 1 : x === width ? 0 : (gap - left) / (x - left);
        for (let c = 0; c < 3; c++) {
          const a = left < 0 ? lab[(y * width + Math.min(x, width - 1)) * 3 + c] : lab[(y * width + left) * 3 + c];
          const b = x === width ? a : lab[(y * width + x) * 3 + c];
          background[(y * width + gap) * 3 + c] = (1 - share) * (a ?? 0) + share * (b ?? 0);
        }
      }
      left = x;
    }
  }
  return background;
}

/** Without pieces smaller than a two-hundredth of the whole. */
function withoutSpecks(width: number, height: number, solid: Uint8Array): Uint8Array {
  const pieces = piecesOf(width, height, solid);
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const kept = new Uint8Array(solid.length);
  for (const piece of pieces) {
    if (piece.length < Math.max(total / 200, 8)) continue;
    for (const i of piece) kept[i] = 1;
  }
  return kept;
}

/** Connected pieces of a mask, largest first, as lists of pixel indexes. */
export function piecesOf(width: number, height: number, solid: Uint8Array): number[][] {
  const seen = new Uint8Array(solid.length);
  const pieces: number[][] = [];
  for (let start = 0; start < solid.length; start++) {
    if (solid[start] !== 1 || seen[start] === 1) continue;
    const piece = [start];
    seen[start] = 1;
    for (let next = 0; next < piece.length; next++) {
      for (const to of neighbours(piece[next] ?? 0, width, height)) {
        if (solid[to] !== 1 || seen[to] === 1) continue;
        seen[to] = 1;
        piece.push(to);
      }
    }
    pieces.push(piece);
  }
  return pieces.sort((a, b) => b.length - a.length);
}

function neighbours(i: number, width: number, height: number): number[] {
  const x = i % width;
  const next: number[] = [];
  if (x > 0) next.push(i - 1);
  if (x < width - 1) next.push(i + 1);
  if (i >= width) next.push(i - width);
  if (i < width * (height - 1)) next.push(i + width);
  return next;
}

function borderOf(width: number, height: number): number[] {
  const border: number[] = [];
  for (let x = 0; x < width; x++) border.push(x, (height - 1) * width + x);
  for (let y = 1; y < height - 1; y++) border.push(y * width, y * width + width - 1);
  return border;
}

function medianLab(lab: Float32Array, indexes: readonly number[]): Float32Array {
  const channel = (c: number) => {
    const sorted = indexes.map((i) => lab[i * 3 + c] ?? 0).sort((a, b) => a - b);
    return sorted[sorted.length >> 1] ?? 0;
  };
  return Float32Array.of(channel(0), channel(1), channel(2));
}
