import type { Sources } from '../limit-ports.ts';
import type { Database, Sql } from './sqlite.ts';

/** How often sources were taken, a row for each version. */
export function sqliteSources(db: Database): Sources {
  return {
    count: (takes, { now, since }) =>
      db.write((sql) => {
        for (const { source, version } of takes) {
          sql.run('INSERT OR IGNORE INTO takes (source, version, at) VALUES (?, ?, ?)', source, version, now);
        }
        return takes.map(({ source }) => takenSince(sql, source, since));
      }),
  };
}

function takenSince(sql: Sql, source: string, since: number): number {
  const counted = sql.get<{ n: number }>('SELECT count(*) AS n FROM takes WHERE source = ? AND at >= ?', source, since);
  return counted?.n ?? 0;
}
