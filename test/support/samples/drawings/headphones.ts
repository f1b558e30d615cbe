import { across, around, blur, cutout, down } from './studio.ts';

/** Violet headphones with a leather band, on nothing. */
export function headphones(): string {
  return cutout(
    840,
    860,
    `<defs>
      ${across('band', [
        [0, '#2b1650'],
        [0.3, '#7a4fc4'],
        [0.5, '#9a74e0'],
        [0.75, '#56309a'],
        [1, '#22103f'],
      ])}
      ${around(
        'cup',
        [0.36, 0.28, 0.85],
        [
          [0, '#b79bf0'],
          [0.4, '#6d41bd'],
          [1, '#2a1452'],
        ],
      )}
      ${around(
        'plate',
        [0.36, 0.3, 0.8],
        [
          [0, '#f3eefc'],
          [0.5, '#b9aacd'],
          [1, '#655879'],
        ],
      )}
      ${across('cushion', [
        [0, '#15121b'],
        [0.4, '#4b4458'],
        [1, '#0d0b11'],
      ])}
      ${across('steel', [
        [0, '#5d6068'],
        [0.4, '#f2f4f7'],
        [1, '#6a6d75'],
      ])}
      ${down('pad', [
        [0, '#2e2838'],
        [1, '#121016'],
      ])}
      ${blur('soft', 7)}
    </defs>
    <path d="M180 470C150 40 690 40 660 470" fill="none" stroke="#1a0c33" stroke-width="62"/>
    <path d="M180 470C150 40 690 40 660 470" fill="none" stroke="url(#band)" stroke-width="54"/>
    <path d="M232 268C290 128 550 128 608 268" fill="none" stroke="url(#pad)" stroke-width="40" stroke-linecap="round"/>
    <path d="M194 360C214 214 306 140 410 136" fill="none" stroke="#e2d5ff" stroke-width="9" stroke-linecap="round" opacity=".7" filter="url(#soft)"/>
    ${[182, 658].map((x) => `<rect x="${x - 15}" y="410" width="30" height="120" rx="10" fill="url(#steel)"/>`).join('')}
    ${cup(180, 6)}
    <g transform="translate(840 0) scale(-1 1)">${cup(180, 6)}</g>`,
  );
}

/** The cup at the left: cushion towards the head, shell outside. */
function cup(x: number, tilt: number): string {
  return `<g transform="rotate(${tilt} ${x} 610)">
      <rect x="${x - 8}" y="456" width="116" height="310" rx="56" fill="url(#cushion)"/>
      <path d="M${x + 84} 500C${x + 98} 560 ${x + 98} 660 ${x + 84} 722" fill="none" stroke="#8b8398" stroke-width="6" stroke-linecap="round" opacity=".6"/>
      <rect x="${x - 84}" y="466" width="122" height="290" rx="61" fill="url(#cup)"/>
      <rect x="${x - 70}" y="506" width="76" height="210" rx="38" fill="url(#plate)"/>
      <rect x="${x - 52}" y="532" width="40" height="158" rx="20" fill="none" stroke="#4c3f63" stroke-width="3" opacity=".55"/>
      <circle cx="${x - 32}" cy="611" r="13" fill="#6d41bd"/>
      <path d="M${x - 66} 540C${x - 60} 496 ${x - 34} 484 ${x - 12} 482" fill="none" stroke="#fff" stroke-width="8" stroke-linecap="round" opacity=".6"/>
      <rect x="${x - 34}" y="750" width="24" height="12" rx="6" fill="#e7c15a"/>
    </g>`;
}
