import { normalized } from '../../domain/embedding.ts';
import { openPicture } from '../../media/decoder.ts';
import { labOf } from './simulated-colour.ts';

/** Pixels of the small square that everything is measured on. */
const SIDE = 64;
/** Steps of a, b and lightness in the histogram of colours. */
const COLOUR_STEPS = 12;
const LIGHT_STEPS = 4;
/** Half the width of the range of a and b that is told apart; what is beyond counts as its end. */
const COLOUR_RANGE = 60;
/** Cells of a side of the grid, for colours and for edges. */
const CELLS = 4;
/** Cells that are left when those are one that mirror each other. */
const MIRRORED_CELLS = (CELLS / 2) ** 2;
const DIRECTIONS = 8;
/** Steps of the strength of an edge. */
const STRENGTHS = 5;
/** Distances of the pixels whose difference is an edge: fine and coarse. */
const REACHES = [1, 3];
/** Lowest frequencies of a side that are kept. */
const FREQUENCIES = 8;

/** A picture as lightness and two colour axes, with the light evened out. */
interface Planes {
  l: Float64Array;
  a: Float64Array;
  b: Float64Array;
}

/** The colours of a picture: how much there is of each, and where. A mirrored, cut or brighter copy gives nearly the same vector. */
export async function colourVector(bytes: Uint8Array): Promise<Float32Array> {
  const planes = await planesOf(bytes);
  return joined([colourHistogram(planes), 1], [colourLayout(planes), 0.2]);
}

/** The shapes in a picture: its edges, where they are, and its lowest frequencies. Mirroring hardly changes it. */
export async function shapeVector(bytes: Uint8Array): Promise<Float32Array> {
  const { l } = await planesOf(bytes);
  return joined([texture(l), 1], [edgeLayout(l), 0.4], [frequencies(l), 0.2]);
}

async function planesOf(bytes: Uint8Array): Promise<Planes> {
  const pixels = await openPicture(bytes, 'error')
    .autoOrient()
    .flatten({ background: 'white' })
    .toColourspace('srgb')
    .removeAlpha()
    .resize(SIDE, SIDE, { fit: 'fill' })
    .raw()
    .toBuffer();
  const channels = pixels.length / (SIDE * SIDE);
  const planes = {
    l: new Float64Array(SIDE * SIDE),
    a: new Float64Array(SIDE * SIDE),
    b: new Float64Array(SIDE * SIDE),
  };
  for (let at = 0; at < SIDE * SIDE; at += 1) {
    const [red = 0, green = red, blue = red] = pixels.subarray(at * channels, (at + 1) * channels);
    [planes.l[at], planes.a[at], planes.b[at]] = labOf(red, green, blue);
  }
  return { ...planes, l: standardized(planes.l) };
}

/** Mean 0 and deviation 1, so that a brighter or flatter copy stays the same. */
function standardized(values: Float64Array): Float64Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  const deviation = Math.sqrt(variance) || 1;
  return values.map((value) => (value - mean) / deviation);
}

/** Each pixel counts for the steps on either side of it, by nearness, so that a small change moves little. */
function colourHistogram({ l, a, b }: Planes): Float32Array {
  const counts = new Float32Array(COLOUR_STEPS * COLOUR_STEPS * LIGHT_STEPS);
  const weights = foreground({ l, a, b });
  for (let at = 0; at < l.length; at += 1) {
    const weight = weights[at] ?? 0;
    const inA = shares(((a[at] ?? 0) / COLOUR_RANGE + 1) / 2, COLOUR_STEPS);
    const inB = shares(((b[at] ?? 0) / COLOUR_RANGE + 1) / 2, COLOUR_STEPS);
    const inL = shares(((l[at] ?? 0) + 2) / 4, LIGHT_STEPS);
    for (const [stepA, shareA] of inA) {
      for (const [stepB, shareB] of inB) {
        for (const [stepL, shareL] of inL) {
          const bin = (stepA * COLOUR_STEPS + stepB) * LIGHT_STEPS + stepL;
          counts[bin] = (counts[bin] ?? 0) + weight * shareA * shareB * shareL;
        }
      }
    }
  }
  return counts.map(Math.sqrt);
}

/** How far each pixel is from the colours of the border, which is background in most product pictures: 0.1 to 1. */
function foreground({ l, a, b }: Planes): Float64Array {
  const border = [...l.keys()].filter((at) => {
    const x = at % SIDE;
    const y = Math.floor(at / SIDE);
    return Math.min(x, y, SIDE - 1 - x, SIDE - 1 - y) < 3;
  });
  const middle = (plane: Float64Array) =>
    border.map((at) => plane[at] ?? 0).toSorted((p, q) => p - q)[border.length >> 1] ?? 0;
  const [ml, ma, mb] = [middle(l), middle(a), middle(b)];
  return l.map((light, at) =>
    Math.min(1, 0.1 + Math.hypot(light - ml, ((a[at] ?? 0) - ma) / 20, ((b[at] ?? 0) - mb) / 20) / 1.5),
  );
}

/** Where a value from 0 to 1 lies among the middles of steps. */
function placeOf(value: number, steps: number): number {
  return Math.min(steps - 1, Math.max(0, value * steps - 0.5));
}

/** The two steps that a value from 0 to 1 lies between, with its share of each. */
function shares(value: number, steps: number): [step: number, share: number][] {
  const place = placeOf(value, steps);
  const low = Math.min(steps - 2, Math.floor(place));
  return [
    [low, 1 - (place - low)],
    [low + 1, place - low],
  ];
}

