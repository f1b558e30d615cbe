import { ProofsheetError } from '../domain/errors.ts';
import type { StepEntry } from '../domain/journal.ts';

/** The steps of one pass: what was recorded before, what is recorded now, and which name comes next. */
export class StepHistory {
  readonly #entries = new Map<string, StepEntry>();
  readonly #uses = new Map<string, number>();
  #nextSeq = 0;

  constructor(recorded: readonly StepEntry[]) {
    for (const entry of recorded) this.add(entry);
  }

  /** The key of this use of a step name: `name`, then `name:1`, `name:2`… in the order of the recipe's calls. */
  keyFor(name: string): string {
    const used = this.#uses.get(name) ?? 0;
    this.#uses.set(name, used + 1);
    return used === 0 ? name : `${name}:${used}`;
  }

  /** The recorded step, if any. Fails with `recipe_changed` if it was asked something else than now. */
  recorded(key: string, fingerprint: string): StepEntry | undefined {
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.fingerprint !== fingerprint) {
      throw new ProofsheetError(
        'recipe_changed',
        `Step ${key} was recorded with another request than the recipe makes now; run the item again with --force.`,
      );
    }
    return entry;
  }

  /** Position for the next entry. */
  takeSeq(): number {
    return this.#nextSeq++;
  }

  add(entry: StepEntry): void {
    this.#entries.set(entry.key, entry);
    this.#nextSeq = Math.max(this.#nextSeq, entry.seq + 1);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** All steps by position. */
  all(): StepEntry[] {
    return [...this.#entries.values()].sort((a, b) => a.seq - b.seq);
  }
}
