import { type Fact, nearestRatio, percent, yesNo } from './simulated-fact.ts';
import { type Measured, QUARTERS } from './simulated-vision.ts';

const DIRECTIONS = ['level', 'upright', 'rising to the right', 'falling to the right'] as const;
const QUARTER_NAMES = QUARTERS.join('|');

/** What can be said, asked and looked up about the shape of a product and its place in the picture. */
export const shapeFacts: readonly Fact[] = [
  pieces(),
  aspect(),
  fill(),
  cutOff(),
  quarter('fullest'),
  quarter('emptiest'),
  balance('x'),
  balance('y'),
  lean(),
  opening(),
  texture(),
];

function pieces(): Fact {
  const word = (count: number) => (count >= 4 ? 'four or more' : (['one', 'one', 'two', 'three'][count] ?? 'one'));
  return {
    category: 'count',
    importance: 'high',
    say: (measured) => `The product shows as ${word(measured.pieces)} separate piece${measured.pieces > 1 ? 's' : ''}.`,
    sentence: /The product shows as (one|two|three|four or more) separate pieces?\./,
    ask: ([, count]) => ({
      question: 'How many separate pieces does the product show?',
      choices: ['one', 'two', 'three', 'four or more'],
      answer: count ?? '',
      settled: true,
    }),
    question: /^How many separate pieces does the product show\?$/,
    look: (measured) => ({ choice: word(measured.pieces), evidence: `${measured.pieces} connected regions found.` }),
  };
}

function aspect(): Fact {
  return {
    category: 'proportion',
    importance: 'high',
    say: (measured) => `It is ${measured.aspect.toFixed(2)} times as wide as it is tall.`,
    sentence: /It is ([\d.]+) times as wide as it is tall\./,
    ask: ([, ratio]) => {
      const offered = [1 / 1.35, 1, 1.35].map((by) => `about ${(Number(ratio) * by).toFixed(2)} times`);
      return {
        question: 'How wide is the product compared with its height?',
        choices: offered,
        answer: offered[1] ?? '',
        settled: true,
      };
    },
    question: /^How wide is the product compared with its height\?$/,
    look: (measured, _, choices) => ({
      choice: nearestRatio(measured.aspect, choices),
      evidence: `${measured.aspect.toFixed(2)} times as wide as tall, measured on its outline.`,
    }),
  };
}

function fill(): Fact {
  return {
    category: 'shape',
    importance: 'medium',
    say: (measured) => `Its outline covers ${percent(measured.fill)} of the rectangle around it.`,
    sentence: /Its outline covers (\d+) % of the rectangle around it\./,
    ask: ([, share]) => {
      const steps = Number(share) * 1.4 > 96 ? [0.5, 0.7, 1] : [0.7, 1, 1.4];
      const offered = steps.map((by) => `about ${Math.round(Number(share) * by)} %`);
      return {
        question: 'How much of the rectangle around the product does its outline cover?',
        choices: offered,
        answer: offered[steps.indexOf(1)] ?? '',
        settled: new Set(offered).size === 3,
      };
    },
    question: /^How much of the rectangle around the product does its outline cover\?$/,
    look: (measured, _, choices) => ({
      choice: nearestRatio(measured.fill * 100, choices),
      evidence: `${percent(measured.fill)} of the rectangle measured.`,
    }),
  };
}

function cutOff(): Fact {
  return {
    category: 'position',
    importance: 'high',
    say: ({ cutAt }) =>
      cutAt.length === 0
        ? 'The whole product is inside the picture; no edge cuts it off.'
        : `The ${cutAt.join(' and ')} edge of the picture cuts the product off.`,
    sentence: /no edge cuts it off|edge of the picture cuts the product off/,
    ask: ([found]) => ({
      question: 'Is the product cut off by an edge of the picture?',
      choices: ['yes', 'no'],
      answer: found.startsWith('no') ? 'no' : 'yes',
      settled: true,
    }),
    question: /^Is the product cut off by an edge of the picture\?$/,
    look: ({ cutAt }) => ({
      choice: cutAt.length > 0 ? 'yes' : 'no',
      evidence: cutAt.length > 0 ? `the product meets the ${cutAt.join(' and ')} edge.` : 'no edge is met.',
    }),
  };
}

function quarter(which: 'fullest' | 'emptiest'): Fact {
  const ranked = ({ quarters }: Measured) =>
    QUARTERS.map((name, index) => ({ name, share: quarters[index] ?? 0 })).sort((a, b) =>
      which === 'fullest' ? b.share - a.share : a.share - b.share,
    );
  return {
    category: 'shape',
    importance: 'medium',
    say: (measured) => {
      const [first, second] = ranked(measured);
      if (!first || !second || Math.abs(first.share - second.share) < 0.07) return undefined;
      return `Of the four quarters around its middle, the ${first.name} one is the ${which} (${percent(first.share)} covered).`;
    },
    sentence: new RegExp(`the (${QUARTER_NAMES}) one is the ${which} \\(`),
    ask: ([, name]) => ({
      question: `Which quarter around its middle does the product fill ${which === 'fullest' ? 'most' : 'least'}?`,
      choices: QUARTERS,
      answer: name ?? '',
      settled: true,
    }),
    question: new RegExp(
      `^Which quarter around its middle does the product fill ${which === 'fullest' ? 'most' : 'least'}\\?$`,
    ),
    look: (measured) => {
      const [first, second] = ranked(measured);
      const close = !first || !second || Math.abs(first.share - second.share) < 0.03;
      const evidence = QUARTERS.map((name, index) => `${name} ${percent(measured.quarters[index] ?? 0)}`).join(', ');
      return { choice: close ? undefined : first.name, evidence: `covered: ${evidence}.` };
    },
  };
}

