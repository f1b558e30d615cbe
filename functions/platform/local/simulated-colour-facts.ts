import { COLOUR_NAMES, type ColourName, namesByNearness } from './simulated-colour.ts';
import { type Fact, percent, yesNo } from './simulated-fact.ts';
import type { Measured, Palette, Region } from './simulated-vision.ts';

const NAMES = [...COLOUR_NAMES].sort((a, b) => b.length - a.length).join('|');
/** Degrees of brightness, and the mean lightness at which one passes into the next. */
const DEGREES = ['dark', 'medium', 'light'] as const;
const BORDERS = [40, 67] as const;
const RANKS = ['first', 'second', 'third'] as const;
const COLOURLESS: readonly ColourName[] = ['black', 'dark grey', 'grey', 'light grey', 'white'];
const KINDS = ['colourless', 'coloured', 'partly both'] as const;
/** Groups that a wrong hue would fall into. */
const GROUPS: readonly (readonly ColourName[])[] = [
  ['green', 'teal', 'blue', 'purple'],
  ['red', 'orange', 'yellow', 'pink'],
];

/** What can be said, asked and looked up about the colours of a product. */
export const colourFacts: readonly Fact[] = [
  mainColour(),
  ...RANKS.map(rankedColour),
  colourfulness(),
  ...(['upper third', 'middle third', 'lower third', 'left half', 'right half'] as const).map(regionColour),
  ...GROUPS.map(absentColours),
  brightness(),
];

function mainColour(): Fact {
  return {
    category: 'colour',
    importance: 'high',
    say: ({ palettes }) => {
      const [first] = palettes.whole;
      if (first === undefined) return undefined;
      if (!isClear(palettes.whole)) return 'No single colour covers most of the product.';
      return `The main colour of the product is ${first.name} (${percent(first.share)} of its surface).`;
    },
    sentence: new RegExp(`The main colour of the product is (${NAMES}) `),
    ask: ([, name]) => ({
      question: 'Which colour covers the largest part of the product?',
      choices: offeredColours(name),
      answer: name ?? '',
      settled: true,
    }),
    question: /^Which colour covers the largest part of the product\?$/,
    look: ({ palettes }, _, choices) => seenColour(palettes.whole, 'the product', choices),
  };
}

function rankedColour(rank: (typeof RANKS)[number]): Fact {
  const start = `The ${rank} colour by area is`;
  return {
    category: 'colour',
    importance: 'medium',
    say: ({ palettes: { whole } }) => {
      const own = whole[RANKS.indexOf(rank)];
      if (own === undefined || own.share < 0.12 || (rank === 'first' && isClear(whole))) return undefined;
      return `${start} ${own.name} (${percent(own.share)}).`;
    },
    sentence: new RegExp(`${start} (${NAMES}) `),
    ask: ([, name]) => ({
      question: `Is a visible part of the product ${name}?`,
      choices: ['yes', 'no'],
      answer: 'yes',
      settled: true,
    }),
    question: new RegExp(`^Is a visible part of the product (${NAMES})\\?$`),
    look: ({ palettes }, [, name]) => {
      const share = shareOf(palettes.whole, [name]);
      return {
        choice: yesNo(share, { noBelow: 0.035, yesFrom: 0.06 }),
        evidence: `${percent(share)} of the surface is ${name}; ${listed(palettes.whole)}.`,
      };
    },
  };
}

function colourfulness(): Fact {
  const kind = (grey: number) => (grey > 0.8 ? KINDS[0] : grey < 0.2 ? KINDS[1] : KINDS[2]);
  return {
    category: 'colour',
    importance: 'high',
    say: (measured) => {
      const grey = shareOf(measured.palettes.whole, COLOURLESS);
      if (Math.min(Math.abs(grey - 0.2), Math.abs(grey - 0.8)) < 0.04) return undefined;
      return `Its surface is ${kind(grey)} (${percent(grey)} black, grey or white).`;
    },
    sentence: new RegExp(`Its surface is (${KINDS.join('|')}) \\(`),
    ask: ([, name]) => ({
      question: 'Is the product colourless (black, grey, white), coloured, or partly both?',
      choices: KINDS,
      answer: name ?? '',
      settled: true,
    }),
    question: /^Is the product colourless \(black, grey, white\), coloured, or partly both\?$/,
    look: (measured) => {
      const grey = shareOf(measured.palettes.whole, COLOURLESS);
      return {
        choice: kind(grey),
        evidence: `${percent(grey)} of the surface is black, grey or white; mean hue ${Math.round(measured.hue)}°, chroma ${Math.round(measured.chroma)} measured.`,
      };
    },
  };
}