/** Mean colour of each cell. */
function colourLayout(planes: Planes): Float32Array {
  const scaled = [planes.l, planes.a.map((value) => value / 20), planes.b.map((value) => value / 20)];
  return Float32Array.from(scaled.flatMap((plane) => [...cellMeans(plane)]));
}

function cellMeans(plane: Float64Array): Float32Array {
  const means = new Float32Array(MIRRORED_CELLS);
  const perCell = (SIDE * SIDE) / MIRRORED_CELLS;
  for (let at = 0; at < plane.length; at += 1) {
    const cell = mirroredCell(at);
    means[cell] = (means[cell] ?? 0) + (plane[at] ?? 0) / perCell;
  }
  return means;
}

/** The cell of a pixel, the same for the pixels that mirror it. */
function mirroredCell(at: number): number {
  const size = SIDE / CELLS;
  const row = Math.floor(Math.floor(at / SIDE) / size);
  const column = Math.floor((at % SIDE) / size);
  return (Math.min(row, CELLS - 1 - row) * CELLS) / 2 + Math.min(column, CELLS - 1 - column);
}

/**
 * The edges that a step of `reach` pixels shows, each with the two directions it lies between (a direction and its mirror image are one)
 * and its share of each.
 */
function eachEdge(
  l: Float64Array,
  reach: number,
  see: (at: number, strength: number, direction: number, share: number) => void,
): void {
  for (let y = reach; y < SIDE - reach; y += 1) {
    for (let x = reach; x < SIDE - reach; x += 1) {
      const at = y * SIDE + x;
      const across = Math.abs((l[at + reach] ?? 0) - (l[at - reach] ?? 0));
      const down = Math.abs((l[at + reach * SIDE] ?? 0) - (l[at - reach * SIDE] ?? 0));
      const strength = Math.sqrt(across * across + down * down);
      const place = placeOf(Math.atan2(down, across) / (Math.PI / 2), DIRECTIONS);
      const low = Math.min(DIRECTIONS - 2, Math.floor(place));
      see(at, strength, low, 1 - (place - low));
      see(at, strength, low + 1, place - low);
    }
  }
}

/** How strong the edges of each direction are, anywhere, fine ones and coarse ones. */
function texture(l: Float64Array): Float32Array {
  const counts = new Float32Array(REACHES.length * DIRECTIONS * STRENGTHS);
  for (const [scale, reach] of REACHES.entries()) {
    eachEdge(l, reach, (_, strength, direction, share) => {
      const place = placeOf(Math.log2(1 + strength * 4) / 4, STRENGTHS);
      const low = Math.min(STRENGTHS - 2, Math.floor(place));
      const bin = (scale * DIRECTIONS + direction) * STRENGTHS + low;
      counts[bin] = (counts[bin] ?? 0) + strength * share * (1 - (place - low));
      counts[bin + 1] = (counts[bin + 1] ?? 0) + strength * share * (place - low);
    });
  }
  return counts.map(Math.sqrt);
}

/** How much edge there is of each direction in each cell. */
function edgeLayout(l: Float64Array): Float32Array {
  const counts = new Float32Array(MIRRORED_CELLS * DIRECTIONS);
  eachEdge(l, 1, (at, strength, direction, share) => {
    const bin = mirroredCell(at) * DIRECTIONS + direction;
    counts[bin] = (counts[bin] ?? 0) + strength * share;
  });
  return counts.map(Math.sqrt);
}

/** Cosine transform of the lightness. A mirrored picture has the same but for the sign of every second row or column, left out there. */
function frequencies(l: Float64Array): Float32Array {
  const rows = transformed(l, SIDE);
  const found: number[] = [];
  for (let v = 0; v < FREQUENCIES; v += 1) {
    for (let u = 0; u < FREQUENCIES; u += 1) {
      if (u + v === 0) continue;
      let sum = 0;
      for (let y = 0; y < SIDE; y += 1) sum += (rows[y * FREQUENCIES + u] ?? 0) * cosine(v, y);
      found.push((u % 2 === 1 || v % 2 === 1 ? Math.abs(sum) : sum) / (1 + Math.hypot(u, v)));
    }
  }
  return Float32Array.from(found);
}

function transformed(l: Float64Array, height: number): Float64Array {
  const rows = new Float64Array(height * FREQUENCIES);
  for (let y = 0; y < height; y += 1) {
    for (let u = 0; u < FREQUENCIES; u += 1) {
      let sum = 0;
      for (let x = 0; x < SIDE; x += 1) sum += (l[y * SIDE + x] ?? 0) * cosine(u, x);
      rows[y * FREQUENCIES + u] = sum;
    }
  }
  return rows;
}

const COSINES = Float64Array.from({ length: FREQUENCIES * SIDE }, (_, at) =>
  Math.cos((Math.PI * Math.floor(at / SIDE) * ((at % SIDE) + 0.5)) / SIDE),
);

function cosine(frequency: number, place: number): number {
  return COSINES[frequency * SIDE + place] ?? 0;
}

/** Parts of length 1 side by side, by their weights, again of length 1. */
function joined(...parts: [part: Float32Array, weight: number][]): Float32Array {
  const all = parts.flatMap(([part, weight]) => [...normalized(part)].map((value) => value * Math.sqrt(weight)));
  return normalized(Float32Array.from(all));
}
