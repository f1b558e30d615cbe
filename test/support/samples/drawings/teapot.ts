import { around, blur, down, inStudio } from './studio.ts';

const BODY =
  'M236 470C236 340 330 292 450 292C570 292 664 340 664 470C664 600 580 690 540 700H360C320 690 236 600 236 470Z';

/** A celadon teapot with a cane handle and a leaf brushed onto it. */
export function teapot(): string {
  return inStudio(
    [960, 800],
    { wall: '#eeeae4', floor: '#dcd5ca' },
    { x: 452, y: 716, width: 300 },
    `<defs>
      ${around(
        'celadon',
        [0.34, 0.26, 0.9],
        [
          [0, '#e9f6e4'],
          [0.28, '#a9d3ab'],
          [0.65, '#5f9a73'],
          [1, '#2c5a41'],
        ],
      )}
      ${down('spout', [
        [0, '#b9dcb8'],
        [0.5, '#76ad86'],
        [1, '#3c6e52'],
      ])}
      ${around(
        'lid',
        [0.36, 0.2, 0.9],
        [
          [0, '#effaea'],
          [0.45, '#94c49b'],
          [1, '#41755a'],
        ],
      )}
      ${down('cane', [
        [0, '#d79a54'],
        [1, '#7b4a1c'],
      ])}
      ${blur('soft', 12)}
      <clipPath id="body"><path d="${BODY}"/></clipPath>
    </defs>
    <path d="M640 420C700 400 730 340 764 270C776 250 806 252 812 262C800 380 760 520 640 566Z" fill="url(#spout)"/>
    <ellipse cx="788" cy="263" rx="25" ry="9" fill="#24492f" transform="rotate(4 788 263)"/>
    <path d="M660 440C716 416 744 356 772 292" fill="none" stroke="#f4fff0" stroke-width="9" stroke-linecap="round" opacity=".55"/>
    ${handle()}
    <path d="${BODY}" fill="url(#celadon)"/>
    <g clip-path="url(#body)">
      <ellipse cx="620" cy="560" rx="80" ry="150" fill="#173625" opacity=".22" filter="url(#soft)"/>
      <ellipse cx="340" cy="400" rx="44" ry="66" fill="#fff" opacity=".6" filter="url(#soft)" transform="rotate(24 340 400)"/>
      ${leaf()}
    </g>
    <path d="M362 700H538C536 716 520 720 500 720H400C380 720 364 716 362 700Z" fill="#b98f5e"/>
    <path d="M336 318C350 262 550 262 564 318C520 336 380 336 336 318Z" fill="url(#lid)"/>
    <path d="M336 318C380 336 520 336 564 318" fill="none" stroke="#335f48" stroke-width="4" opacity=".7"/>
    <ellipse cx="450" cy="262" rx="24" ry="22" fill="url(#lid)"/>
    <ellipse cx="443" cy="254" rx="8" ry="6" fill="#fff" opacity=".7"/>`,
  );
}

function handle(): string {
  const path = 'M258 400C150 60 700 40 650 392';
  return `<path d="${path}" fill="none" stroke="#5e3510" stroke-width="30" stroke-linecap="round"/>
    <path d="${path}" fill="none" stroke="url(#cane)" stroke-width="24" stroke-linecap="round"/>
    <path d="${path}" fill="none" stroke="#5e3510" stroke-width="24" stroke-dasharray="3 15" opacity=".6"/>
    <path d="${path}" fill="none" stroke="#ffdca8" stroke-width="5" transform="translate(-4 -6)" opacity=".55"/>`;
}

function leaf(): string {
  const blades = [
    [452, 600, -38],
    [470, 560, 26],
    [478, 520, -44],
    [492, 480, 24],
    [500, 440, -10],
  ] as const;
  return `<path d="M440 660C456 590 490 500 504 420" fill="none" stroke="#20503b" stroke-width="6" stroke-linecap="round"/>
    ${blades
      .map(
        ([x, y, turn]) =>
          `<path d="M${x} ${y}C${x + 16} ${y - 30} ${x + 14} ${y - 64} ${x} ${y - 88}C${x - 14} ${y - 64} ${x - 16} ${y - 30} ${x} ${y}Z" fill="#2b6449" opacity=".85" transform="rotate(${turn} ${x} ${y})"/>`,
      )
      .join('')}`;
}
