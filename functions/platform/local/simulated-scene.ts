import { type Lab, rgbOf } from './simulated-colour.ts';

/** A drawn place for a product: a wall that passes softly into a surface. Both are calm, so that a product stands out. */
export interface Scene {
  name: string;
  wall: Lab;
  surface: Lab;
  grain: 'none' | 'wood' | 'veins';
}

const SCENES: readonly (Scene & { words: readonly string[] })[] = [
  {
    name: 'sage studio',
    wall: [70, -14, 10],
    surface: [60, -11, 8],
    grain: 'none',
    words: ['garden', 'plant', 'nature', 'forest'],
  },
  {
    name: 'dusk blue studio',
    wall: [62, -4, -20],
    surface: [52, -3, -16],
    grain: 'none',
    words: ['night', 'office', 'desk'],
  },
  {
    name: 'terracotta wall',
    wall: [62, 24, 22],
    surface: [53, 19, 18],
    grain: 'none',
    words: ['terracotta', 'clay', 'brick', 'sunset'],
  },
  {
    name: 'plum backdrop',
    wall: [52, 22, -14],
    surface: [43, 18, -12],
    grain: 'none',
    words: ['evening', 'party', 'velvet', 'luxury'],
  },
  {
    name: 'sea and sand',
    wall: [74, -14, -14],
    surface: [76, -4, 2],
    grain: 'none',
    words: ['beach', 'sea', 'sand', 'summer', 'ocean'],
  },
  {
    name: 'wooden table',
    wall: [76, 4, 12],
    surface: [66, 9, 20],
    grain: 'wood',
    words: ['wood', 'wooden', 'oak', 'kitchen', 'cabin', 'table'],
  },
  {
    name: 'marble top',
    wall: [72, -2, -6],
    surface: [80, -1, -4],
    grain: 'veins',
    words: ['marble', 'stone', 'bath', 'bathroom', 'spa'],
  },
  {
    name: 'rose studio',
    wall: [74, 20, 4],
    surface: [66, 17, 3],
    grain: 'none',
    words: ['rose', 'bedroom'],
  },
  { name: 'mint studio', wall: [80, -20, 2], surface: [72, -17, 2], grain: 'none', words: ['mint', 'spring'] },
  {
    name: 'amber light',
    wall: [76, 8, 34],
    surface: [68, 7, 28],
    grain: 'none',
    words: ['autumn', 'desert'],
  },
];

/** Weighted as the eye of the simulated judge weighs: lightness counts less than hue. */
function contrast(scene: Scene, colours: readonly Lab[]): number {
  const from = (place: Lab) =>
    Math.min(...colours.map((own) => Math.hypot(0.7 * (own[0] - place[0]), own[1] - place[1], own[2] - place[2])));
  return Math.min(from(scene.wall), from(scene.surface));
}

/**
 * The scene for a wish in words, in a shade that sets the product's colours off; without a match, one of the best three by
 * contrast. `pick` is in [0, 1).
 */
export function chooseScene(wish: string, colours: readonly Lab[], pick: number): Scene {
  const words: readonly string[] = wish.toLowerCase().match(/[a-z]+/g) ?? [];
  const ranked = SCENES.flatMap((scene) =>
    shadesOf(scene).map((shade) => ({ shade, scene, far: contrast(shade, colours) })),
  ).sort((a, b) => b.far - a.far);
  const wished = ranked.find(({ scene }) => scene.words.some((word) => words.includes(word)));
  const distinct = [...new Map(ranked.toReversed().map((one) => [one.scene.name, one])).values()].sort(
    (a, b) => b.far - a.far,
  );
  const chosen = wished ?? distinct[Math.floor(pick * 3)] ?? ranked[0];
  return chosen?.shade ?? { name: 'grey studio', wall: [60, 0, 0], surface: [52, 0, 0], grain: 'none' };
}

function shadesOf(scene: Scene): Scene[] {
  const by = (step: number, [l, a, b]: Lab): Lab => [l + step, a, b];
  return [0, -16, 10].map((step) => ({ ...scene, wall: by(step, scene.wall), surface: by(step, scene.surface) }));
}

/** Draws a scene as red, green, blue bytes. Its colours drift slowly everywhere, the horizon included. */
export function drawScene(scene: Scene, width: number, height: number): Uint8Array {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const v = y / height;
    const floor = smooth((v - 0.42) / 0.36);
    for (let x = 0; x < width; x++) {
      const u = x / width;
      const light = 3.5 * (1 - Math.hypot(u - 0.35, v - 0.3)) - 2 + floor * grainAt(scene.grain, u, v);
      const l = mix(scene.wall[0], scene.surface[0], floor) + light;
      const rgb = rgbOf([l, mix(scene.wall[1], scene.surface[1], floor), mix(scene.wall[2], scene.surface[2], floor)]);
      data.set(rgb, (y * width + x) * 3);
    }
  }
  return data;
}

function grainAt(grain: Scene['grain'], u: number, v: number): number {
  if (grain === 'wood') return 1.3 * Math.sin(70 * v + 2.2 * Math.sin(5 * u + 9 * v)) + 0.6 * Math.sin(23 * v + 3 * u);
  if (grain === 'veins') return -2.2 * Math.exp(-((Math.sin(6 * u + 4 * v + 1.5 * Math.sin(7 * v)) / 0.35) ** 2));
  return 0;
}

function mix(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}

function smooth(t: number): number {
  const c = Math.min(1, Math.max(0, t));
  return c * c * (3 - 2 * c);
}
