import type { ModelPauses } from '../limit-ports.ts';
import type { Database } from './sqlite.ts';

/** Pauses of models in SQLite, for all processes that share the state folder. */
export function sqlitePauses(db: Database): ModelPauses {
  return {
    pause: (model, until) =>
      db.write((sql) => {
        sql.run(
          `INSERT INTO model_pauses (model, until) VALUES (?, ?)
           ON CONFLICT DO UPDATE SET until = max(until, excluded.until)`,
          model,
          Math.ceil(until),
        );
      }),
    pausedUntil: (model) =>
      db.read((sql) => sql.get<{ until: number }>('SELECT until FROM model_pauses WHERE model = ?', model)?.until ?? 0),
  };
}
