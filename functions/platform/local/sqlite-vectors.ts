import { filterValues, type VectorSpace } from '../../domain/embedding.ts';
import { asProofsheetError, ProofsheetError } from '../../domain/errors.ts';
import type { KnownEntry, VectorEntry, Vectors } from '../ports.ts';
import type { Database, Sql } from './sqlite.ts';
import {
  type EntryRow,
  entryFrom,
  findSpace,
  knownFrom,
  refuseLengths,
  type SpaceRow,
  type VectorRow,
  WHOLE,
  type WholeRow,
} from './sqlite-vector-rows.ts';
import { vectorSearch } from './sqlite-vector-search.ts';

/** Vectors in SQLite; both of an entry are one row, so there is no half of one. */
export function sqliteVectors(db: Database): Vectors {
  const search = vectorSearch(db);

  async function spaceOf(space: VectorSpace): Promise<SpaceRow | undefined> {
    return await db.read((sql) => findSpace(sql, space));
  }

  return {
    spaces: (collection) => db.read((sql) => spacesOf(sql, collection)),

    async put(space, entries) {
      try {
        await db.write((sql) => {
          for (const entry of entries) putEntry(sql, space, entry);
        });
      } catch (thrown) {
        const { code, message, disposition, scope } = asProofsheetError(thrown);
        const ids = entries.map(({ id }) => id).join(', ');
        throw new ProofsheetError(code, `${message} Not stored: ${ids}.`, { cause: thrown, disposition, scope });
      }
    },

    async known(space, { ids, contentHashes }) {
      const row = await spaceOf(space);
      if (row === undefined) return [];
      return await db.read((sql) =>
        sql
          .all<EntryRow>(
            `SELECT * FROM vector_entries WHERE space = ?1 AND (id IN (SELECT value FROM json_each(?2))
             OR content_hash IN (SELECT value FROM json_each(?3)))`,
            row.number,
            JSON.stringify(ids),
            JSON.stringify(contentHashes),
          )
          .map(knownFrom),
      );
    },

    describe: (space, changes) =>
      db.write((sql) => {
        for (const change of changes) describeEntry(sql, space, change);
      }),

    async get(space, ids) {
      const row = await spaceOf(space);
      const text = `${WHOLE} WHERE space = ? AND id IN (SELECT value FROM json_each(?))`;
      return await db.read((sql) => sql.all<WholeRow>(text, row?.number ?? null, JSON.stringify(ids)).map(entryFrom));
    },

    async list(space, { after = '', limit }) {
      const row = await spaceOf(space);
      const text = `${WHOLE} WHERE space = ? AND id > ? ORDER BY id LIMIT ?`;
      return await db.read((sql) => sql.all<WholeRow>(text, row?.number ?? null, after, limit).map(entryFrom));
    },

    nearest: search,

    remove: (space, ids) =>
      db.write((sql) => {
        const row = findSpace(sql, space);
        if (row === undefined) return;
        const text = 'DELETE FROM vector_entries WHERE space = ? AND id IN (SELECT value FROM json_each(?))';
        if (sql.run(text, row.number, JSON.stringify(ids)) > 0) renew(sql, row.number);
      }),

    clear: (collection) =>
      db.write((sql) => {
        const spaces = 'SELECT number FROM vector_spaces WHERE collection = ?';
        sql.run(`DELETE FROM vector_entries WHERE space IN (${spaces})`, collection);
        sql.run('DELETE FROM vector_spaces WHERE collection = ?', collection);
      }),
  };
}

/** What the indexes of all processes know no longer holds. */
function renew(sql: Sql, space: number): void {
  sql.run('UPDATE vector_spaces SET generation = generation + 1 WHERE number = ?', space);
}

function spacesOf(sql: Sql, collection: string): { space: VectorSpace; entries: number }[] {
  const rows = sql.all<SpaceRow & { entries: number }>(
    `SELECT vector_spaces.*, count(*) AS entries FROM vector_spaces
     JOIN vector_entries ON vector_entries.space = vector_spaces.number
     WHERE collection = ? GROUP BY vector_spaces.number ORDER BY vector_spaces.number`,
    collection,
  );
  return rows.map(({ semantic, visual, entries }) => ({ space: { collection, semantic, visual }, entries }));
}

function describeEntry(sql: Sql, space: VectorSpace, { id, facts }: Pick<KnownEntry, 'id' | 'facts'>): void {
  sql.run(
    'UPDATE vector_entries SET facts = ?, filters = ? WHERE space = ? AND id = ?',
    ...[JSON.stringify(facts), JSON.stringify(filterValues(facts)), findSpace(sql, space)?.number ?? null, id],
  );
}

function putEntry(sql: Sql, space: VectorSpace, entry: VectorEntry): void {
  const { collection, semantic, visual } = space;
  const lengths = [entry.semantic.length, entry.visual.length];
  let row = findSpace(sql, space);
  if (row === undefined) {
    sql.run(
      `INSERT INTO vector_spaces (collection, semantic, visual, semantic_length, visual_length, generation)
       VALUES (?, ?, ?, ?, ?, 0)`,
      ...[collection, semantic, visual, ...lengths],
    );
    row = findSpace(sql, space);
  }
  if (row === undefined) return;
  refuseLengths(row, space, [entry]);
  const stored = storedVectors(sql, row.number, entry.id);
  const bytes = [bytesOf(entry.semantic), bytesOf(entry.visual)] as const;
  const isSame = stored !== undefined && bytes[0].equals(stored.semantic) && bytes[1].equals(stored.visual);
  if (stored !== undefined && !isSame) {
    sql.run('DELETE FROM vector_entries WHERE number = ?', stored.entry);
    renew(sql, row.number);
  }
  const written = sql.get<{ number: number }>(
    `INSERT INTO vector_entries (space, id, content_hash, facts, filters, weights) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (space, id) DO UPDATE SET facts = excluded.facts, filters = excluded.filters, weights = excluded.weights,
       content_hash = excluded.content_hash RETURNING number`,
    ...[row.number, entry.id, entry.contentHash, JSON.stringify(entry.facts)],
    ...[JSON.stringify(filterValues(entry.facts)), JSON.stringify(entry.weights)],
  );
  if (isSame || written === undefined) return;
  sql.run('INSERT INTO vectors (entry, semantic, visual) VALUES (?, ?, ?)', written.number, bytes[0], bytes[1]);
}

function storedVectors(sql: Sql, space: number, id: string): VectorRow | undefined {
  return sql.get<VectorRow>(
    `SELECT vectors.* FROM vector_entries JOIN vectors ON vectors.entry = vector_entries.number WHERE space = ? AND id = ?`,
    space,
    id,
  );
}

function bytesOf(vector: Float32Array): Buffer {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
}
