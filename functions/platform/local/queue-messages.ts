import { batchIdOf, type Message } from '../../domain/message.ts';
import type { Sql } from './sqlite.ts';

/** A message in hand of this process. `deliveries` counts this one; with the owner it proves that it is still in hand. */
export interface Delivery {
  id: number;
  batchId: string;
  message: Message;
  deliveries: number;
  owner: string;
  /** Why the delivery before did not end the message. */
  reason: string | undefined;
}

/** A message that waits already is not doubled, only made due earlier. One about no batch in particular waits under the empty id. */
export function insertMessages(sql: Sql, messages: readonly Message[], dueAt: number): void {
  for (const message of messages) {
    const body = JSON.stringify(message);
    const batchId = batchIdOf(message) ?? '';
    const inserted = sql.run(
      `INSERT INTO messages (batch_id, body, due_at, deliveries) SELECT ?1, ?2, ?3, 0
       WHERE NOT EXISTS (SELECT 1 FROM messages WHERE batch_id = ?1 AND body = ?2 AND owner IS NULL)`,
      batchId,
      body,
      dueAt,
    );
    if (inserted > 0) continue;
    sql.run(
      'UPDATE messages SET due_at = min(due_at, ?) WHERE batch_id = ? AND body = ? AND owner IS NULL',
      dueAt,
      batchId,
      body,
    );
  }
}

export function isAnyDue(sql: Sql, batchId: string, now: number): boolean {
  return sql.get('SELECT 1 FROM messages WHERE batch_id = ? AND due_at <= ? LIMIT 1', batchId, now) !== undefined;
}

/** Takes up to `limit` due messages, oldest first. One in hand is due again when its deadline passes. */
export function takeDue(
  sql: Sql,
  batchId: string,
  of: { owner: string; now: number; deadlineMs: number; limit: number },
): Delivery[] {
  if (of.limit <= 0) return [];
  const rows = sql.all<{ id: number; body: string; deliveries: number; reason: string | null }>(
    `UPDATE messages SET owner = ?, due_at = ?, deliveries = deliveries + 1
     WHERE id IN (SELECT id FROM messages WHERE batch_id = ? AND due_at <= ? ORDER BY due_at, id LIMIT ?)
     RETURNING id, body, deliveries, reason`,
    of.owner,
    of.now + of.deadlineMs,
    batchId,
    of.now,
    of.limit,
  );
  return rows.map((row) => ({
    id: row.id,
    batchId,
    message: JSON.parse(row.body),
    deliveries: row.deliveries,
    owner: of.owner,
    reason: row.reason ?? undefined,
  }));
}

/** Removes a message that is still in hand; one that was given to somebody else meanwhile stays. */
export function removeMessage(sql: Sql, { id, owner, deliveries }: Delivery): boolean {
  return sql.run('DELETE FROM messages WHERE id = ? AND owner = ? AND deliveries = ?', id, owner, deliveries) > 0;
}

/** Gives a message back; one that does not count as a delivery was put off on purpose. */
export function giveBack(
  sql: Sql,
  { id, owner, deliveries }: Delivery,
  as: { dueAt: number; counts: boolean; reason?: string },
): void {
  sql.run(
    `UPDATE messages SET owner = NULL, due_at = ?, deliveries = deliveries - ?, reason = coalesce(?, reason)
     WHERE id = ? AND owner = ? AND deliveries = ?`,
    as.dueAt,
    as.counts ? 0 : 1,
    as.reason ?? null,
    id,
    owner,
    deliveries,
  );
}

/** Moves a message that is still in hand to the dead letters. */
export function buryMessage(sql: Sql, delivery: Delivery, reason: string, now: number): void {
  if (!removeMessage(sql, delivery)) return;
  sql.run(
    'INSERT INTO dead_letters (id, batch_id, body, deliveries, reason, at) VALUES (?, ?, ?, ?, ?, ?)',
    delivery.id,
    delivery.batchId,
    JSON.stringify(delivery.message),
    delivery.deliveries - 1,
    reason,
    now,
  );
}

/** Other processes that have messages in hand. */
export function otherOwners(sql: Sql, self: string): string[] {
  const rows = sql.all<{ owner: string }>(
    'SELECT DISTINCT owner FROM messages WHERE owner IS NOT NULL AND owner <> ?',
    self,
  );
  return rows.map((row) => row.owner);
}

/** Makes everything that a dead process had in hand due at once. */
export function takeFromDead(sql: Sql, owner: string, now: number): void {
  sql.run('UPDATE messages SET owner = NULL, due_at = ? WHERE owner = ?', now, owner);
}
