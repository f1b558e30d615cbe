import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { manyHandlers } from './cloud-goal.ts';
import { coldStart } from './cold-start.ts';
import { type Bench, memory, narrowService, overhead, type Row, recovery, throughput } from './goals.ts';
import { largeManifest } from './manifest-goal.ts';
import { largeReport } from './report-goal.ts';
import { vectorSearch } from './search-goal.ts';
import { smallBatch } from './small-batch-goal.ts';
import { largeWave } from './wave-goal.ts';
import { openWorkspace } from './workspace.ts';

/** `npm run bench -- [--only a,b] [--rounds 5]`. What each letter measures is in the README beside this file. */
const GOALS: Readonly<Record<string, (bench: Bench) => Promise<Row[]>>> = {
  a: throughput,
  b: overhead,
  c: memory,
  d: narrowService,
  e: recovery,
  f: largeReport,
  g: largeManifest,
  h: coldStart,
  i: manyHandlers,
  j: smallBatch,
  k: largeWave,
  l: vectorSearch,
};

const { values } = parseArgs({ options: { only: { type: 'string' }, rounds: { type: 'string', default: '5' } } });
const wanted = values.only?.split(',') ?? Object.keys(GOALS);
const rounds = Number(values.rounds);
const unknown = wanted.filter((letter) => GOALS[letter] === undefined);
if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
  console.error(`Give --only some of ${Object.keys(GOALS).join(',')} and --rounds a whole number.`);
  process.exit(2);
}

const startedAt = performance.now();
const load = loadavg()[0] ?? 0;
const workspace = await openWorkspace();
print(['goal', 'limit', 'measured', 'bare loop', 'ratio', '']);
print(['---', '---', '---', '---', '---', '---']);
try {
  for (const letter of wanted) {
    for (const row of (await GOALS[letter]?.({ workspace, rounds })) ?? []) {
      print([row.goal, row.limit, row.measured, row.bare, row.ratio, row.ok ? 'ok' : '**missed**']);
    }
  }
} finally {
  await workspace.remove();
}
console.log(
  `\nMedian of ${rounds} (least to most). Node ${process.version}, ${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown processor'}, load ${load.toFixed(1)} at the start, ${Math.round((performance.now() - startedAt) / 1000)} s.`,
);

function print(cells: readonly string[]): void {
  console.log(`| ${cells.join(' | ')} |`);
}
