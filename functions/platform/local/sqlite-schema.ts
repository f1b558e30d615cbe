import type { DatabaseSync } from 'node:sqlite';
import { ProofsheetError } from '../../domain/errors.ts';

/**
 * Step n brings a database from schema n to n + 1; a released step never changes. The number of the schema is the file's
 * `user_version`.
 *
 * Items and steps refer to each other by `number` because ids are long hashes. Names are distinct without regard to case,
 * since results land on file systems that have none. There is no table of finished work: `items_by_work` answers that
 * from the items themselves, so it cannot disagree with them. `end_number` numbers the ends of a batch's items in the order of
 * their commits, which no clock can tell; `ends` has the last number, so that none is given twice when items are taken again.
 * Both vectors of an entry are one row of `vectors`, apart from what they are filtered by, which is read without them; `generation` changes
 * with everything but a new entry.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE batches (
    id TEXT PRIMARY KEY, created_at INTEGER NOT NULL, command_key TEXT NOT NULL, state TEXT NOT NULL, doc TEXT NOT NULL
  ) STRICT;
  CREATE INDEX batches_by_time ON batches (created_at, id);
  CREATE INDEX batches_by_command ON batches (command_key, created_at, id);

  CREATE TABLE shards (
    batch_id TEXT NOT NULL REFERENCES batches (id), shard INTEGER NOT NULL,
    total INTEGER NOT NULL, passed INTEGER NOT NULL, failed INTEGER NOT NULL, error INTEGER NOT NULL,
    cancelled INTEGER NOT NULL, skipped INTEGER NOT NULL, calls INTEGER NOT NULL, cost_nano INTEGER NOT NULL,
    unpriced_calls INTEGER NOT NULL, score_sum REAL NOT NULL, scored INTEGER NOT NULL, attempts INTEGER NOT NULL,
    PRIMARY KEY (batch_id, shard)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE items (
    number INTEGER PRIMARY KEY, batch_id TEXT NOT NULL REFERENCES batches (id), id TEXT NOT NULL,
    name TEXT NOT NULL COLLATE NOCASE, source TEXT NOT NULL, metadata TEXT NOT NULL, content_hash TEXT NOT NULL,
    work_key TEXT NOT NULL, twin TEXT, state TEXT NOT NULL, shard INTEGER NOT NULL, fence INTEGER NOT NULL, owner TEXT,
    lease_until INTEGER, claims INTEGER NOT NULL, epoch INTEGER NOT NULL, reopened_from TEXT, first_claimed_at INTEGER,
    progress TEXT,
    settled_at INTEGER, summary TEXT,
    UNIQUE (batch_id, id), UNIQUE (batch_id, name)
  ) STRICT;
  CREATE INDEX items_by_state ON items (batch_id, state, id);
  CREATE INDEX items_by_work ON items (work_key);
  CREATE INDEX items_by_end ON items (batch_id, settled_at) WHERE settled_at IS NOT NULL;

  CREATE TABLE steps (
    item INTEGER NOT NULL REFERENCES items (number), epoch INTEGER NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL,
    entry TEXT NOT NULL, PRIMARY KEY (item, epoch, key)
  ) STRICT;
  CREATE TABLE details (item INTEGER PRIMARY KEY REFERENCES items (number), doc TEXT NOT NULL) STRICT;

  CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, batch_id TEXT NOT NULL, body TEXT NOT NULL, due_at INTEGER NOT NULL,
    deliveries INTEGER NOT NULL, owner TEXT, reason TEXT
  ) STRICT;
  CREATE INDEX messages_due ON messages (batch_id, due_at, id);
  CREATE INDEX messages_by_body ON messages (batch_id, body);
  CREATE INDEX messages_in_hand ON messages (owner) WHERE owner IS NOT NULL;
  CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY, batch_id TEXT NOT NULL, body TEXT NOT NULL, deliveries INTEGER NOT NULL, reason TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;
  `,
  'CREATE TABLE model_pauses (model TEXT PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;',
  `
  CREATE TABLE takes (
    source TEXT NOT NULL, version TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (source, version)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE items ADD COLUMN review TEXT;
  ALTER TABLE items ADD COLUMN end_number INTEGER;
  CREATE TABLE ends (batch_id TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  UPDATE items SET end_number = number WHERE settled_at IS NOT NULL;
  INSERT INTO ends SELECT batch_id, max(number) FROM items GROUP BY batch_id;
  DROP INDEX items_by_end;
  CREATE INDEX items_by_end ON items (batch_id, end_number) WHERE end_number IS NOT NULL;
  CREATE INDEX items_by_review ON items (batch_id, id) WHERE review IS NOT NULL;
  `,
  `
  CREATE TABLE vector_spaces (
    number INTEGER PRIMARY KEY AUTOINCREMENT, collection TEXT NOT NULL, semantic TEXT NOT NULL, visual TEXT NOT NULL,
    semantic_length INTEGER NOT NULL, visual_length INTEGER NOT NULL, generation INTEGER NOT NULL,
    UNIQUE (collection, semantic, visual)
  ) STRICT;
  CREATE TABLE vector_entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT, space INTEGER NOT NULL REFERENCES vector_spaces (number), id TEXT NOT NULL,
    content_hash TEXT NOT NULL, facts TEXT NOT NULL, filters TEXT NOT NULL, weights TEXT NOT NULL, UNIQUE (space, id)
  ) STRICT;
  CREATE INDEX vector_entries_by_content ON vector_entries (space, content_hash);
  CREATE TABLE vectors (
    entry INTEGER PRIMARY KEY REFERENCES vector_entries (number) ON DELETE CASCADE,
    semantic BLOB NOT NULL, visual BLOB NOT NULL
  ) STRICT;
  `,
  `
  CREATE TABLE spendings (account TEXT PRIMARY KEY, spent INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE holds (
    account TEXT NOT NULL, owner TEXT NOT NULL, call TEXT NOT NULL, nano INTEGER NOT NULL, accounts TEXT NOT NULL,
    PRIMARY KEY (account, owner, call)
  ) STRICT, WITHOUT ROWID;
  `,
  'ALTER TABLE items ADD COLUMN prompt TEXT;',
  `
  CREATE TABLE wave_calls (
    batch_id TEXT NOT NULL, id TEXT NOT NULL, item_id TEXT NOT NULL, model TEXT NOT NULL, state TEXT NOT NULL, wave_id TEXT,
    tries INTEGER NOT NULL, doc TEXT NOT NULL, standing TEXT NOT NULL, UNIQUE (batch_id, id)
  ) STRICT;
  CREATE INDEX wave_calls_by_item ON wave_calls (batch_id, item_id);
  CREATE INDEX wave_calls_by_state ON wave_calls (batch_id, state, id);
  CREATE INDEX wave_calls_by_wave ON wave_calls (batch_id, wave_id, id) WHERE wave_id IS NOT NULL;
  CREATE TABLE waves (
    batch_id TEXT NOT NULL, id TEXT NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (batch_id, id)
  ) STRICT, WITHOUT ROWID;
  `,
];

/** Brings the schema up to date, or refuses a database of a newer proofsheet with `storage`. */
export function migrate(connection: DatabaseSync, path: string): void {
  if (versionOf(connection) === MIGRATIONS.length) return;
  connection.exec('BEGIN IMMEDIATE');
  try {
    // Read again under the lock: another process may have been first.
    const version = versionOf(connection);
    if (version > MIGRATIONS.length) throw newerSchema(path, version);
    for (const step of MIGRATIONS.slice(version)) connection.exec(step);
    connection.exec(`PRAGMA user_version=${MIGRATIONS.length}; COMMIT`);
  } catch (error) {
    if (connection.isTransaction) connection.exec('ROLLBACK');
    throw error;
  }
}

function versionOf(connection: DatabaseSync): number {
  return Number(connection.prepare('PRAGMA user_version').get()?.user_version);
}

function newerSchema(path: string, version: number): ProofsheetError {
  return new ProofsheetError(
    'storage',
    `The database ${path} was written by a newer proofsheet (schema ${version}, this one knows ${MIGRATIONS.length}); update proofsheet or use another --home.`,
  );
}
