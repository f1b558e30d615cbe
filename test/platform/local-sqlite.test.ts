import { fstatSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../functions/platform/local/sqlite.ts';
import { tempHome } from '../support/temp-home.ts';
import { startWorker } from './local-processes.ts';

async function numbers(): Promise<{ db: Database; path: string; home: string; all: () => Promise<number[]> }> {
  const home = await tempHome();
  const path = join(home, 'proofsheet.db');
  const db = openDatabase(path);
  await db.write((sql) => sql.run('CREATE TABLE numbers (n INTEGER PRIMARY KEY)'));
  const all = async () =>
    (await db.read((sql) => sql.all<{ n: number }>('SELECT n FROM numbers ORDER BY n'))).map((row) => row.n);
  return { db, path, home, all };
}

describe('the database', () => {
  it('has the settings that durability rests on', async () => {
    const { db } = await numbers();
    const pragma = (name: string) => db.read((sql) => Object.values(sql.get<object>(`PRAGMA ${name}`) ?? {})[0]);
    expect(await pragma('journal_mode')).toBe('wal');
    expect(await pragma('synchronous')).toBe(1);
    expect(await pragma('foreign_keys')).toBe(1);
    expect(await pragma('trusted_schema')).toBe(0);
    expect(await pragma('busy_timeout')).toBe(250);
    await db.close();
  });

  it('confirms a write when its log is on the disk, and fails it when that cannot be had', async () => {
    const syncs: ((error?: Error) => void)[] = [];
    const home = await tempHome();
    const db = openDatabase(join(home, 'proofsheet.db'), (fd) => {
      expect(fstatSync(fd).ino).toBe(statSync(join(home, 'proofsheet.db-wal')).ino);
      return new Promise((resolve, reject) => syncs.push((error) => (error ? reject(error) : resolve())));
    });
    const confirmed: string[] = [];
    const write = (name: string) =>
      db.write((sql) => sql.run(`CREATE TABLE ${name} (n)`)).then(() => confirmed.push(name));
    const turns = async () => {
      for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    };
    const [first, second] = [write('first'), turns().then(() => write('second'))];
    await turns();
    await turns();
    expect([confirmed, syncs.length]).toEqual([[], 1]);
    syncs[0]?.();
    await first;
    await turns();
    expect([confirmed, syncs.length]).toEqual([['first'], 2]);
    syncs[1]?.(Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'fdatasync' }));
    await expect(second).rejects.toMatchObject({ code: 'storage', scope: 'batch' });
    await db.close();
  });

  it('undoes and rejects alone a write that throws', async () => {
    const { db, all } = await numbers();
    const insert = (n: number) => db.write((sql) => sql.run('INSERT INTO numbers VALUES (?)', n));
    const broken = db.write((sql) => {
      sql.run('INSERT INTO numbers VALUES (50)');
      throw new Error('changed my mind');
    });
    const results = await Promise.allSettled([insert(1), broken, insert(2), insert(1), insert(3)]);
    expect(results.map((result) => result.status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    await expect(broken).rejects.toThrow('changed my mind');
    expect(await all()).toEqual([1, 2, 3]);
    await db.close();
  });

  it('commits the writes of one turn together', async () => {
    const { db, path } = await numbers();
    const other = new DatabaseSync(path);
    const seen: unknown[] = [];
    const writes = Array.from({ length: 10 }, (_, n) =>
      db.write((sql) => {
        sql.run('INSERT INTO numbers VALUES (?)', n);
        seen.push(other.prepare('SELECT count(*) AS count FROM numbers').get()?.count);
      }),
    );
    await writes[0];
    expect(seen).toEqual(Array.from({ length: 10 }, () => 0));
    expect(other.prepare('SELECT count(*) AS count FROM numbers').get()?.count).toBe(10);
    other.close();
    await db.close();
  });

  it('keeps every confirmed write and no half of one when the process is killed', async () => {
    const home = await tempHome();
    for (let round = 0; round < 5; round++) {
      const worker = startWorker('pairs', { home });
      const confirmed: number[] = [];
      for (let line = await worker.next(); line !== undefined; line = await worker.next()) {
        confirmed.push(Number(line));
        if (confirmed.length === 150 + round * 37) await worker.kill();
      }
      const connection = new DatabaseSync(join(home, 'pairs.db'));
      const rows = (table: string) =>
        connection
          .prepare(`SELECT n FROM ${table} ORDER BY n`)
          .all()
          .map((row) => row.n);
      const [one, two] = [rows('one'), rows('two')];
      expect(one).toEqual(two);
      expect(confirmed.filter((n) => !one.includes(n))).toEqual([]);
      expect(connection.prepare('PRAGMA integrity_check').get()).toMatchObject({ integrity_check: 'ok' });
      connection.close();
    }
  });

  it('waits for a lock of another process without stopping the event loop for long', async () => {
    const { db, home, all } = await numbers();
    const worker = startWorker('lock', { home });
    expect(await worker.next()).toBe('locked');
    let turns = 0;
    let longest = 0;
    let last = performance.now();
    let done = false;
    const write = db
      .write((sql) => sql.run('INSERT INTO numbers VALUES (7)'))
      .finally(() => {
        done = true;
      });
    while (!done) {
      await new Promise((resolve) => setImmediate(resolve));
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
      turns += 1;
      if (turns < 2000) expect(await all()).toEqual([]);
      if (turns === 2000) worker.go();
    }
    await write;
    expect(turns).toBeGreaterThan(2000);
    expect(longest).toBeLessThan(1000);
    expect(await all()).toEqual([7]);
    await db.close();
  });

  it('can be opened by several processes at once, the first time too', async () => {
    const home = await tempHome();
    const workers = Array.from({ length: 5 }, () => startWorker('open', { home }));
    for (const worker of workers) expect(await worker.rest()).toEqual(['opened']);
    const db = openDatabase(join(home, 'proofsheet.db'));
    expect(await db.read((sql) => sql.all('SELECT id FROM batches'))).toHaveLength(5);
    await db.close();
  });

  it('refuses a schema of a newer version and leaves it as it is', async () => {
    const { db, path } = await numbers();
    await db.close();
    const connection = new DatabaseSync(path);
    connection.exec('PRAGMA user_version=99');
    expect(() => openDatabase(path)).toThrow(/written by a newer proofsheet \(schema 99/);
    expect(connection.prepare('PRAGMA user_version').get()).toMatchObject({ user_version: 99 });
    connection.close();
  });

  it('says what is wrong with a file that is no database or cannot be opened', async () => {
    const home = await tempHome();
    const path = join(home, 'proofsheet.db');
    writeFileSync(path, 'no database at all'.repeat(1000));
    expect(() => openDatabase(path)).toThrow(expect.objectContaining({ code: 'storage' }));
    expect(() => openDatabase(path)).toThrow(/is no SQLite database/);
    expect(() => openDatabase(join(path, 'below', 'x.db'))).toThrow(expect.objectContaining({ code: 'storage' }));
  });

  it('says when the disk is full, keeps what was written and goes on when there is room', async () => {
    const { db, all } = await numbers();
    const limit = (pages: number) => db.read((sql) => sql.get(`PRAGMA max_page_count=${pages}`));
    const count = await db.read((sql) => sql.get<{ page_count: number }>('PRAGMA page_count'));
    await db.write((sql) => sql.run('INSERT INTO numbers VALUES (1)'));
    await limit(count?.page_count ?? 0);
    const big = (n: number) =>
      db.write((sql) => {
        sql.run('INSERT INTO numbers VALUES (?)', n);
        sql.run("INSERT INTO batches VALUES (?, 1, '', '', ?)", `b${n}`, 'x'.repeat(500_000));
      });
    await expect(big(2)).rejects.toMatchObject({ code: 'storage' });
    await expect(big(2)).rejects.toThrow(/disk is full/);
    expect(await all()).toEqual([1]);
    await limit(1_000_000);
    await big(2);
    expect(await all()).toEqual([1, 2]);
    await db.close();
  });

  it('finishes what is under way when it is closed, and refuses what comes later', async () => {
    const { db, path } = await numbers();
    const write = db.write((sql) => sql.run('INSERT INTO numbers VALUES (1)'));
    await db.close();
    await write;
    await db.close();
    await expect(db.write((sql) => sql.run('INSERT INTO numbers VALUES (2)'))).rejects.toThrow(/is closed/);
    await expect(db.read((sql) => sql.get('SELECT 1'))).rejects.toMatchObject({ code: 'storage' });
    const again = new DatabaseSync(path);
    expect(again.prepare('SELECT n FROM numbers').all()).toHaveLength(1);
    again.close();
  });
});
