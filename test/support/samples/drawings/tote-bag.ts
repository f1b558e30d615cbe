import { lettering } from './lettering.ts';
import { across, around, blur, down, inStudio } from './studio.ts';

const BAG = 'M214 352C330 366 560 366 686 352C700 500 716 660 726 806C600 836 300 836 174 806C184 660 200 500 214 352Z';

/** A canvas bag printed with lemons and the words FARMERS MARKET. */
export function toteBag(): string {
  return inStudio(
    [900, 900],
    { wall: '#dfe7ee', floor: '#c8d3dd' },
    { x: 450, y: 822, width: 560 },
    `<defs>
      ${across('canvas', [
        [0, '#bfa983'],
        [0.16, '#e6d5b4'],
        [0.42, '#f3e7cd'],
        [0.7, '#e2d0ac'],
        [1, '#ad956d'],
      ])}
      ${down('shade', [
        [0, '#5c4720', 0.28],
        [0.1, '#5c4720', 0],
        [0.75, '#5c4720', 0],
        [1, '#5c4720', 0.34],
      ])}
      ${around(
        'lemon',
        [0.36, 0.3, 0.8],
        [
          [0, '#fff08a'],
          [0.5, '#f6cd1f'],
          [1, '#cf9206'],
        ],
      )}
      ${blur('soft', 10)}
      <clipPath id="bag"><path d="${BAG}"/></clipPath>
      <pattern id="weave" width="6" height="6" patternUnits="userSpaceOnUse"><path d="M0 1.5H6M1.5 0V6" stroke="#7d6840" stroke-width=".9" opacity=".2"/></pattern>
    </defs>
    <path d="M330 372C330 60 570 60 570 372" fill="none" stroke="#a48d65" stroke-width="30"/>
    <path d="${BAG}" fill="url(#canvas)"/>
    <g clip-path="url(#bag)">
      <path d="${BAG}" fill="url(#weave)"/>
      <path d="${BAG}" fill="url(#shade)"/>
      <path d="M262 380C250 520 236 640 236 800M640 380C652 520 662 660 676 800M330 700C340 760 336 790 330 830" fill="none" stroke="#7b6338" stroke-width="12" opacity=".3" filter="url(#soft)"/>
      <path d="M290 390C280 520 270 640 272 800M610 400C622 520 630 640 634 780" fill="none" stroke="#fffaf0" stroke-width="14" opacity=".6" filter="url(#soft)"/>
    </g>
    <path d="M216 384C330 398 560 398 684 384" fill="none" stroke="#8d764c" stroke-width="2.5" stroke-dasharray="9 6"/>
    ${handle()}
    <g transform="rotate(-18 400 510)">${lemon(400, 510, 78)}</g>
    <g transform="rotate(24 512 532)">${lemon(512, 532, 64)}</g>
    <path d="M452 446C470 392 530 384 560 404C546 446 500 464 452 446Z" fill="#3f7d3a"/>
    <path d="M452 446C490 440 520 424 560 404" fill="none" stroke="#24531f" stroke-width="3"/>
    <path d="M440 446C420 400 366 396 340 420C358 456 400 466 440 446Z" fill="#569a4b"/>
    <path d="M440 446C404 444 372 434 340 420" fill="none" stroke="#2c6326" stroke-width="3"/>
    ${lettering('FARMERS', { x: 450, y: 628, size: 52, weight: 10, colour: '#1f4d2b' })}
    ${lettering('MARKET', { x: 450, y: 708, size: 52, weight: 10, colour: '#1f4d2b' })}`,
  );
}

function handle(): string {
  const path = 'M318 386C318 30 582 30 582 386';
  return `<path d="${path}" fill="none" stroke="#8e774e" stroke-width="34"/>
    <path d="${path}" fill="none" stroke="#e9d9b8" stroke-width="28"/>
    <path d="${path}" fill="none" stroke="#a58e63" stroke-width="18" stroke-dasharray="8 6" opacity=".35"/>
    <path d="${path}" fill="none" stroke="#eadbbb" stroke-width="14"/>
    ${[318, 582].map((x) => `<rect x="${x - 20}" y="376" width="40" height="46" fill="#e4d3ae" stroke="#8d764c" stroke-width="2.5" stroke-dasharray="7 4"/>`).join('')}`;
}

function lemon(x: number, y: number, size: number): string {
  const [tall, nub] = [size * 0.74, size * 0.22];
  return `<path d="M${x - size - nub} ${y}C${x - size} ${y - 8} ${x - size * 0.7} ${y - tall} ${x} ${y - tall}C${x + size * 0.7} ${y - tall} ${x + size} ${y - 8} ${x + size + nub} ${y}C${x + size} ${y + 8} ${x + size * 0.7} ${y + tall} ${x} ${y + tall}C${x - size * 0.7} ${y + tall} ${x - size} ${y + 8} ${x - size - nub} ${y}Z" fill="url(#lemon)" stroke="#a87704" stroke-width="3"/>`;
}
