import { lettering } from './lettering.ts';
import { across, around, blur, down, inStudio } from './studio.ts';

/** A square flacon of amber perfume with a gold cap and a label that reads ROSA. */
export function perfumeFlacon(): string {
  return inStudio(
    [720, 860],
    { wall: '#ecebee', floor: '#d9d7de' },
    { x: 364, y: 762, width: 380 },
    `<defs>
      ${across('gold', [
        [0, '#6d4a0d'],
        [0.18, '#f8e3a0'],
        [0.34, '#c9982f'],
        [0.62, '#fff0bf'],
        [0.8, '#b37f1d'],
        [1, '#5e3e08'],
      ])}
      ${across('crystal', [
        [0, '#c9929c'],
        [0.1, '#f7dde0'],
        [0.5, '#f3c9cf'],
        [0.9, '#f9e4e6'],
        [1, '#a86d79'],
      ])}
      ${down('juice', [
        [0, '#ffb38a'],
        [0.5, '#f2764f'],
        [1, '#b83a2a'],
      ])}
      ${around(
        'glow',
        [0.32, 0.4, 0.6],
        [
          [0, '#fff', 0.65],
          [1, '#fff', 0],
        ],
      )}
      ${across('label', [
        [0, '#efe6d6'],
        [0.4, '#fffdf8'],
        [1, '#e4d8c3'],
      ])}
      ${blur('soft', 7)}
    </defs>
    <rect x="190" y="316" width="340" height="446" rx="38" fill="url(#crystal)" stroke="#9d6672" stroke-width="2"/>
    <rect x="222" y="372" width="276" height="352" rx="20" fill="url(#juice)"/>
    <rect x="222" y="372" width="276" height="352" rx="20" fill="url(#glow)"/>
    <path d="M222 392Q222 372 242 372H478Q498 372 498 392C440 402 280 402 222 392Z" fill="#ffd9bf" opacity=".85"/>
    <path d="M356 330H364V690H356Z" fill="#fff" opacity=".35"/>
    <rect x="204" y="340" width="16" height="390" rx="8" fill="#fff" opacity=".75" filter="url(#soft)"/>
    <rect x="502" y="350" width="12" height="380" rx="6" fill="#7c3d4a" opacity=".35" filter="url(#soft)"/>
    <path d="M222 724Q360 748 498 724L512 746Q360 770 208 746Z" fill="#fff" opacity=".45"/>
    <rect x="304" y="270" width="112" height="50" rx="6" fill="url(#gold)"/>
    <path d="M304 300H416" stroke="#6d4a0d" stroke-width="3" opacity=".6"/>
    <rect x="266" y="96" width="188" height="178" rx="16" fill="url(#gold)"/>
    <rect x="266" y="96" width="188" height="22" rx="11" fill="#fff3cb" opacity=".75"/>
    <path d="M266 250H454M266 240H454" stroke="#6d4a0d" stroke-width="2" opacity=".5"/>
    <rect x="262" y="470" width="196" height="170" fill="url(#label)" stroke="#c29a3c" stroke-width="4"/>
    <rect x="272" y="480" width="176" height="150" fill="none" stroke="#c29a3c" stroke-width="1.5"/>
    ${lettering('ROSA', { x: 360, y: 520, size: 44, weight: 7, colour: '#5b1222', spacing: 0.36 })}
    ${lettering('EAU DE PARFUM', { x: 360, y: 594, size: 13, weight: 2.4, colour: '#5b1222', spacing: 0.4 })}`,
  );
}
