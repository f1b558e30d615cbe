/** Colour arithmetic of the simulated models. Lab is CIE L*a*b* (D65), L 0 to 100. */
export type Lab = readonly [l: number, a: number, b: number];

export const COLOUR_NAMES = [
  'black',
  'dark grey',
  'grey',
  'light grey',
  'white',
  'red',
  'orange',
  'brown',
  'beige',
  'yellow',
  'green',
  'teal',
  'blue',
  'purple',
  'pink',
] as const;
export type ColourName = (typeof COLOUR_NAMES)[number];

/** A typical shade of each name, to tell which of some offered names is nearest. */
const TYPICAL: Readonly<Record<ColourName, Lab>> = {
  black: [12, 0, 0],
  'dark grey': [35, 0, 0],
  grey: [57, 0, 0],
  'light grey': [77, 0, 0],
  white: [95, 0, 0],
  red: [45, 60, 40],
  orange: [65, 35, 60],
  brown: [40, 14, 26],
  beige: [74, 5, 20],
  yellow: [82, 0, 70],
  green: [50, -42, 35],
  teal: [52, -32, -8],
  blue: [45, 0, -45],
  purple: [40, 40, -40],
  pink: [72, 38, 4],
};

const LINEAR = Float64Array.from({ length: 256 }, (_, value) => {
  const c = value / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
});

export function labOf(red: number, green: number, blue: number): Lab {
  const r = LINEAR[red] ?? 0;
  const g = LINEAR[green] ?? 0;
  const b = LINEAR[blue] ?? 0;
  const x = cubic((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047);
  const y = cubic(0.2126 * r + 0.7152 * g + 0.0722 * b);
  const z = cubic((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** Red, green and blue from 0 to 255, clipped to what a screen shows. */
export function rgbOf([l, a, b]: Lab): [number, number, number] {
  const fy = (l + 16) / 116;
  const x = 0.95047 * uncubic(fy + a / 500);
  const y = uncubic(fy);
  const z = 1.08883 * uncubic(fy - b / 200);
  return [
    encoded(3.2406 * x - 1.5372 * y - 0.4986 * z),
    encoded(-0.9689 * x + 1.8758 * y + 0.0415 * z),
    encoded(0.0557 * x - 0.204 * y + 1.057 * z),
  ];
}

export function distance(p: Lab, q: Lab): number {
  return Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
}

export function chromaOf(lab: Lab): number {
  return Math.hypot(lab[1], lab[2]);
}

/** Hue angle in Lab, 0 to 360 degrees: 0 reddish pink, 90 yellow, 180 green, 270 blue. */
export function hueOf(lab: Lab): number {
  return ((Math.atan2(lab[2], lab[1]) * 180) / Math.PI + 360) % 360;
}

/** The everyday name nearest to a colour. */
export function colourName(lab: Lab): ColourName {
  const chroma = chromaOf(lab);
  if (chroma < (lab[0] < 25 ? 12 : 9)) return greyName(lab[0]);
  const hue = hueOf(lab);
  if (hue < 15 || hue >= 335) return lab[0] > 55 ? 'pink' : 'red';
  if (hue < 48) return lab[0] > 65 && chroma < 45 ? 'pink' : 'red';
  if (hue < 76) return warmName(lab[0], chroma, 'orange');
  if (hue < 105) return warmName(lab[0], chroma, 'yellow');
  if (hue < 165) return 'green';
  if (hue < 225) return 'teal';
  return hue < 300 ? 'blue' : 'purple';
}

/** The names, nearest to `name` first, itself included. */
export function namesByNearness(name: ColourName): ColourName[] {
  const isGrey = (one: ColourName) => chromaOf(TYPICAL[one]) === 0;
  // A strong colour is never called grey while another strong one is on offer.
  const far = (other: ColourName) =>
    distance(TYPICAL[name], TYPICAL[other]) + (isGrey(name) === isGrey(other) ? 0 : 40);
  return [...COLOUR_NAMES].sort((a, b) => far(a) - far(b));
}

function greyName(l: number): ColourName {
  if (l < 25) return 'black';
  if (l < 45) return 'dark grey';
  if (l < 68) return 'grey';
  return l < 86 ? 'light grey' : 'white';
}

function warmName(l: number, chroma: number, vivid: 'orange' | 'yellow'): ColourName {
  if (chroma > 44 && l > 45) return vivid;
  return l > 54 && chroma < 34 ? 'beige' : 'brown';
}

function cubic(t: number): number {
  return t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116;
}

function uncubic(t: number): number {
  return t > 0.2069 ? t ** 3 : (t - 16 / 116) / 7.787;
}

function encoded(c: number): number {
  const value = c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055;
  return Math.round(Math.min(1, Math.max(0, value)) * 255);
}
