import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'vitest';

interface StoredItem {
  batch_id: string;
  id: string;
  name: string;
  state: string;
  fence: number;
  epoch: number;
  code: string | null;
  calls: number | null;
}
interface StoredStep {
  name: string;
  epoch: number;
  key: string;
  adopted: boolean;
}

/** What really stands in the SQLite file of a state folder, past all code of the product. */
export function readStore(home: string): { items: StoredItem[]; steps: StoredStep[]; batches: string[] } {
  return withStore(home, (db) => {
    const items = db
      .prepare(
        `SELECT batch_id, id, name, state, fence, epoch, summary ->> 'code' AS code, summary ->> 'calls' AS calls
         FROM items ORDER BY number`,
      )
      .all();
    const steps = db
      .prepare(
        `SELECT items.name, steps.epoch, key, entry ->> 'adopted' AS adopted
         FROM steps JOIN items ON items.number = steps.item ORDER BY items.number, steps.epoch, seq`,
      )
      .all()
      .map((step) => ({ ...step, adopted: Boolean(step.adopted) }));
    const batches = db.prepare('SELECT id FROM batches ORDER BY created_at').all();
    return {
      items: items as unknown as StoredItem[],
      steps: steps as unknown as StoredStep[],
      batches: batches.map(({ id }) => String(id)),
    };
  });
}

/** Steps that were called for, those taken over from others not counted. */
export function recordedCalls(home: string): number {
  return withStore(home, (db) => {
    const counted = db.prepare("SELECT count(*) AS calls FROM steps WHERE entry ->> 'adopted' IS NULL").get();
    return Number(counted?.calls);
  });
}

export function isCancelRequested(home: string): boolean {
  return withStore(
    home,
    (db) => db.prepare("SELECT 1 FROM batches WHERE doc ->> 'cancelRequested'").get() !== undefined,
  );
}

/** Every item settled, without owner or lease; counters and summaries agree with the items and their steps. */
export function expectSettledOnce(home: string): void {
  withStore(home, (db) => {
    const open =
      'SELECT name, state FROM items WHERE settled_at IS NULL OR owner IS NOT NULL OR lease_until IS NOT NULL';
    expect(db.prepare(open).all()).toEqual([]);
    const counted = db.prepare(
      `SELECT batch_id, sum(total) AS total, sum(passed) AS passed, sum(failed) AS failed, sum(error) AS error,
         sum(cancelled) AS cancelled, sum(skipped) AS skipped, sum(calls) AS calls FROM shards GROUP BY batch_id ORDER BY 1`,
    );
    const there = db.prepare(
      `SELECT batch_id, count(*) AS total, sum(state = 'passed') AS passed, sum(state = 'failed') AS failed,
         sum(state = 'error') AS error, sum(state = 'cancelled') AS cancelled, sum(state = 'skipped') AS skipped,
         sum(summary ->> 'calls') AS calls FROM items GROUP BY batch_id ORDER BY 1`,
    );
    expect(counted.all()).toEqual(there.all());
    const wrongBills = db.prepare(
      `SELECT name, summary ->> 'calls' AS calls,
         (SELECT count(*) FROM steps WHERE item = number AND entry ->> 'adopted' IS NULL) AS steps
       FROM items WHERE calls <> steps`,
    );
    expect(wrongBills.all()).toEqual([]);
  });
}

function withStore<T>(home: string, read: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(join(home, 'proofsheet.db'), { readOnly: true });
  try {
    return read(db);
  } finally {
    db.close();
  }
}
