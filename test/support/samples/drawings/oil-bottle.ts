import { lettering } from './lettering.ts';
import { across, around, blur, cutout, down } from './studio.ts';

const GLASS =
  'M252 150V262C252 320 170 330 160 420V800Q160 846 206 846H394Q440 846 440 800V420C430 330 348 320 348 262V150Z';

/** A bottle of olive oil in green glass with a paper label, on nothing. */
export function oilBottle(): string {
  return cutout(
    600,
    900,
    `<defs>
      ${across('glass', [
        [0, '#1d3009'],
        [0.12, '#4d7414'],
        [0.3, '#a3bd3c'],
        [0.5, '#6f9420'],
        [0.8, '#33510d'],
        [1, '#152406'],
      ])}
      ${across('paper', [
        [0, '#cfc4ab'],
        [0.28, '#fffaf0'],
        [0.6, '#f4ead5'],
        [1, '#b3a585'],
      ])}
      ${across('cork', [
        [0, '#7d5630'],
        [0.3, '#e3ba86'],
        [1, '#6d4824'],
      ])}
      ${across('wax', [
        [0, '#5c0e12'],
        [0.3, '#d8434a'],
        [1, '#4f0a0e'],
      ])}
      ${around(
        'olive',
        [0.35, 0.3, 0.8],
        [
          [0, '#b6c25a'],
          [1, '#56661a'],
        ],
      )}
      ${down('air', [
        [0, '#f4ffd8', 0.5],
        [1, '#f4ffd8', 0],
      ])}
      ${blur('soft', 6)}
      <clipPath id="bottle"><path d="${GLASS}"/></clipPath>
    </defs>
    <rect x="266" y="70" width="68" height="70" rx="8" fill="url(#cork)"/>
    <path d="M276 84h6m14 12h5m12-16h5m-30 30h7m18 4h6" stroke="#5f3d1b" stroke-width="4" stroke-linecap="round" opacity=".6"/>
    <path d="${GLASS}" fill="url(#glass)" fill-opacity=".93"/>
    <g clip-path="url(#bottle)">
      <rect x="240" y="150" width="120" height="130" fill="url(#air)"/>
      <rect x="190" y="400" width="20" height="430" rx="10" fill="#fff" opacity=".6" filter="url(#soft)"/>
      <rect x="268" y="160" width="12" height="110" rx="6" fill="#fff" opacity=".7"/>
      <rect x="420" y="380" width="34" height="480" fill="#0c1702" opacity=".45" filter="url(#soft)"/>
      <rect x="140" y="820" width="320" height="30" fill="#0c1702" opacity=".4" filter="url(#soft)"/>
    </g>
    <path d="M246 132H354V186C330 196 270 196 246 186Z" fill="url(#wax)"/>
    <rect x="240" y="124" width="120" height="24" rx="10" fill="url(#wax)"/>
    <rect x="160" y="456" width="280" height="296" fill="url(#paper)"/>
    <rect x="160" y="468" width="280" height="5" fill="#a8842f"/><rect x="160" y="735" width="280" height="5" fill="#a8842f"/>
    ${branch()}
    ${lettering('OLIO', { x: 300, y: 598, size: 58, weight: 10, colour: '#24380c', spacing: 0.36 })}
    ${lettering('EXTRA VERGINE', { x: 300, y: 688, size: 20, weight: 3.6, colour: '#7d1b20', spacing: 0.34 })}`,
  );
}

function branch(): string {
  const leaf = (x: number, y: number, turn: number) =>
    `<path d="M${x} ${y}q28 -22 58 0q-30 22 -58 0Z" fill="#5b7a22" transform="rotate(${turn} ${x} ${y})"/>`;
  return `<path d="M216 548C260 516 330 512 384 528" fill="none" stroke="#5c4a20" stroke-width="4" stroke-linecap="round"/>
    ${leaf(238, 532, -62)}${leaf(288, 518, -42)}${leaf(340, 518, -24)}${leaf(270, 524, 34)}${leaf(324, 516, 40)}
    <ellipse cx="262" cy="556" rx="13" ry="18" fill="url(#olive)"/><ellipse cx="316" cy="548" rx="13" ry="18" fill="url(#olive)"/>`;
}