function balance(along: 'x' | 'y'): Fact {
  const [before, after, ends] = along === 'x' ? ['left', 'right', 'left or right'] : ['top', 'bottom', 'top or bottom'];
  const side = (value: number) => (value < 0 ? before : after);
  return {
    category: 'orientation',
    importance: 'high',
    say: (measured) => {
      const value = measured.balance[along];
      if (Math.abs(value) < 0.018) return undefined;
      const where = `centre of mass ${percent(Math.abs(value))} from its middle`;
      return `More of the product lies towards its ${side(value)} (${where}).`;
    },
    sentence: new RegExp(`More of the product lies towards its (${before}|${after}) `),
    ask: ([, name]) => ({
      question: `Towards which end does more of the product lie, ${ends}?`,
      choices: [before, after],
      answer: name ?? '',
      settled: true,
    }),
    question: new RegExp(`^Towards which end does more of the product lie, ${ends}\\?$`),
    look: (measured) => {
      const value = measured.balance[along];
      return {
        choice: Math.abs(value) < 0.006 ? undefined : side(value),
        evidence: `centre of mass ${(Math.abs(value) * 100).toFixed(1)} % from the middle towards the ${side(value)}.`,
      };
    },
  };
}

function lean(): Fact {
  const direction = (degrees: number) => {
    if (Math.abs(degrees) < 18) return 'level';
    if (Math.abs(degrees) > 72) return 'upright';
    return degrees > 0 ? 'rising to the right' : 'falling to the right';
  };
  const doubt = (degrees: number) => Math.min(...[18, 72].map((limit) => Math.abs(Math.abs(degrees) - limit)));
  return {
    category: 'orientation',
    importance: 'high',
    say: ({ axis }) => {
      if (axis.ratio < 1.2 || doubt(axis.degrees) < 4) return undefined;
      return `Its long axis is ${direction(axis.degrees)} (${Math.round(axis.degrees)} degrees from level).`;
    },
    sentence: new RegExp(`Its long axis is (${DIRECTIONS.join('|')}) `),
    ask: ([, name]) => ({
      question: 'How does the long axis of the product run?',
      choices: DIRECTIONS,
      answer: name ?? '',
      settled: true,
    }),
    question: /^How does the long axis of the product run\?$/,
    look: ({ axis }) => ({
      choice: axis.ratio < 1.1 || doubt(axis.degrees) < 1.5 ? undefined : direction(axis.degrees),
      evidence: `${Math.round(axis.degrees)} degrees from level, ${axis.ratio.toFixed(1)} times as long as across.`,
    }),
  };
}

function opening(): Fact {
  return {
    category: 'part',
    importance: 'medium',
    say: (measured) => {
      const seen = yesNo(measured.opening, { noBelow: 0.003, yesFrom: 0.02 });
      if (seen === 'yes') return 'It has an enclosed opening through which the background is seen.';
      return seen === 'no' ? 'It has no enclosed opening; the background is nowhere seen through it.' : undefined;
    },
    sentence: /It has (an|no) enclosed opening/,
    ask: ([, found]) => ({
      question: 'Is the background seen through an opening that the product encloses?',
      choices: ['yes', 'no'],
      answer: found === 'an' ? 'yes' : 'no',
      settled: true,
    }),
    question: /^Is the background seen through an opening that the product encloses\?$/,
    look: (measured) => ({
      choice: yesNo(measured.opening, { noBelow: 0.006, yesFrom: 0.012 }),
      evidence: `the largest enclosed opening takes ${(measured.opening * 100).toFixed(1)} % of the rectangle around it.`,
    }),
  };
}

function texture(): Fact {
  return {
    category: 'texture',
    importance: 'low',
    say: (measured) => {
      const level = `lightness changes by ${measured.texture.toFixed(1)} from pixel to pixel`;
      if (measured.texture < 1.6) return `Its surface is smooth (${level}).`;
      if (measured.texture >= 3.4) return `Its surface is textured or finely patterned (${level}).`;
      return `Whether its surface is smooth or textured is not clear (${level}).`;
    },
    sentence: /(Its surface is smooth|Its surface is textured|Whether its surface is smooth or textured)/,
    ask: ([, found]) => ({
      question: 'Is the surface of the product smooth or textured?',
      choices: ['smooth', 'textured'],
      answer: found?.endsWith('textured') === true ? 'textured' : 'smooth',
      settled: found?.startsWith('Its') === true,
    }),
    question: /^Is the surface of the product smooth or textured\?$/,
    look: ({ texture: level }) => {
      const textured = yesNo(level, { noBelow: 2, yesFrom: 2.6 });
      const choice = textured === undefined ? undefined : textured === 'yes' ? 'textured' : 'smooth';
      return { choice, evidence: `lightness changes by ${level.toFixed(1)} from pixel to pixel.` };
    },
  };
}
