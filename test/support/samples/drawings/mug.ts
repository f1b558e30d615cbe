import { across, around, blur, down, inStudio, sequence } from './studio.ts';

const BODY = 'M240 284L256 640Q260 712 334 714H526Q600 712 604 640L620 284Z';

/** A speckled stoneware mug, dipped in teal glaze, with coffee. */
export function mug(): string {
  return inStudio(
    [900, 900],
    { wall: '#eceae6', floor: '#d9d5ce' },
    { x: 440, y: 714, width: 400 },
    `<defs>
      ${across('glaze', [
        [0, '#0d4f52'],
        [0.1, '#17797a'],
        [0.3, '#4fb5ae'],
        [0.5, '#23908d'],
        [0.82, '#126264'],
        [1, '#0a3f43'],
      ])}
      ${across('clay', [
        [0, '#9c7c5a'],
        [0.3, '#eed6b4'],
        [0.6, '#cfae86'],
        [1, '#7f6144'],
      ])}
      ${down('inside', [
        [0, '#0c4d50'],
        [1, '#3aa09b'],
      ])}
      ${around(
        'coffee',
        [0.4, 0.4, 0.7],
        [
          [0, '#7a4a26'],
          [0.7, '#4a2712'],
          [1, '#2d1508'],
        ],
      )}
      ${blur('soft', 9)}
      <clipPath id="body"><path d="${BODY}"/></clipPath>
      <clipPath id="opening"><ellipse cx="430" cy="284" rx="176" ry="38"/></clipPath>
    </defs>
    <path d="M606 366C748 340 764 590 594 606" fill="none" stroke="#0b4649" stroke-width="50" stroke-linecap="round"/>
    <path d="M606 366C748 340 764 590 594 606" fill="none" stroke="#1b7f7f" stroke-width="36" stroke-linecap="round"/>
    <path d="M624 360C722 356 736 500 690 556" fill="none" stroke="#7fd0c9" stroke-width="9" stroke-linecap="round" opacity=".75"/>
    <path d="${BODY}" fill="url(#glaze)"/>
    <g clip-path="url(#body)">
      <path d="M230 628C300 606 330 660 420 630C500 606 540 648 640 622V730H230Z" fill="url(#clay)"/>
      <path d="M230 628C300 606 330 660 420 630C500 606 540 648 640 622" fill="none" stroke="#0a3d40" stroke-width="6" opacity=".45"/>
      ${speckles()}
      <rect x="292" y="330" width="34" height="280" rx="17" fill="#fff" opacity=".42" filter="url(#soft)"/>
      <rect x="560" y="320" width="60" height="400" fill="#042426" opacity=".35" filter="url(#soft)"/>
    </g>
    <ellipse cx="430" cy="284" rx="190" ry="46" fill="#e3cba7"/>
    <ellipse cx="430" cy="284" rx="190" ry="46" fill="none" stroke="#8f7350" stroke-width="2" opacity=".7"/>
    <ellipse cx="430" cy="284" rx="176" ry="38" fill="url(#inside)"/>
    <g clip-path="url(#opening)">
      <ellipse cx="430" cy="304" rx="168" ry="34" fill="url(#coffee)"/>
      <path d="M300 296Q370 274 450 280" fill="none" stroke="#c99a6a" stroke-width="5" stroke-linecap="round" opacity=".6"/>
    </g>`,
  );
}

function speckles(): string {
  const next = sequence(7);
  return Array.from({ length: 170 }, () => {
    const [x, y, size, dark] = [236 + next() * 390, 300 + next() * 410, 0.8 + next() * 2.2, next() > 0.35];
    return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${size.toFixed(1)}" fill="${dark ? '#06302f' : '#d6f0e6'}" opacity=".5"/>`;
  }).join('');
}
