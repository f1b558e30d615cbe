import type { ItemState } from '../domain/batch.ts';
import { groupOf } from '../domain/item-group.ts';
import { combinedResult, contradictions } from './combine-results.ts';
import { type ReportItem, usd } from './item-row.ts';

/** Items with the same value in a column, with their results as one. */
export interface Group {
  group: string;
  /** Names, in order. */
  items: string[];
  states: Partial<Record<ItemState, number>>;
  /** The JSON results of its items combined; null where none has one. */
  result: unknown;
  /** Members of the result in which its items contradict each other. */
  contradictions: string[];
  calls: number;
  cost_usd: number | null;
  seconds: number;
}

/** Collects the items of a walk; of each only its result is kept, as text. */
export interface Groups {
  readonly column: string;
  add(entry: ReportItem): void;
  /** The groups by name, the first `most` of them. */
  all(most?: number): Generator<Group>;
  readonly size: number;
}

interface Member {
  name: string;
  state: ItemState;
  calls: number;
  cost: { costNano: number; unpricedCalls: number };
  seconds: number;
  json?: string;
}

export function collectGroups(column: string): Groups {
  const groups = new Map<string, Member[]>();
  return {
    column,
    get size() {
      return groups.size;
    },
    add(entry) {
      const group = groupOf(entry.item, column);
      if (group === undefined) return;
      const members = groups.get(group) ?? [];
      members.push(memberOf(entry));
      groups.set(group, members);
    },
    *all(most) {
      for (const group of [...groups.keys()].sort(natural).slice(0, most))
        yield combined(group, groups.get(group) ?? []);
    },
  };
}

function memberOf({ item, detail }: ReportItem): Member {
  const { calls = 0, costNano = 0, unpricedCalls = 0, seconds = 0 } = item.summary ?? {};
  const result = detail?.outcome?.result;
  const json = result?.kind === 'json' ? { json: JSON.stringify(result.value) } : {};
  return { name: item.name, state: item.state, calls, cost: { costNano, unpricedCalls }, seconds, ...json };
}

function combined(group: string, members: readonly Member[]): Group {
  const sorted = members.toSorted((a, b) => natural(a.name, b.name));
  const states: Group['states'] = {};
  for (const { state } of sorted) states[state] = (states[state] ?? 0) + 1;
  const sum = (of: (member: Member) => number) => sorted.reduce((total, member) => total + of(member), 0);
  // Where results are equally many on both sides, the surer one decides.
  const results = sorted
    .flatMap(({ json }) => (json === undefined ? [] : [JSON.parse(json) as unknown]))
    .sort((a, b) => confidenceOf(b) - confidenceOf(a));
  return {
    group,
    items: sorted.map(({ name }) => name),
    states,
    result: combinedResult(results),
    contradictions: contradictions(results),
    calls: sum(({ calls }) => calls),
    cost_usd: usd({ costNano: sum(({ cost }) => cost.costNano), unpricedCalls: sum(({ cost }) => cost.unpricedCalls) }),
    seconds: Math.round(sum(({ seconds }) => seconds) * 1000) / 1000,
  };
}

function confidenceOf(result: unknown): number {
  const { confidence } = (result ?? {}) as { confidence?: unknown };
  return typeof confidence === 'number' ? confidence : 0;
}

function natural(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
