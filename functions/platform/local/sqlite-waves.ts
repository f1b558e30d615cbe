import { ProofsheetError } from '../../domain/errors.ts';
import { type Wave, type WaveCall, waveCallSchema, waveSchema } from '../../domain/wave.ts';
import type { CallMove, CallPage, Waves } from '../wave-ports.ts';
import type { Database, Sql } from './sqlite.ts';

interface CallRow {
  doc: string;
  tries: number;
  standing: string;
}

/** Parked calls and waves in SQLite. What changes of a call stands beside its text, which is long. */
export function sqliteWaves(db: Database): Waves {
  return {
    park: (batchId, calls) => db.write((sql) => insertCalls(sql, batchId, calls)),
    callsOf: (batchId, itemId) =>
      db.read((sql) =>
        sql
          .all<CallRow>(
            'SELECT doc, tries, standing FROM wave_calls WHERE batch_id = ? AND item_id = ?',
            batchId,
            itemId,
          )
          .map(callFrom),
      ),
    calls: (batchId, page) => db.read((sql) => pageOfCalls(sql, batchId, page).map(callFrom)),
    join: (wave, callIds) => db.write((sql) => joinWave(sql, wave, callIds)),
    move: (batchId, waveId, moves) => db.write((sql) => moveCalls(sql, batchId, waveId, moves)),
    forget: (batchId, callIds) =>
      db.write((sql) => {
        for (const id of callIds) sql.run('DELETE FROM wave_calls WHERE batch_id = ? AND id = ?', batchId, id);
      }),
    create: (wave) =>
      db.write((sql) => {
        const insert = 'INSERT INTO waves (batch_id, id, doc) VALUES (?, ?, ?) ON CONFLICT DO NOTHING';
        return sql.run(insert, wave.batchId, wave.id, JSON.stringify(wave)) === 1;
      }),
    list: (batchId) =>
      db.read((sql) =>
        sql
          .all<{ doc: string }>('SELECT doc FROM waves WHERE batch_id = ? ORDER BY id', batchId)
          .map(({ doc }) => waveSchema.parse(JSON.parse(doc))),
      ),
    change: (wave, decide) =>
      db.write((sql) => {
        const before = waveOf(sql, wave);
        const change = decide(before);
        return change === undefined ? before : replaceWave(sql, { ...before, ...change });
      }),
  };
}

function callFrom({ doc, tries, standing }: CallRow): WaveCall {
  return waveCallSchema.parse({ ...JSON.parse(doc), tries, standing: JSON.parse(standing) });
}

function insertCalls(sql: Sql, batchId: string, calls: readonly WaveCall[]): void {
  for (const { tries, standing, ...call } of calls) {
    sql.run(
      `INSERT INTO wave_calls (batch_id, id, item_id, model, state, wave_id, tries, doc, standing)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      batchId,
      call.id,
      call.itemId,
      call.request.model,
      standing.state,
      standing.state === 'sent' ? standing.waveId : null,
      tries,
      JSON.stringify(call),
      JSON.stringify(standing),
    );
  }
}

function pageOfCalls(sql: Sql, batchId: string, page: CallPage): CallRow[] {
  const after = page.after ?? '';
  if ('waveId' in page) {
    const ofWave = 'SELECT doc, tries, standing FROM wave_calls WHERE batch_id = ? AND wave_id = ? AND id > ?';
    return sql.all<CallRow>(`${ofWave} ORDER BY id LIMIT ?`, batchId, page.waveId, after, page.limit);
  }
  const { state, model = null, limit } = page;
  return sql.all<CallRow>(
    `SELECT doc, tries, standing FROM wave_calls
     WHERE batch_id = ?1 AND state = ?2 AND id > ?3 AND (?4 IS NULL OR model = ?4) ORDER BY id LIMIT ?5`,
    batchId,
    state,
    after,
    model,
    limit,
  );
}

function joinWave(sql: Sql, of: Pick<Wave, 'batchId' | 'id'>, callIds: readonly string[]): number {
  const wave = waveOf(sql, of);
  if (wave.state !== 'packing') {
    const message = `Wave ${wave.id} of batch ${wave.batchId} is packed; nothing to do.`;
    throw new ProofsheetError('wrong_state', message, { disposition: 'conflict' });
  }
  const standing = JSON.stringify({ state: 'sent', waveId: wave.id });
  let joined = 0;
  for (const id of callIds) {
    joined += sql.run(
      `UPDATE wave_calls SET state = 'sent', wave_id = ?, standing = ? WHERE batch_id = ? AND id = ? AND state = 'waiting'`,
      wave.id,
      standing,
      wave.batchId,
      id,
    );
  }
  replaceWave(sql, { ...wave, calls: wave.calls + joined });
  return joined;
}

function moveCalls(sql: Sql, batchId: string, waveId: string | undefined, moves: readonly CallMove[]): void {
  for (const { id, tries, standing } of moves) {
    sql.run(
      `UPDATE wave_calls SET state = ?1, wave_id = NULL, tries = ?2, standing = ?3
       WHERE batch_id = ?4 AND id = ?5 AND (?6 IS NULL AND state = 'waiting' OR wave_id = ?6)`,
      standing.state,
      tries,
      JSON.stringify(standing),
      batchId,
      id,
      waveId ?? null,
    );
  }
}

function waveOf(sql: Sql, { batchId, id }: Pick<Wave, 'batchId' | 'id'>): Wave {
  const row = sql.get<{ doc: string }>('SELECT doc FROM waves WHERE batch_id = ? AND id = ?', batchId, id);
  if (row === undefined) throw new ProofsheetError('not_found', `There is no wave ${id} in batch ${batchId}.`);
  return waveSchema.parse(JSON.parse(row.doc));
}

function replaceWave(sql: Sql, wave: Wave): Wave {
  sql.run('UPDATE waves SET doc = ? WHERE batch_id = ? AND id = ?', JSON.stringify(wave), wave.batchId, wave.id);
  return waveSchema.parse(JSON.parse(JSON.stringify(wave)));
}