function regionColour(region: Region): Fact {
  const part = `The ${region} of the product is mostly`;
  return {
    category: 'colour',
    importance: region.endsWith('third') ? 'high' : 'medium',
    say: ({ palettes }) => {
      const [first] = palettes[region];
      // Halves say something of their own only where they differ.
      const same = palettes['left half'][0]?.name === palettes['right half'][0]?.name;
      if (first === undefined || !isClear(palettes[region]) || (region.endsWith('half') && same)) return undefined;
      return `${part} ${first.name} (${percent(first.share)}).`;
    },
    sentence: new RegExp(`${part} (${NAMES}) `),
    ask: ([, name]) => ({
      question: `Which colour covers most of the ${region} of the product?`,
      choices: offeredColours(name),
      answer: name ?? '',
      settled: true,
    }),
    question: new RegExp(`^Which colour covers most of the ${region} of the product\\?$`),
    look: ({ palettes }, _, choices) => seenColour(palettes[region], `the ${region}`, choices),
  };
}

function absentColours(group: readonly ColourName[]): Fact {
  const names = `${group.slice(0, -1).join(', ')} or ${group.at(-1)}`;
  return {
    category: 'colour',
    importance: 'medium',
    say: ({ palettes }) => (shareOf(palettes.whole, group) < 0.01 ? `No part of it is ${names}.` : undefined),
    sentence: new RegExp(`No part of it is ${names}\\.`),
    ask: () => ({
      question: `Is any clearly visible part of the product ${names}?`,
      choices: ['yes', 'no'],
      answer: 'no',
      settled: true,
    }),
    question: new RegExp(`^Is any clearly visible part of the product ${names}\\?$`),
    look: ({ palettes }) => {
      const share = shareOf(palettes.whole, group);
      return {
        choice: yesNo(share, { noBelow: 0.04, yesFrom: 0.08 }),
        evidence: `${percent(share)} of the surface is ${names}; ${listed(palettes.whole)}.`,
      };
    },
  };
}

function brightness(): Fact {
  const closest = (l: number) => Math.min(...BORDERS.map((border) => Math.abs(l - border)));
  return {
    category: 'colour',
    importance: 'medium',
    say: ({ lightness }) => {
      const mean = `mean lightness ${Math.round(lightness)} of 100`;
      if (closest(lightness) >= 4) return `Overall the product is ${degreeOf(lightness)} (${mean}).`;
      return `Overall the product lies between two degrees of brightness (${mean}).`;
    },
    sentence: /Overall the product (?:is (dark|medium|light)|lies between) .*?mean lightness (\d+)/,
    ask: ([, degree, mean]) => ({
      question: 'How bright is the product overall?',
      choices: DEGREES,
      answer: degree ?? degreeOf(Number(mean)),
      settled: degree !== undefined,
    }),
    question: /^How bright is the product overall\?$/,
    look: ({ lightness }) => ({
      choice: closest(lightness) < 1.5 ? undefined : degreeOf(lightness),
      evidence: `mean lightness ${Math.round(lightness)} of 100 measured; dark is below ${BORDERS[0]}, light above ${BORDERS[1]}.`,
    }),
  };
}

function degreeOf(lightness: number): (typeof DEGREES)[number] {
  if (lightness < BORDERS[0]) return 'dark';
  return lightness < BORDERS[1] ? 'medium' : 'light';
}

function isClear(palette: Palette): boolean {
  const [first, second] = palette;
  return first !== undefined && first.share >= 0.42 && first.share - (second?.share ?? 0) >= 0.14;
}

function shareOf(palette: Palette, names: readonly (string | undefined)[]): number {
  return palette.filter(({ name }) => names.includes(name)).reduce((sum, { share }) => sum + share, 0);
}

function listed(palette: Palette): string {
  return `measured ${palette
    .slice(0, 3)
    .map(({ name, share }) => `${name} ${percent(share)}`)
    .join(', ')}`;
}

/** The right name, one that is near, and strong colours that a wrong hue would come out as. */
function offeredColours(name: string | undefined): ColourName[] {
  const others = namesByNearness((name ?? 'grey') as ColourName);
  const near = [0, 1].flatMap((rank) => others[rank] ?? []);
  return [...new Set<ColourName>([...near, 'blue', 'green', 'red'])];
}

function seenColour(palette: Palette, where: string, choices: readonly string[]) {
  const [first, second] = palette;
  if (first === undefined) return { choice: undefined, evidence: `nothing of ${where} was found.` };
  const evidence = `${where}: ${listed(palette)}.`;
  if (second !== undefined && first.share - second.share < 0.04) return { choice: undefined, evidence };
  return { choice: namesByNearness(first.name).find((name) => choices.includes(name)), evidence };
}

/** Names of colours that cover more than a twelfth of the product. */
export function prominentColours({ palettes }: Measured): ColourName[] {
  return palettes.whole.filter(({ share }) => share > 1 / 12).map(({ name }) => name);
}
