import { canonicalJson } from '../lib/hash.ts';

/**
 * JSON results about one thing as one result, by rules that people can check:
 *
 * - lists: everything that some result has, each once, what most have first;
 * - numbers: the one in the middle;
 * - objects: member by member;
 * - all else: what most say; the one that stands first in `results` decides between equals. Null counts only where all are null.
 */
export function combinedResult(results: readonly unknown[]): unknown {
  const known = results.filter((value) => value !== null && value !== undefined);
  if (known.length === 0) return null;
  if (known.every(Array.isArray)) return unionOf(known);
  if (known.every((value) => typeof value === 'number'))
    return known.toSorted((a, b) => a - b)[(known.length - 1) >> 1];
  if (known.every(isObject)) return membersOf(known, combinedResult);
  return ranked(known)[0];
}

/** Longer texts say the same in other words. */
const LONGEST_CHOICE = 40;

/** Members in which the results contradict each other: another short text, or yes and no. */
export function contradictions(results: readonly unknown[]): string[] {
  const members = membersOf(results.filter(isObject), (values) => {
    const choices = values.filter((value) => typeof value === 'boolean' || isChoice(value));
    return new Set(choices.map(sameness)).size > 1;
  });
  return Object.keys(members).filter((name) => members[name] === true);
}

function membersOf(objects: readonly Record<string, unknown>[], combine: (values: unknown[]) => unknown) {
  const names = new Set(objects.flatMap((one) => Object.keys(one)));
  const valuesOf = (name: string) => objects.flatMap((one) => (Object.hasOwn(one, name) ? [one[name]] : []));
  return Object.fromEntries([...names].map((name) => [name, combine(valuesOf(name))]));
}

/** An entry that one result has twice counts once. */
function unionOf(lists: readonly unknown[][]): unknown[] {
  return ranked(lists.flatMap((list) => distinct(list)));
}

function distinct(values: readonly unknown[]): unknown[] {
  return [...new Map(values.toReversed().map((value) => [sameness(value), value])).values()].toReversed();
}

/** Each value once, the most frequent first, equals in the order in which they came. */
function ranked(values: readonly unknown[]): unknown[] {
  const counts = new Map<string, { value: unknown; count: number }>();
  for (const value of values) {
    const entry = counts.get(sameness(value)) ?? { value, count: 0 };
    entry.count += 1;
    counts.set(sameness(value), entry);
  }
  return [...counts.values()].sort((a, b) => b.count - a.count).map(({ value }) => value);
}

/** Texts that differ only in case or blanks are the same. */
function sameness(value: unknown): string {
  return typeof value === 'string' ? value.trim().replace(/\s+/g, ' ').toLowerCase() : canonicalJson(value);
}

function isChoice(value: unknown): boolean {
  return typeof value === 'string' && value.length <= LONGEST_CHOICE;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
