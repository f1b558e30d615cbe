import type { Ceiling, Hold } from '../../domain/budget.ts';
import type { Budgets, Held } from '../limit-ports.ts';
import type { Database, Sql } from './sqlite.ts';

interface HoldRow {
  owner: string;
  call: string;
  nano: number;
  accounts: string;
}

/** Money in SQLite: a row for each open hold and account, and what each account has spent. */
export function sqliteBudgets(db: Database): Budgets {
  return {
    hold: (hold, under) => db.write((sql) => holdMoney(sql, hold, under)),
    end: ({ owner, call, accounts }, spent) =>
      db.write((sql) => {
        for (const account of accounts) endHold(sql, account, { owner, call }, spent);
      }),
    open: (account, owner) => db.read((sql) => openHolds(sql, account, owner)),
    standing: (account) => db.read((sql) => standingOf(sql, account)),
  };
}

function holdMoney(sql: Sql, { owner, call, nano }: Omit<Hold, 'accounts'>, under: readonly Ceiling[]): Held {
  for (const { account, nano: ceiling } of under) {
    if (isOpen(sql, account, owner, call)) return { kind: 'held' };
    const { spent, held } = standingOf(sql, account);
    if (spent + nano > ceiling) return { kind: 'spent', account };
    if (spent + held + nano > ceiling) return { kind: 'busy', account };
  }
  const accounts = JSON.stringify(under.map(({ account }) => account));
  for (const { account } of under) {
    sql.run(
      'INSERT INTO holds (account, owner, call, nano, accounts) VALUES (?, ?, ?, ?, ?)',
      ...[account, owner, call, nano, accounts],
    );
  }
  return { kind: 'held' };
}

function endHold(sql: Sql, account: string, { owner, call }: Pick<Hold, 'owner' | 'call'>, spent: number): void {
  const ended = sql.run('DELETE FROM holds WHERE account = ? AND owner = ? AND call = ?', account, owner, call);
  if (ended === 0) return;
  sql.run(
    'INSERT INTO spendings (account, spent) VALUES (?, ?) ON CONFLICT DO UPDATE SET spent = spent + excluded.spent',
    ...[account, spent],
  );
}

function isOpen(sql: Sql, account: string, owner: string, call: string): boolean {
  const text = 'SELECT 1 FROM holds WHERE account = ? AND owner = ? AND call = ?';
  return sql.get(text, account, owner, call) !== undefined;
}

function openHolds(sql: Sql, account: string, owner: string | undefined): Hold[] {
  const columns = 'SELECT owner, call, nano, accounts FROM holds WHERE account = ?';
  const rows =
    owner === undefined
      ? sql.all<HoldRow>(columns, account)
      : sql.all<HoldRow>(`${columns} AND owner = ?`, account, owner);
  return rows.map((row) => ({ ...row, accounts: JSON.parse(row.accounts) }));
}

function standingOf(sql: Sql, account: string): { spent: number; held: number } {
  const row = sql.get<{ spent: number; held: number }>(
    `SELECT coalesce((SELECT spent FROM spendings WHERE account = ?), 0) AS spent,
            coalesce((SELECT sum(nano) FROM holds WHERE account = ?), 0) AS held`,
    ...[account, account],
  );
  return row ?? { spent: 0, held: 0 };
}
