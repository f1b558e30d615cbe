import { closeSync, fdatasync, mkdirSync, openSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ProofsheetError } from '../../domain/errors.ts';
import { isBusy, storageError } from './sqlite-errors.ts';
import { migrate } from './sqlite-schema.ts';

/** Statements are prepared once per text, so texts are constants and values are bound. */
export interface Sql {
  get<Row>(text: string, ...values: SQLInputValue[]): Row | undefined;
  all<Row>(text: string, ...values: SQLInputValue[]): Row[];
  /** Gives the number of changed rows. */
  run(text: string, ...values: SQLInputValue[]): number;
}

/** One SQLite file, shared with other processes. Fails with `storage`; what `work` throws comes through as it is. */
export interface Database {
  /** `work` must get by with one statement: several ones may each see another state. */
  read<T>(work: (sql: Sql) => T): Promise<T>;
  /**
   * Resolves once the commit is on disk. Works queued while another commit is on its way share one transaction; one that
   * throws is undone and rejected alone. `work` is synchronous and may run again, so it touches nothing but `sql`.
   */
  write<T>(work: (sql: Sql) => T): Promise<T>;
  /** Waits for writes under way; later ones are refused. */
  close(): Promise<void>;
}

/** Older versions can corrupt a WAL that several processes write (the WAL-reset race, 3.7.0 to 3.51.2). */
const OLDEST_SQLITE = [3, 51, 3];
/** SQLite waits for a lock by blocking the event loop, so it waits shortly and longer waits happen outside. */
const BLOCKING_WAIT_MS = 250;
const OPENING_WAIT_MS = 10_000;
const LONGEST_WAIT_MS = 30_000;
/** Bounds how long one transaction holds the event loop and the lock. */
const LARGEST_GROUP = 256;
/** Types of network file systems (statfs on Linux), whose locks cannot be relied on: NFS, SMB, CIFS, SMB2. */
const NETWORK_FILE_SYSTEMS: readonly number[] = [0x6969, 0x517b, 0xff534d42, 0xfe534d42];

interface Piece {
  work: (sql: Sql) => unknown;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}
type Attempt = { ok: true; value: unknown } | { ok: false; error: unknown };

/**
 * Opens or creates the database and brings its schema up to date; safe when several processes do so at once. `sync` forces
 * an open file to the disk.
 */
export function openDatabase(path: string, sync: (fd: number) => Promise<void> = promisify(fdatasync)): Database {
  const connection = connect(path);
  const sql = preparedSql(connection);
  const log = openLog(path);
  const pending: Piece[] = [];
  const onIdle: (() => void)[] = [];
  let closed = false;
  let waiting: { since: number; times: number } | undefined;

  async function flush(): Promise<void> {
    const group = pending.slice(0, LARGEST_GROUP);
    let attempts: Attempt[];
    try {
      attempts = commitGroup(connection, sql, group);
    } catch (error) {
      retryLater(error, group);
      return;
    }
    // Here and not in the COMMIT, where SQLite would stop the event loop until the disk has answered.
    await sync(log).catch((error: unknown) => {
      attempts = group.map(() => ({ ok: false, error }));
    });
    finish(group, attempts);
  }

  function finish(group: readonly Piece[], attempts: readonly Attempt[]): void {
    waiting = undefined;
    pending.splice(0, group.length);
    for (const [index, piece] of group.entries()) {
      const attempt = attempts[index];
      if (attempt?.ok) piece.resolve(attempt.value);
      else piece.reject(storageError(attempt?.error, path));
    }
    if (pending.length > 0) void flush();
    else for (const resolve of onIdle.splice(0)) resolve();
  }

  function retryLater(error: unknown, group: readonly Piece[]): void {
    waiting ??= { since: performance.now(), times: 0 };
    if (!isBusy(error) || performance.now() - waiting.since > LONGEST_WAIT_MS) {
      const lost = group.map((): Attempt => ({ ok: false, error }));
      finish(group, lost);
      return;
    }
    setTimeout(() => void flush(), pauseMs(waiting.times++));
  }

  return {
    async read(work) {
      const since = performance.now();
      for (let times = 0; ; times++) {
        refuseIf(closed, path);
        try {
          return work(sql);
        } catch (error) {
          if (!isBusy(error) || performance.now() - since > LONGEST_WAIT_MS) throw storageError(error, path);
        }
        await delay(pauseMs(times));
      }
    },
    write<T>(work: (sql: Sql) => T) {
      return new Promise<T>((resolve, reject) => {
        refuseIf(closed, path);
        if (pending.length === 0) setImmediate(() => void flush());
        pending.push({ work, resolve: (value) => resolve(value as T), reject });
      });
    },
    async close() {
      if (closed) return;
      closed = true;
      if (pending.length > 0) await new Promise<void>((resolve) => onIdle.push(resolve));
      closeSync(log);
      connection.close();
    },
  };
}

