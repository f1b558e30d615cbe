import type { Keeping } from '../domain/embedding.ts';
import { ProofsheetError } from '../domain/errors.ts';
import type { KnownEntry, Neighbour, VectorEntry } from '../platform/ports.ts';
import type { App } from './app.ts';
import { requireEntries } from './search-vectors.ts';

/** Entries that look nearly the same. */
export interface DuplicateGroup {
  /** Score of the nearest two, and of the two that hold the group together most weakly. */
  highest: number;
  lowest: number;
  entries: KnownEntry[];
}

export const DEFAULT_DUPLICATE_SCORE = 0.98;
const PAGE = 200;
/** Neighbours of an entry that are looked at; larger groups are found through each other. */
const NEIGHBOURS = 20;
/** More would take hours: every entry is compared with all. */
const MOST_ENTRIES = 20_000;

/** Groups of entries whose fused score is `least` or more, directly or through others; those most alike first. */
export async function findDuplicates(
  app: Pick<App, 'vectors' | 'stop'>,
  keeping: Keeping,
  least: number,
): Promise<DuplicateGroup[]> {
  const entries = await requireEntries(app, keeping);
  if (entries > MOST_ENTRIES) {
    const message = `The collection has ${entries} pictures and duplicates are looked for in ${MOST_ENTRIES} at most; split it into collections.`;
    throw new ProofsheetError('usage', message);
  }
  const groups = newGroups();
  for await (const entry of allEntries(app, keeping)) {
    app.stop.throwIfAborted();
    for (const other of await neighboursOf(app, keeping, entry)) {
      if (other.id !== entry.id && other.score >= least) groups.join(entry, other, other.score);
    }
  }
  return groups.all().toSorted((a, b) => b.highest - a.highest || b.entries.length - a.entries.length);
}

async function* allEntries(app: Pick<App, 'vectors'>, { space }: Keeping): AsyncGenerator<VectorEntry> {
  let after: string | undefined;
  while (true) {
    const page = await app.vectors.list(space, { limit: PAGE, ...(after !== undefined && { after }) });
    yield* page;
    after = page.at(-1)?.id;
    if (page.length < PAGE) return;
  }
}

async function neighboursOf(
  app: Pick<App, 'vectors'>,
  { space, weights }: Keeping,
  { semantic, visual }: VectorEntry,
): Promise<Neighbour[]> {
  return await app.vectors.nearest(space, { semantic, visual, weights, limit: NEIGHBOURS, filter: {} });
}

/** Groups that grow together. */
function newGroups(): { join(one: KnownEntry, other: KnownEntry, score: number): void; all(): DuplicateGroup[] } {
  const groupOf = new Map<string, DuplicateGroup>();
  const known = ({ id, contentHash, facts, weights }: KnownEntry): KnownEntry => ({ id, contentHash, facts, weights });
  return {
    join(one, other, score) {
      const first = groupOf.get(one.id) ?? { highest: score, lowest: score, entries: [known(one)] };
      const second = groupOf.get(other.id) ?? { highest: score, lowest: score, entries: [known(other)] };
      const joined: DuplicateGroup = {
        highest: Math.max(first.highest, second.highest, score),
        lowest: Math.min(first.lowest, second.lowest, score),
        entries: first === second ? first.entries : [...first.entries, ...second.entries],
      };
      for (const { id } of joined.entries) groupOf.set(id, joined);
    },
    all: () => [...new Set(groupOf.values())],
  };
}
