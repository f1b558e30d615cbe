import { dot, fusedScore, type VectorSpace, vectorFromBytes } from '../../domain/embedding.ts';
import type { Neighbour, VectorQuery, Vectors } from '../ports.ts';
import type { Database, Sql } from './sqlite.ts';
import {
  type EntryRow,
  findSpace,
  knownFrom,
  refuseLengths,
  type SpaceRow,
  type VectorRow,
} from './sqlite-vector-rows.ts';
import { type VectorIndex, vectorIndex } from './vector-index.ts';

/** Entries per statement that holds up the event loop while an index is filled. */
const LOADED_AT_ONCE = 2000;

/**
 * Exact search: an index in memory says which entries can be among the nearest, their vectors are read and compared. The index follows
 * what other processes write.
 */
export function vectorSearch(db: Database): Vectors['nearest'] {
  const indexes = new Map<number, { generation: number; index: VectorIndex }>();

  async function indexOf(row: SpaceRow): Promise<VectorIndex> {
    const known = indexes.get(row.number);
    const lengths = { semantic: row.semantic_length, visual: row.visual_length };
    const index = known?.generation === row.generation ? known.index : vectorIndex(lengths);
    indexes.set(row.number, { generation: row.generation, index });
    while (true) {
      const after = index.last;
      const rows = await db.read((sql) => rowsAfter(sql, row.number, after));
      // Two searches at once both read on; what the other one has added is passed over.
      for (const { entry, semantic, visual } of rows) {
        if (entry <= index.last) continue;
        index.add(entry, { semantic: vectorFromBytes(semantic), visual: vectorFromBytes(visual) });
      }
      if (rows.length < LOADED_AT_ONCE) return index;
    }
  }

  return async (space: VectorSpace, query: VectorQuery) => {
    const row = await db.read((sql) => findSpace(sql, space));
    if (row === undefined) return [];
    refuseLengths(row, space, [query]);
    const index = await indexOf(row);
    const allowed = await db.read((sql) => allowedBy(sql, row.number, query.filter));
    const candidates = index.candidates(query, allowed);
    return await db.read((sql) => {
      const scored = candidates.flatMap((entry) => scoreOf(sql, entry, query));
      scored.sort((a, b) => b.score - a.score || a.entry - b.entry);
      return scored.slice(0, query.limit).flatMap((one) => neighbourFrom(sql, one));
    });
  };
}

function rowsAfter(sql: Sql, space: number, after: number): VectorRow[] {
  const text = `SELECT vectors.* FROM vector_entries JOIN vectors ON vectors.entry = vector_entries.number
    WHERE space = ? AND vector_entries.number > ? ORDER BY vector_entries.number LIMIT ${LOADED_AT_ONCE}`;
  return sql.all<VectorRow>(text, space, after);
}

/** The entries that a filter lets through; undefined without one. */
function allowedBy(sql: Sql, space: number, filter: VectorQuery['filter']): ReadonlySet<number> | undefined {
  const { category, brand, source } = filter;
  if (category === undefined && brand === undefined && source === undefined) return undefined;
  const rows = sql.all<{ number: number }>(
    `SELECT number FROM vector_entries WHERE space = ?1
     AND (?2 IS NULL OR filters ->> 'brand' = ?2) AND (?3 IS NULL OR filters ->> 'source' = ?3)
     AND (?4 IS NULL OR EXISTS (SELECT 1 FROM json_each(filters, '$.category') WHERE value = ?4))`,
    ...[space, small(brand), small(source), small(category)],
  );
  return new Set(rows.map(({ number }) => number));
}

function small(text: string | undefined): string | null {
  return text?.toLowerCase() ?? null;
}

interface Scored {
  entry: number;
  score: number;
  semantic: number | null;
  visual: number | null;
}

function scoreOf(sql: Sql, entry: number, query: VectorQuery): Scored[] {
  const row = sql.get<VectorRow>('SELECT * FROM vectors WHERE entry = ?', entry);
  if (row === undefined) return [];
  const semantic = query.semantic ? dot(query.semantic, vectorFromBytes(row.semantic)) : null;
  const visual = query.visual ? dot(query.visual, vectorFromBytes(row.visual)) : null;
  return [{ entry, score: fusedScore({ semantic, visual }, query.weights), semantic, visual }];
}

function neighbourFrom(sql: Sql, { entry, ...scores }: Scored): Neighbour[] {
  const row = sql.get<EntryRow>('SELECT * FROM vector_entries WHERE number = ?', entry);
  return row === undefined ? [] : [{ ...knownFrom(row), ...scores }];
}
