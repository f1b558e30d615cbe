/** Colour stops `[offset 0..1, colour, opacity]` for gradients. */
type Stops = readonly (readonly [number, string, number?])[];

/** Light from the side: a gradient across the shape. */
export function across(id: string, stops: Stops): string {
  return `<linearGradient id="${id}" x1="0" y1="0" x2="1" y2="0">${stopsOf(stops)}</linearGradient>`;
}

/** Light from above: a gradient down the shape. */
export function down(id: string, stops: Stops): string {
  return `<linearGradient id="${id}" x1="0" y1="0" x2="0" y2="1">${stopsOf(stops)}</linearGradient>`;
}

/** Light from a point of the shape (shares of its width and height). */
export function around(id: string, [x, y, radius]: readonly [number, number, number], stops: Stops): string {
  return `<radialGradient id="${id}" cx="${x}" cy="${y}" r="${radius}">${stopsOf(stops)}</radialGradient>`;
}

export function blur(id: string, amount: number): string {
  return `<filter id="${id}" x="-60%" y="-60%" width="220%" height="220%"><feGaussianBlur stdDeviation="${amount}"/></filter>`;
}

/** A drawing on nothing. */
export function cutout(width: number, height: number, body: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${body}</svg>`;
}

/** A drawing in a light studio: a wall that runs into the floor, a lamp from the upper left, a soft shadow beneath. */
export function inStudio(
  [width, height]: readonly [number, number],
  tint: { wall: string; floor: string },
  shadow: { x: number; y: number; width: number },
  body: string,
): string {
  const { x, y } = shadow;
  const half = shadow.width / 2;
  return cutout(
    width,
    height,
    `<defs>
      ${down('studio-wall', [
        [0, tint.wall],
        [0.62, tint.wall],
        [0.8, tint.floor],
        [1, tint.wall],
      ])}
      ${around(
        'studio-lamp',
        [0.36, 0.26, 0.75],
        [
          [0, '#fff', 0.85],
          [1, '#fff', 0],
        ],
      )}
      ${blur('studio-far', 22)}${blur('studio-near', 7)}
    </defs>
    <rect width="${width}" height="${height}" fill="url(#studio-wall)"/>
    <rect width="${width}" height="${height}" fill="url(#studio-lamp)"/>
    <ellipse cx="${x + half * 0.12}" cy="${y + 8}" rx="${half * 1.12}" ry="${half * 0.16}" fill="#4a4238" opacity=".26" filter="url(#studio-far)"/>
    <ellipse cx="${x}" cy="${y}" rx="${half * 0.92}" ry="${half * 0.055}" fill="#2c261f" opacity=".5" filter="url(#studio-near)"/>
    ${body}`,
  );
}

/** The same numbers on every run, in [0, 1). */
export function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function stopsOf(stops: Stops): string {
  return stops
    .map(
      ([offset, colour, opacity = 1]) => `<stop offset="${offset}" stop-color="${colour}" stop-opacity="${opacity}"/>`,
    )
    .join('');
}
