import { across, around, blur, down, inStudio } from './studio.ts';

const [X, Y] = [380, 440];

/** A steel watch with a blue dial on a brown leather strap, lying flat. */
export function watch(): string {
  return inStudio(
    [760, 900],
    { wall: '#f0efec', floor: '#e2e0db' },
    { x: 384, y: 470, width: 440 },
    `<defs>
      ${across('leather', [
        [0, '#3f1f0d'],
        [0.2, '#8d5128'],
        [0.5, '#a86535'],
        [0.8, '#7a431f'],
        [1, '#341808'],
      ])}
      ${around(
        'dial',
        [0.4, 0.34, 0.75],
        [
          [0, '#5b93d6'],
          [0.45, '#1f4f96'],
          [1, '#081f47'],
        ],
      )}
      <linearGradient id="steel" x1="0" y1="0" x2="1" y2="1">
        <stop offset="0" stop-color="#ffffff"/><stop offset=".35" stop-color="#b4bac2"/><stop offset=".55" stop-color="#eef1f4"/><stop offset="1" stop-color="#636972"/>
      </linearGradient>
      <linearGradient id="bezel" x1="1" y1="1" x2="0" y2="0">
        <stop offset="0" stop-color="#f4f6f8"/><stop offset=".5" stop-color="#8d949d"/><stop offset="1" stop-color="#5b616a"/>
      </linearGradient>
      ${down('crown', [
        [0, '#f2f4f6'],
        [1, '#767c85'],
      ])}
      ${blur('soft', 14)}
    </defs>
    <path d="M282 60H478L494 850H266Z" fill="#3a2f24" opacity=".28" filter="url(#soft)" transform="translate(14 12)"/>
    ${strap('M292 290L304 40Q380 26 456 40L468 290Z', 'M306 284L317 52M454 284L443 52')}
    ${strap('M292 590L306 830Q380 876 454 830L468 590Z', 'M306 596L319 824M454 596L441 824')}
    ${[700, 748, 796].map((y) => `<ellipse cx="380" cy="${y}" rx="8" ry="9" fill="#241006"/>`).join('')}
    ${lugs()}
    <rect x="590" y="412" width="44" height="56" rx="9" fill="url(#crown)" stroke="#555b63" stroke-width="2"/>
    ${[422, 432, 442, 452].map((y) => `<path d="M600 ${y}H632" stroke="#5d636b" stroke-width="3"/>`).join('')}
    <circle cx="${X}" cy="${Y}" r="218" fill="url(#steel)"/>
    <circle cx="${X}" cy="${Y}" r="198" fill="url(#bezel)"/>
    <circle cx="${X}" cy="${Y}" r="182" fill="url(#dial)"/>
    <circle cx="${X}" cy="${Y}" r="182" fill="none" stroke="#04112a" stroke-width="5" opacity=".7"/>
    ${markers()}
    <circle cx="${X}" cy="${Y + 84}" r="44" fill="#0b2a5c" stroke="#c9d6ea" stroke-width="2"/>
    <path d="M${X} ${Y + 84}L${X + 18} ${Y + 58}" stroke="#fff" stroke-width="3" stroke-linecap="round"/>
    ${hands()}
    <path d="M246 330C290 250 390 226 470 262C400 262 300 300 262 400C248 384 240 360 246 330Z" fill="#fff" opacity=".16"/>`,
  );
}

function strap(shape: string, seams: string): string {
  return `<path d="${shape}" fill="url(#leather)"/><path d="${seams}" fill="none" stroke="#f0d3a8" stroke-width="4" stroke-dasharray="13 8" stroke-linecap="round" opacity=".9"/>`;
}

function lugs(): string {
  const lug = 'M258 310L264 214Q278 196 294 212L300 310Z';
  const turns = [
    'translate(0 0)',
    'translate(760 0) scale(-1 1)',
    'translate(0 880) scale(1 -1)',
    'translate(760 880) scale(-1 -1)',
  ];
  return turns
    .map((turn) => `<path d="${lug}" fill="url(#steel)" stroke="#666c75" stroke-width="2" transform="${turn}"/>`)
    .join('');
}

function markers(): string {
  return Array.from({ length: 60 }, (_, minute) => {
    const hour = minute % 5 === 0;
    const mark = hour
      ? `<rect x="${X - 6}" y="${Y - 166}" width="12" height="${minute % 15 === 0 ? 44 : 32}" rx="3" fill="#f4f7fb"/>`
      : `<rect x="${X - 1.5}" y="${Y - 168}" width="3" height="12" fill="#b9c9e2"/>`;
    return `<g transform="rotate(${minute * 6} ${X} ${Y})">${mark}</g>`;
  }).join('');
}

/** Ten past ten, as in every shop window. */
function hands(): string {
  return `<path d="M${X - 9} ${Y + 26}L${X - 5} ${Y - 98}L${X} ${Y - 110}L${X + 5} ${Y - 98}L${X + 9} ${Y + 26}Z" fill="#fff" stroke="#8b95a5" stroke-width="1.5" transform="rotate(-55 ${X} ${Y})"/>
    <path d="M${X - 8} ${Y + 30}L${X - 4} ${Y - 146}L${X} ${Y - 158}L${X + 4} ${Y - 146}L${X + 8} ${Y + 30}Z" fill="#fff" stroke="#8b95a5" stroke-width="1.5" transform="rotate(60 ${X} ${Y})"/>
    <path d="M${X} ${Y + 44}V${Y - 150}" stroke="#ff7a2f" stroke-width="4" stroke-linecap="round" transform="rotate(204 ${X} ${Y})"/>
    <circle cx="${X}" cy="${Y}" r="11" fill="#ff7a2f"/><circle cx="${X}" cy="${Y}" r="4" fill="#fff"/>`;
}