function connect(path: string): DatabaseSync {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    refuseNetwork(dirname(path));
    const connection = new DatabaseSync(path, { timeout: OPENING_WAIT_MS });
    try {
      refuseOldSqlite(connection);
      enterWal(connection);
      // NORMAL keeps the database whole; that commits are on disk before they count is the affair of `write`.
      connection.exec(`PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;
        PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=67108864`);
      migrate(connection, path);
      connection.exec(`PRAGMA busy_timeout=${BLOCKING_WAIT_MS}`);
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  } catch (error) {
    throw storageError(error, path);
  }
}

/** The file that commits go to first. SQLite removes it only when the last connection is closed, and holds no lock on it. */
function openLog(path: string): number {
  try {
    return openSync(`${path}-wal`, 'r+');
  } catch (error) {
    throw storageError(error, path);
  }
}

/** The switch to WAL can fail at once, without the usual wait, while another process makes it too. */
function enterWal(connection: DatabaseSync): void {
  const end = performance.now() + OPENING_WAIT_MS;
  for (;;) {
    try {
      connection.exec('PRAGMA journal_mode=WAL');
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() > end) throw error;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
}

function refuseOldSqlite(connection: DatabaseSync): void {
  const version = String(connection.prepare('SELECT sqlite_version() AS version').get()?.version);
  const parts = version.split('.').map(Number);
  for (const [index, oldest] of OLDEST_SQLITE.entries()) {
    const part = parts[index] ?? 0;
    if (part > oldest) return;
    if (part === oldest) continue;
    throw new ProofsheetError(
      'storage',
      `This Node carries SQLite ${version}, which can damage a database used by several processes; use a Node with SQLite ${OLDEST_SQLITE.join('.')} or newer.`,
    );
  }
}

function refuseNetwork(folder: string): void {
  if (!NETWORK_FILE_SYSTEMS.includes(statfsSync(folder).type)) return;
  throw new ProofsheetError(
    'storage',
    `The state folder ${folder} is on a network drive, where a database is not safe; set PROOFSHEET_HOME or --home to a local folder.`,
  );
}

/** All pieces in one transaction. Throws when nothing of it was committed. */
function commitGroup(connection: DatabaseSync, sql: Sql, group: readonly Piece[]): Attempt[] {
  try {
    return inTransaction(connection, sql, () => group.map(({ work }) => ({ ok: true, value: work(sql) })));
  } catch (error) {
    if (isBusy(error)) throw error;
  }
  // Seldom: once more, each with a point of its own to go back to, which would double the statements of every group.
  return inTransaction(connection, sql, () => group.map((piece) => attemptPiece(connection, sql, piece)));
}

function inTransaction<T>(connection: DatabaseSync, sql: Sql, work: () => T): T {
  sql.run('BEGIN IMMEDIATE');
  try {
    const result = work();
    sql.run('COMMIT');
    return result;
  } catch (error) {
    // A full disk and the like end the transaction by themselves.
    if (connection.isTransaction) sql.run('ROLLBACK');
    throw error;
  }
}

function attemptPiece(connection: DatabaseSync, sql: Sql, piece: Piece): Attempt {
  sql.run('SAVEPOINT piece');
  try {
    const value = piece.work(sql);
    sql.run('RELEASE piece');
    return { ok: true, value };
  } catch (error) {
    if (!connection.isTransaction) throw error;
    sql.run('ROLLBACK TO piece');
    sql.run('RELEASE piece');
    return { ok: false, error };
  }
}

function preparedSql(connection: DatabaseSync): Sql {
  const statements = new Map<string, StatementSync>();
  function prepared(text: string): StatementSync {
    const known = statements.get(text);
    if (known !== undefined) return known;
    const statement = connection.prepare(text);
    statements.set(text, statement);
    return statement;
  }
  return {
    get: <Row>(text: string, ...values: SQLInputValue[]) => prepared(text).get(...values) as Row | undefined,
    all: <Row>(text: string, ...values: SQLInputValue[]) => prepared(text).all(...values) as Row[],
    run: (text, ...values) => Number(prepared(text).run(...values).changes),
  };
}

function refuseIf(closed: boolean, path: string): void {
  if (closed) throw new ProofsheetError('storage', `The database ${path} is closed; open it again.`);
}

/** 10 ms doubling up to 1 s, with jitter so that waiting processes do not meet again. */
function pauseMs(times: number): number {
  return Math.min(1000, 10 * 2 ** times) * (0.5 + Math.random() / 2);
}
