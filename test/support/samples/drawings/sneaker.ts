import { across, around, blur, down, inStudio } from './studio.ts';

const UPPER =
  'M146 520C138 440 142 360 166 296C174 276 202 272 224 290C270 328 322 316 362 256C378 232 414 228 436 250L596 392C652 428 770 424 822 470C846 494 848 520 842 532Z';

/** A coral running shoe with a white sole, seen from its side. */
export function sneaker(): string {
  return inStudio(
    [960, 720],
    { wall: '#e9edf0', floor: '#d3d9de' },
    { x: 490, y: 606, width: 730 },
    `<defs>
      ${down('knit', [
        [0, '#ff8a70'],
        [0.45, '#f2553d'],
        [1, '#b52a1c'],
      ])}
      ${down('sole', [
        [0, '#ffffff'],
        [0.6, '#e9e6e0'],
        [1, '#aaa59c'],
      ])}
      ${around(
        'toe',
        [0.4, 0.2, 0.9],
        [
          [0, '#ffb39f'],
          [0.6, '#e9523c'],
          [1, '#a92619'],
        ],
      )}
      ${across('heel', [
        [0, '#15233f'],
        [0.5, '#31507f'],
        [1, '#1a2c4f'],
      ])}
      ${blur('soft', 8)}
      <clipPath id="upper"><path d="${UPPER}"/></clipPath>
      <pattern id="mesh" width="9" height="9" patternUnits="userSpaceOnUse" patternTransform="rotate(28)"><circle cx="3" cy="3" r="1.5" fill="#7c160c" opacity=".35"/></pattern>
    </defs>
    <path d="M196 300C240 350 330 352 380 262L360 238C320 300 260 320 210 280Z" fill="#3a1410"/>
    <path d="M352 262C372 200 420 190 448 214L470 262L420 300Z" fill="#d83f2a"/>
    <path d="${UPPER}" fill="url(#knit)"/>
    <g clip-path="url(#upper)">
      <rect x="120" y="220" width="740" height="320" fill="url(#mesh)"/>
      <path d="M690 540C668 470 700 424 742 420C800 420 870 470 860 540Z" fill="url(#toe)"/>
      <path d="M120 540V280H176C226 350 232 450 214 540Z" fill="url(#heel)"/>
      <path d="M250 540C330 500 380 450 430 390C450 440 520 480 640 486C560 520 420 520 330 540Z" fill="#fff4e6"/>
      <path d="M250 540C330 500 380 450 430 390" fill="none" stroke="#a52416" stroke-width="3" opacity=".5"/>
      <path d="M392 250L610 440" fill="none" stroke="#8e1d12" stroke-width="74" opacity=".35"/>
      <path d="M398 244L610 426" fill="none" stroke="#ffe9dc" stroke-width="54" opacity=".22"/>
      <path d="M180 300C230 350 320 340 372 262" fill="none" stroke="#ffd9cc" stroke-width="10" opacity=".7"/>
      <path d="M600 402C680 436 760 428 815 470" fill="none" stroke="#ffd2c4" stroke-width="12" opacity=".6" filter="url(#soft)"/>
    </g>
    ${laces()}
    <path d="M128 512C300 540 640 536 852 508C872 540 866 582 832 598C700 606 300 608 172 600C132 594 118 552 128 512Z" fill="url(#sole)"/>
    <path d="M132 536C300 560 640 556 860 530" fill="none" stroke="#c9c3b8" stroke-width="4"/>
    <path d="M150 590C300 602 700 600 842 588L832 598C700 606 300 608 172 600Z" fill="#20304f"/>
    <path d="M146 524C300 546 640 542 846 520" fill="none" stroke="#fff" stroke-width="5" opacity=".9"/>`,
  );
}

function laces(): string {
  return Array.from({ length: 6 }, (_, row) => {
    const [x, y] = [422 + row * 34, 268 + row * 29];
    return `<path d="M${x - 28} ${y + 28}Q${x} ${y - 4} ${x + 26} ${y - 14}" fill="none" stroke="#7c160c" stroke-width="15" stroke-linecap="round" opacity=".4" transform="translate(2 5)"/>
    <path d="M${x - 28} ${y + 28}Q${x} ${y - 4} ${x + 26} ${y - 14}" fill="none" stroke="#fffaf3" stroke-width="12" stroke-linecap="round"/>
    <circle cx="${x - 30}" cy="${y + 31}" r="6" fill="#20304f"/>`;
  }).join('');
}
