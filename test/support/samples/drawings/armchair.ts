import { across, around, blur, down, inStudio } from './studio.ts';

/** A round armchair in raspberry velvet on oak legs. */
export function armchair(): string {
  return inStudio(
    [900, 860],
    { wall: '#efebe6', floor: '#ddd5cb' },
    { x: 450, y: 780, width: 560 },
    `<defs>
      ${around(
        'back',
        [0.4, 0.22, 0.85],
        [
          [0, '#f47fa4'],
          [0.45, '#cf3f70'],
          [1, '#7c1640'],
        ],
      )}
      ${down('seat', [
        [0, '#ec6d96'],
        [0.5, '#c93a6a'],
        [1, '#83193f'],
      ])}
      ${around(
        'arm',
        [0.4, 0.12, 0.95],
        [
          [0, '#fb98b6'],
          [0.35, '#d9497a'],
          [1, '#861a45'],
        ],
      )}
      ${across('oak', [
        [0, '#6b4420'],
        [0.4, '#d9a566'],
        [1, '#7a4d22'],
      ])}
      ${blur('soft', 14)}
      <clipPath id="shell"><path d="M190 470C180 220 290 120 450 120C610 120 720 220 710 470L690 600H210Z"/></clipPath>
    </defs>
    ${leg('M268 640L240 786H258L306 640Z')}${leg('M632 640L660 786H642L594 640Z')}
    <path d="M350 640L342 742H356L384 640ZM550 640L558 742H544L516 640Z" fill="#5a3717"/>
    <path d="M190 470C180 220 290 120 450 120C610 120 720 220 710 470L690 600H210Z" fill="url(#back)"/>
    <g clip-path="url(#shell)">
      ${channels()}
      <path d="M250 260C280 180 360 146 450 144" fill="none" stroke="#ffd0de" stroke-width="22" stroke-linecap="round" opacity=".55" filter="url(#soft)"/>
      <rect x="230" y="430" width="440" height="90" fill="#4a0a26" opacity=".45" filter="url(#soft)"/>
    </g>
    <path d="M250 486C250 458 280 450 320 450H580C620 450 650 458 650 486L656 570H244Z" fill="url(#seat)"/>
    <path d="M262 480C300 458 600 458 640 480" fill="none" stroke="#ffc3d4" stroke-width="9" stroke-linecap="round" opacity=".55"/>
    <path d="M238 556H662L650 650Q648 668 630 668H270Q252 668 250 650Z" fill="#a92a57"/>
    <path d="M240 562H660" stroke="#5e0f30" stroke-width="7" opacity=".55"/>
    ${arm()}
    <g transform="translate(900 0) scale(-1 1)">${arm()}</g>`,
  );
}

function leg(shape: string): string {
  return `<path d="${shape}" fill="url(#oak)"/>`;
}

/** Seams of the back, opening like a shell. */
function channels(): string {
  return [-3, -2, -1, 0, 1, 2, 3]
    .map((place) => {
      const [foot, top] = [450 + place * 62, 450 + place * 92];
      const seam = `M${foot} 480C${foot + place * 4} 360 ${top} 260 ${top} 90`;
      return `<path d="${seam}" fill="none" stroke="#5f0f31" stroke-width="5" opacity=".55"/><path d="${seam}" fill="none" stroke="#ff9dbb" stroke-width="5" opacity=".4" transform="translate(7 0)"/>`;
    })
    .join('');
}

function arm(): string {
  return `<path d="M150 470C150 392 270 392 274 470L284 640Q284 672 256 672H196Q166 672 164 640Z" fill="url(#arm)"/>
    <path d="M172 470C176 424 238 416 254 456" fill="none" stroke="#ffd5e1" stroke-width="13" stroke-linecap="round" opacity=".7" filter="url(#soft)"/>
    <path d="M274 470L284 640" stroke="#570d2c" stroke-width="5" opacity=".5"/>`;
}
