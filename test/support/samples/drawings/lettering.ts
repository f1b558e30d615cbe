/** Capitals as strokes in a box 100 high: `[width, path]`. Drawn here so that the pictures depend on no installed font. */
const CAPITALS: Record<string, readonly [number, string]> = {
  A: [64, 'M0 100L32 0L64 100M11 66H53'],
  D: [60, 'M0 0V100H20C74 100 74 0 20 0Z'],
  E: [50, 'M50 0H0V100H50M0 48H42'],
  F: [50, 'M50 0H0V100M0 48H42'],
  G: [66, 'M62 20C46 -10 0 -8 0 50C0 108 64 112 64 56H38'],
  I: [0, 'M0 0V100'],
  K: [58, 'M0 0V100M55 0L0 60M19 40L58 100'],
  L: [48, 'M0 0V100H48'],
  M: [74, 'M0 100V0L37 64L74 0V100'],
  N: [60, 'M0 100V0L60 100V0'],
  O: [70, 'M0 50C0 -17 70 -17 70 50C70 117 0 117 0 50Z'],
  P: [54, 'M0 100V0H24C66 0 66 56 24 56H0'],
  R: [56, 'M0 100V0H24C66 0 66 54 24 54H0M26 54L56 100'],
  S: [54, 'M52 17C44 -7 2 -6 2 25C2 55 54 43 54 74C54 108 6 108 0 80'],
  T: [60, 'M0 0H60M30 0V100'],
  U: [58, 'M0 0V62C0 113 58 113 58 62V0'],
  V: [62, 'M0 0L31 100L62 0'],
  X: [58, 'M0 0L58 100M58 0L0 100'],
  ' ': [36, ''],
};

/** A line of capitals around `x`, with its top at `y`; `size` is the height of a letter, `weight` the stroke in pixels. */
export function lettering(
  text: string,
  at: { x: number; y: number; size: number; weight: number; colour: string; spacing?: number },
): string {
  const scale = at.size / 100;
  const spacing = (at.spacing ?? 0.32) * 100;
  let pen = 0;
  const letters = [...text].map((letter) => {
    const [width, path] = CAPITALS[letter] ?? [36, ''];
    const placed = `<path d="${path}" transform="translate(${pen} 0)"/>`;
    pen += width + spacing;
    return placed;
  });
  const left = at.x - ((pen - spacing) * scale) / 2;
  return `<g transform="translate(${left} ${at.y}) scale(${scale})" fill="none" stroke="${at.colour}" stroke-width="${at.weight / scale}" stroke-linecap="round" stroke-linejoin="round">${letters.join('')}</g>`;
}
