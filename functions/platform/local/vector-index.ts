import type { VectorQuery } from '../ports.ts';
import { quantizedVectors } from './quantized-vectors.ts';

/** The vectors of a space as bytes in memory, to find out which few entries must be compared exactly. */
export interface VectorIndex {
  /** Number of the last entry that was added. */
  readonly last: number;
  add(entry: number, vectors: { semantic: Float32Array; visual: Float32Array }): void;
  /**
   * Numbers of entries among which the `limit` best are, for certain: all whose highest possible score is not below the lowest
   * possible one of so many others. `allowed`: the only ones that count.
   */
  candidates(query: VectorQuery, allowed: ReadonlySet<number> | undefined): number[];
}

/** Covers the rounding of sums in exact comparisons. */
const ROUNDING = 1e-6;

export function vectorIndex(lengths: { semantic: number; visual: number }): VectorIndex {
  const entries: number[] = [];
  const semantic = quantizedVectors(lengths.semantic);
  const visual = quantizedVectors(lengths.visual);
  return {
    get last() {
      return entries.at(-1) ?? 0;
    },
    add(entry, vectors) {
      semantic.add(vectors.semantic);
      visual.add(vectors.visual);
      entries.push(entry);
    },
    candidates(query, allowed) {
      const estimates = new Float64Array(entries.length);
      const errors = new Float64Array(entries.length);
      // Alone, a vector counts whole, whatever its weight.
      const isHybrid = query.semantic !== undefined && query.visual !== undefined;
      const weights = isHybrid ? query.weights : { semantic: 1, visual: 1 };
      if (query.semantic) semantic.estimate(query.semantic, weights.semantic, estimates, errors);
      if (query.visual) visual.estimate(query.visual, weights.visual, estimates, errors);
      // In place: what is estimated is not needed beside its bounds.
      const [lowest, highest] = [estimates, errors];
      for (let row = 0; row < entries.length; row += 1) {
        const estimate = estimates[row] ?? 0;
        const error = (errors[row] ?? 0) + ROUNDING;
        const counts = allowed === undefined || allowed.has(entries[row] ?? 0);
        lowest[row] = counts ? estimate - error : Number.NEGATIVE_INFINITY;
        highest[row] = counts ? estimate + error : Number.NEGATIVE_INFINITY;
      }
      const floor = largestOf(query.limit, lowest);
      const found: number[] = [];
      for (let row = 0; row < entries.length; row += 1) {
        const bound = highest[row] ?? Number.NEGATIVE_INFINITY;
        if (bound >= floor && bound !== Number.NEGATIVE_INFINITY) found.push(entries[row] ?? 0);
      }
      return found;
    },
  };
}

/** The smallest of the so many largest values; less than any where there are not so many. */
function largestOf(count: number, values: Float64Array): number {
  const kept: number[] = [];
  let smallest = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < values.length; row += 1) {
    const value = values[row] ?? smallest;
    if (value <= smallest) continue;
    const place = kept.findIndex((other) => other > value);
    kept.splice(place < 0 ? kept.length : place, 0, value);
    if (kept.length > count) kept.shift();
    if (kept.length === count) smallest = kept[0] ?? smallest;
  }
  return smallest;
}
