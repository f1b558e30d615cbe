/**
 * Another process of the tests: does what its first argument says with the JSON of its second, prints one line per event
 * and ends when it is done or killed.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { diskFiles } from '../../functions/platform/local/disk-files.ts';
import { processPresence } from '../../functions/platform/local/process-presence.ts';
import { openDatabase } from '../../functions/platform/local/sqlite.ts';
import type { NewItem } from '../../functions/platform/ports.ts';
import { SAMPLE_DETAIL, sampleStep, sampleSummary } from '../contract/samples.ts';
import { openLocal } from './local-platform.ts';

interface Job {
  home: string;
  batchId: string;
  itemIds: string[];
  inputs: NewItem[];
}

const jobs: Record<string, (job: Job) => Promise<void>> = {
  /** Works off whatever items it gets. */
  async work({ home, batchId, itemIds }) {
    const { platform, close } = openLocal(home);
    await atOnce();
    await Promise.all(
      itemIds.map(async (itemId) => {
        const result = await platform.journal.claim(batchId, itemId, 60_000);
        if (result.kind !== 'claimed') return;
        await platform.journal.append(result.claim, [sampleStep('describe', 0, String(process.pid))], {
          leaseMs: 60_000,
        });
        const settlement = { state: 'passed', summary: sampleSummary(), detail: SAMPLE_DETAIL } as const;
        await platform.journal.settle(result.claim, settlement);
        print(`settled ${itemId}`);
      }),
    );
    await close();
  },

  async add({ home, batchId, inputs }) {
    const { platform, close } = openLocal(home);
    await atOnce();
    for (let start = 0; start < inputs.length; start += 10) {
      const items = await platform.batches.addItems(batchId, inputs.slice(start, start + 10));
      for (const item of items) print(`${item.state} ${item.workKey}`);
    }
    await close();
  },

  async hold({ home, batchId, itemIds }) {
    const { platform } = openLocal(home);
    for (const itemId of itemIds) print((await platform.journal.claim(batchId, itemId, 3_600_000)).kind);
    await forever();
  },

  async consume({ home, batchId }) {
    const { deliveries } = openLocal(home);
    const handle = (message: unknown) => {
      print(JSON.stringify(message));
      return forever();
    };
    await deliveries.consume({ batchId, concurrency: 3, signal: new AbortController().signal, handle });
  },

  async publish({ home, batchId, itemIds }) {
    const { platform, close } = openLocal(home);
    await platform.queue.publish(itemIds.map((itemId) => ({ kind: 'process', batchId, itemId })));
    await close();
  },

  async present({ home }) {
    const presence = processPresence(home);
    print(presence.id);
    await forever();
    print(presence.id);
  },

  /** Writes pairs, one row per table and commit, and says which are on the disk. */
  async pairs({ home }) {
    const db = openDatabase(join(home, 'pairs.db'));
    await db.write((sql) => sql.run('CREATE TABLE IF NOT EXISTS one (n INTEGER PRIMARY KEY)'));
    await db.write((sql) => sql.run('CREATE TABLE IF NOT EXISTS two (n INTEGER PRIMARY KEY)'));
    const last = await db.read((sql) => sql.get<{ n: number | null }>('SELECT max(n) AS n FROM one'));
    let next = (last?.n ?? 0) + 1;
    const writer = async (): Promise<void> => {
      while (true) {
        const n = next++;
        await db.write((sql) => {
          sql.run('INSERT INTO one VALUES (?)', n);
          sql.run('INSERT INTO two VALUES (?)', n);
        });
        print(String(n));
      }
    };
    await Promise.all(Array.from({ length: 8 }, writer));
  },

  async open({ home }) {
    const db = openDatabase(join(home, 'proofsheet.db'));
    await db.write((sql) => sql.run("INSERT INTO batches VALUES (?, 1, '', '', '')", String(process.pid)));
    await db.close();
    print('opened');
  },

  /** Holds the write lock until a line comes in. */
  async lock({ home }) {
    const connection = new DatabaseSync(join(home, 'proofsheet.db'));
    connection.exec('BEGIN IMMEDIATE');
    print('locked');
    await line();
    connection.exec('COMMIT');
    connection.close();
  },

  /** Replaces three files side by side again and again, each time with 2 MB of another digit. */
  async rewrite({ home }) {
    const files = diskFiles({ home });
    const rewrite = async (name: string): Promise<void> => {
      for (let n = 0; ; n = (n + 1) % 10) {
        await files.write(join(home, name), String(n).repeat(2_000_000), 'text/html');
        print(name);
      }
    };
    await Promise.all(['a.html', 'b.html', 'c.html'].map(rewrite));
  },
};

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function line(): Promise<void> {
  return new Promise((resolve) => process.stdin.once('data', () => resolve()));
}

/** Begins when the test says so, so that several processes meet. */
async function atOnce(): Promise<void> {
  print('ready');
  await line();
}

function forever(): Promise<never> {
  return new Promise(() => setInterval(() => undefined, 60_000));
}

const [name = '', argument = '{}'] = process.argv.slice(2);
await jobs[name]?.(JSON.parse(argument));
process.stdin.destroy();
