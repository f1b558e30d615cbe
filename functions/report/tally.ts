import { type Counts, type Item, isTerminal } from '../domain/batch.ts';
import type { ItemDetail, StepSummary } from '../domain/outcome.ts';
import { type FileKind, fileKindOf } from './file-kind.ts';
import type { ReportItem } from './item-row.ts';
import { shippedAttempt } from './output-paths.ts';

const EXAMPLES = 5;
/** The step of an item that ended before it made a call. */
const NO_STEP = 'before the first call';
/** Names that a model invents (categories) are counted up to this many. */
const MAX_NAMES = 200;

export interface Example {
  item_id: string;
  name: string;
  message: string;
}
export interface Reason {
  count: number;
  examples: Example[];
}
/** Items by kind of file: all of them, and those that did not pass by code. */
export interface KindTally {
  items: number;
  codes: Map<string, Reason>;
}
export interface StepTally {
  calls: number;
  /** Answers that were no use, by code. */
  codes: Map<string, Reason>;
  tokensIn: number;
  tokensOut: number;
  tries: number;
  tookMs: number;
  costNano: number;
  unpricedCalls: number;
  /** Calls that belong to a round. */
  roundCalls: number;
  /** What the priced calls would have cost in the standard lane. */
  standardNano: number;
  /** The model that was asked last. */
  model: string;
  /** Models (or versions of the model) that answered. */
  versions: Set<string>;
}

/** Sums over the items of a batch. Its size depends on the kinds of things met, and on the items by one number each. */
export interface Tally {
  attempts: Map<number, { passed: number; other: number }>;
  reasons: Map<string, Reason>;
  kinds: Map<FileKind, KindTally>;
  /** The step at which items ended as error, by code. */
  failedSteps: Map<string, Map<string, Reason>>;
  /** Calls of each item's last take; answers that were taken over without a call are left out. */
  models: Map<string, StepTally>;
  steps: Map<string, StepTally>;
  /** Items by the version of an improved prompt that they were worked with. */
  prompts: Map<number, { items: number; passed: number }>;
  judges: Set<string>;
  /** Items that made a call in their last take. */
  workedItems: number;
  categories: Map<string, { questions: number; failed: number; undecided: number }>;
  /** Seconds in work of every item that took any. */
  seconds: number[];
}

export function newTally(): Tally {
  return {
    attempts: new Map(),
    reasons: new Map(),
    kinds: new Map(),
    failedSteps: new Map(),
    models: new Map(),
    steps: new Map(),
    prompts: new Map(),
    judges: new Set(),
    workedItems: 0,
    categories: new Map(),
    seconds: [],
  };
}

export function addToTally(tally: Tally, { item, detail }: ReportItem): void {
  const { summary } = item;
  if (item.prompt !== undefined) {
    const worked = entryOf(tally.prompts, item.prompt.version, () => ({ items: 0, passed: 0 }));
    worked.items += 1;
    if (item.state === 'passed') worked.passed += 1;
  }
  const code = reasonCodeOf(item);
  const kind = entryOf(tally.kinds, fileKindOf(item, detail), () => ({ items: 0, codes: new Map() }));
  kind.items += 1;
  if (code !== '') {
    addExample(entryOf(tally.reasons, code, newReason), item);
    addExample(entryOf(kind.codes, code, newReason), item);
  }
  if (item.state === 'error') {
    const codes = entryOf(tally.failedSteps, failedStepOf(detail), () => new Map<string, Reason>());
    addExample(entryOf(codes, code, newReason), item);
  }
  if (summary !== undefined) {
    if (summary.attempts > 0) {
      entryOf(tally.attempts, summary.attempts, () => ({ passed: 0, other: 0 }))[
        item.state === 'passed' ? 'passed' : 'other'
      ] += 1;
    }
    if (summary.seconds > 0) tally.seconds.push(summary.seconds);
  }
  const made = (detail?.steps ?? []).filter((step) => !step.adopted);
  if (made.length > 0) tally.workedItems += 1;
  for (const step of made) {
    addStep(entryOf(tally.models, step.model, newStepTally), step, item);
    addStep(entryOf(tally.steps, stepName(step.key), newStepTally), step, item);
  }
  if (detail?.outcome) addJudgements(tally, detail.outcome);
}

/** Whether the tables by model and step hold every call of the batch; not where items were taken again. */
export function holdsAllCalls(tally: Tally, counts: Pick<Counts, 'calls'>): boolean {
  return [...tally.models.values()].reduce((sum, { calls }) => sum + calls, 0) === counts.calls;
}

/** The code under which an item that did not pass is listed; empty for passed and unfinished ones. */
export function reasonCodeOf(item: Item): string {
  if (item.state === 'passed' || !isTerminal(item.state)) return '';
  return item.summary?.code ?? item.state;
}

function addJudgements(tally: Tally, outcome: NonNullable<ItemDetail['outcome']>): void {
  for (const { judge } of outcome.attempts) {
    if (judge && tally.judges.size < MAX_NAMES) tally.judges.add(`${judge.name} · ${judge.model} · ${judge.version}`);
  }
  for (const { category, verdict } of shippedAttempt(outcome)?.verdicts ?? []) {
    if (!tally.categories.has(category) && tally.categories.size >= MAX_NAMES) continue;
    const sums = entryOf(tally.categories, category, () => ({ questions: 0, failed: 0, undecided: 0 }));
    sums.questions += 1;
    if (verdict === 'fail') sums.failed += 1;
    if (verdict === 'undecided') sums.undecided += 1;
  }
}

function addStep(sums: StepTally, step: StepSummary, item: Item): void {
  sums.calls += 1;
  sums.tokensIn += step.tokensIn;
  sums.tokensOut += step.tokensOut;
  sums.tries += step.tries;
  sums.tookMs += step.tookMs;
  if (step.costNano === null) sums.unpricedCalls += 1;
  else {
    sums.costNano += step.costNano;
    sums.standardNano += step.lane === 'standard' ? step.costNano : 2 * step.costNano;
  }
  if (step.attempt > 0) sums.roundCalls += 1;
  sums.model = step.model;
  if (sums.versions.size < MAX_NAMES) sums.versions.add(step.modelVersion);
  if (step.code !== undefined) addExample(entryOf(sums.codes, step.code, newReason), item);
}

function addExample(reason: Reason, item: Item): void {
  reason.count += 1;
  if (reason.examples.length >= EXAMPLES) return;
  reason.examples.push({ item_id: item.id, name: item.name, message: item.summary?.message ?? '' });
}

/** The call that was never answered; where the answers themselves were the trouble, the last one. */
function failedStepOf(detail: ItemDetail | undefined): string {
  const key = detail?.failedStep ?? detail?.steps.at(-1)?.key;
  return key === undefined ? NO_STEP : stepName(key);
}

/** `generate:1~2` is a repeat of the step `generate`. */
function stepName(key: string): string {
  return key.replace(/([:~]\d+)+$/, '');
}

function newReason(): Reason {
  return { count: 0, examples: [] };
}

function newStepTally(): StepTally {
  return {
    calls: 0,
    codes: new Map(),
    tokensIn: 0,
    tokensOut: 0,
    tries: 0,
    tookMs: 0,
    costNano: 0,
    unpricedCalls: 0,
    roundCalls: 0,
    standardNano: 0,
    model: '',
    versions: new Set(),
  };
}

function entryOf<Key, Value>(map: Map<Key, Value>, key: Key, create: () => Value): Value {
  const found = map.get(key) ?? create();
  map.set(key, found);
  return found;
}
