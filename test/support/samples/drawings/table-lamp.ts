import { across, around, blur, down, inStudio } from './studio.ts';

/** A lamp with a mustard dome on a brass stem and a marble foot, switched on. */
export function tableLamp(): string {
  return inStudio(
    [760, 900],
    { wall: '#ebe9e8', floor: '#d8d5d4' },
    { x: 380, y: 790, width: 300 },
    `<defs>
      ${around(
        'dome',
        [0.34, 0.3, 0.85],
        [
          [0, '#ffe08a'],
          [0.35, '#f0b429'],
          [0.8, '#bd7d0c'],
          [1, '#8f5b06'],
        ],
      )}
      ${across('brass', [
        [0, '#6f4d16'],
        [0.3, '#f6dd94'],
        [0.55, '#c6963a'],
        [1, '#65430f'],
      ])}
      ${across('marble', [
        [0, '#2a2f36'],
        [0.3, '#69727d'],
        [0.6, '#3b424b'],
        [1, '#15181c'],
      ])}
      ${around(
        'bulb',
        [0.5, 0.4, 0.6],
        [
          [0, '#fffdf0'],
          [0.6, '#ffe9a8'],
          [1, '#e0a640'],
        ],
      )}
      ${down('light', [
        [0, '#ffe7a0', 0.75],
        [1, '#ffe7a0', 0],
      ])}
      ${blur('soft', 12)}${blur('haze', 20)}
    </defs>
    <path d="M220 412L110 780H650L540 412Z" fill="url(#light)" filter="url(#haze)" opacity=".55"/>
    <rect x="370" y="400" width="20" height="356" fill="url(#brass)"/>
    <rect x="362" y="560" width="36" height="16" rx="8" fill="url(#brass)"/>
    <path d="M250 762V776C250 812 510 812 510 776V762Z" fill="url(#marble)"/>
    <ellipse cx="380" cy="762" rx="130" ry="27" fill="#59626d"/>
    <path d="M268 762C320 744 400 752 470 744M300 776C360 764 400 776 480 758" fill="none" stroke="#c9d0d8" stroke-width="2" opacity=".5"/>
    <ellipse cx="380" cy="756" rx="30" ry="8" fill="url(#brass)"/>
    <path d="M176 410C176 236 282 150 380 150C478 150 584 236 584 410C480 446 280 446 176 410Z" fill="url(#dome)"/>
    <ellipse cx="380" cy="412" rx="204" ry="27" fill="#7b4d04"/>
    <ellipse cx="380" cy="414" rx="194" ry="22" fill="#fff1c4"/>
    <ellipse cx="380" cy="416" rx="70" ry="17" fill="url(#bulb)"/>
    <path d="M238 330C250 250 300 204 350 190" fill="none" stroke="#fff6d8" stroke-width="20" stroke-linecap="round" opacity=".7" filter="url(#soft)"/>
    <path d="M176 410C176 236 282 150 380 150C478 150 584 236 584 410" fill="none" stroke="#8a5a08" stroke-width="2" opacity=".5"/>
    <rect x="366" y="116" width="28" height="38" rx="8" fill="url(#brass)"/>
    <circle cx="380" cy="110" r="15" fill="url(#brass)"/>
    <path d="M470 428V520" stroke="#a47a2a" stroke-width="3"/>
    <circle cx="470" cy="528" r="10" fill="url(#brass)"/>`,
  );
}
