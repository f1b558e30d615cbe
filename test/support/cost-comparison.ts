import { pathToFileURL } from 'node:url';
import type { PriceTable } from '../../functions/domain/cost.ts';
import { estimateLanes, type LaneEstimate, typicalWork, type Work } from '../../functions/domain/estimate.ts';
import { analyze } from '../../functions/recipes/analyze.ts';
import { loadSettings } from '../../functions/settings.ts';

// `npm run cost-comparison`: the table of a published cost comparison, computed from what it says, and where it disagrees with itself.

/** What the published comparison says. */
const SAID = {
  images: 7988,
  original: { perImage: 0.000046, total: 0.3655 },
  optimized: { perImage: 0.000025, total: 0.2037, savings: 44.3 },
  batch: { perImage: 0.000013, total: 0.1018, savings: 72.1 },
  savedPerRun: 0.2636,
  savedPerYear: 1500,
  runsPerYear: 52,
};
/** Dollars per million tokens of the model it was made with. */
const PRICES: PriceTable = { asOf: '2025-01-14', models: { 'gpt-4o-mini': { input: 0.15, output: 0.6 } } };

const usd = (value: number, digits = 4) => `$${value.toFixed(digits)}`;
const percent = (share: number) => `${(share * 100).toFixed(1)} %`;

/** The lines that are printed. */
export function costComparison(): string[] {
  const { images, original, optimized } = SAID;
  const online = lanesOf(optimized.total / images);
  const whole = dollarsIn(lanesOf(original.total / images), 'standard');
  const trimmed = dollarsIn(online, 'standard');
  const batch = dollarsIn(online, 'batch');
  const row = (name: string, total: number) =>
    `| ${name} | ${usd(total / images, 7)} | ${usd(total)} | ${total === whole ? '-' : percent(1 - total / whole)} |`;
  return [
    `Computed from its totals for ${images} images:`,
    '',
    '| Method | Cost per image | Total cost | Savings |',
    '|---|---|---|---|',
    row('Original pipeline', whole),
    row('Optimized individual', trimmed),
    row('Batch API', batch),
    '',
    'Where the comparison disagrees with itself:',
    ...findings({ whole, trimmed, batch }),
    '',
    ...ownTable(images),
  ];
}

function findings({ whole, trimmed, batch }: { whole: number; trimmed: number; batch: number }): string[] {
  const { images, optimized, savedPerRun, savedPerYear, runsPerYear } = SAID;
  const perImage = trimmed / images;
  const tokens = Math.floor((perImage / (PRICES.models['gpt-4o-mini']?.input ?? 1)) * 1e6);
  return [
    `- "${usd(savedPerYear, 0)}+ a year for weekly runs": ${runsPerYear} runs that save ${usd(savedPerRun)} each save ${usd(runsPerYear * savedPerRun, 2)}.`,
    `- "72.1 % by batch processing": the batch lane saves ${percent(1 - batch / trimmed)}; the rest, ${percent(1 - trimmed / whole)}, is a shorter prompt, which costs as little in any lane.`,
    `- "${usd(optimized.perImage, 6)} per image": ${usd(optimized.total)} over ${images} images is ${usd(perImage, 7)}, which is ${usd(perImage, 6)}; ${images} times the printed price is ${usd(images * optimized.perImage)}.`,
    `- ${usd(perImage, 7)} buys ${tokens} tokens of input at its own price and no answer at all, less than one picture takes: the totals cannot hold for pictures.`,
  ];
}

/** The same number of images through the recipe analyze, with the default model and the prices of today's table. */
function ownTable(images: number): string[] {
  const { prices } = loadSettings({ flags: {}, cwd: import.meta.dirname });
  const settings = analyze.settings.parse({});
  const calls = analyze.typicalCalls?.(settings) ?? [];
  const work = typicalWork(calls, { prices, at: Date.parse(prices.asOf), mostRounds: 1 });
  const lanes = estimateLanes(work, { items: images, mostRounds: 1, maxConcurrent: 5, prices });
  const standard = dollarsIn(lanes, 'standard');
  return [
    `${images} images through the recipe analyze with ${settings.textModel}, prices of ${prices.asOf}:`,
    '',
    '| Lane | Cost per image | Total cost | Savings |',
    '|---|---|---|---|',
    ...lanes.map(({ lane }) => {
      const total = dollarsIn(lanes, lane);
      return `| ${lane} | ${usd(total / images, 7)} | ${usd(total, 2)} | ${lane === 'standard' ? '-' : percent(1 - total / standard)} |`;
    }),
  ];
}

/** Lanes for images of which each costs so much online. */
function lanesOf(perImage: number): LaneEstimate[] {
  const step = {
    step: 'analyze',
    model: 'gpt-4o-mini',
    isRound: false,
    calls: 1,
    tokensIn: 0,
    tokensOut: 0,
    seconds: 1,
  };
  const work: Work = { items: 0, rounds: 1, steps: [{ ...step, nano: perImage * 1e9 }] };
  return estimateLanes(work, { items: SAID.images, mostRounds: 1, maxConcurrent: 1, prices: PRICES });
}

function dollarsIn(lanes: readonly LaneEstimate[], lane: LaneEstimate['lane']): number {
  return lanes.find((one) => one.lane === lane)?.usd?.likely ?? 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const line of costComparison()) process.stdout.write(`${line}\n`);
}
