import { type DocumentSnapshot, FieldValue, type Firestore, type WriteBatch } from '@google-cloud/firestore';
import type { Ceiling, Hold } from '../../domain/budget.ts';
import { sha256 } from '../../lib/hash.ts';
import type { Budgets, Held } from '../limit-ports.ts';
import {
  ended,
  hasHold,
  heldByGrant,
  heldByLevelling,
  heldOf,
  heldWithin,
  NO_PART,
  PARTS,
  type Part,
  type Whole,
} from './firestore-budget-parts.ts';
import { commitOnce, inRounds, type NotCommitted, readAll, unchangedSince } from './firestore-commit.ts';
import { translating } from './firestore-errors.ts';
import { budgetPartRef, budgetRef } from './firestore-layout.ts';

type Round<T> = { kind: 'done'; result: T } | NotCommitted;

/**
 * Money in Firestore. The owners of an account are spread over its parts, each a document that holds and spends what it was granted; the
 * account's own document is written only when a part needs another grant. Every write proves what it has read.
 */
export function firestoreBudgets(db: Firestore): Budgets {
  const turns = new Map<number, Promise<unknown>>();

  /** Those of this process who want the same part take turns, so that they do not refuse each other. */
  function inTurn<T>(part: number, work: () => Promise<T>): Promise<T> {
    const mine = (turns.get(part) ?? Promise.resolve()).then(work);
    turns.set(
      part,
      mine.catch(() => undefined),
    );
    return mine;
  }

  return translating<Budgets>({
    hold(hold, under) {
      const at = partOf(hold.owner);
      const whole = { ...hold, accounts: under.map(({ account }) => account) };
      return inTurn(at, () => inRounds(() => holdOnce(db, at, whole, under)));
    },
    async end(hold, spent) {
      const at = partOf(hold.owner);
      await inTurn(at, () => inRounds(() => endOnce(db, at, hold, spent)));
    },
    async open(account, owner) {
      const parts = await readParts(db, account, owner === undefined ? undefined : partOf(owner));
      return parts.flatMap(({ part }) => holdsIn(part)).filter((hold) => owner === undefined || hold.owner === owner);
    },
    async standing(account) {
      const parts = (await readParts(db, account)).map(({ part }) => part);
      const spent = parts.reduce((sum, part) => sum + part.spent, 0);
      return { spent, held: parts.reduce((sum, part) => sum + heldOf(part), 0) };
    },
  });
}

function partOf(owner: string): number {
  return Number.parseInt(sha256(owner).slice(0, 8), 16) % PARTS;
}

async function holdOnce(db: Firestore, at: number, hold: Hold, under: readonly Ceiling[]): Promise<Round<Held>> {
  const found = await readAll(
    db,
    under.map(({ account }) => budgetPartRef(db, account, at)),
  );
  if (found.some((snapshot) => hasHold(partIn(snapshot), hold))) return { kind: 'done', result: { kind: 'held' } };
  const write = db.batch();
  for (const [index, snapshot] of found.entries()) {
    const ceiling = under[index];
    if (ceiling === undefined) continue;
    const part = heldWithin(partIn(snapshot), hold, ceiling);
    if (part !== undefined) put(write, snapshot, fieldsOf(part));
    else {
      const refusal = await holdInWhole(db, write, { at, snapshot, hold, ceiling });
      if (refusal !== undefined) return { kind: 'done', result: { kind: refusal, account: ceiling.account } };
    }
  }
  const committed = await commitOnce(write);
  return committed.kind === 'done' ? { kind: 'done', result: { kind: 'held' } } : committed;
}

/** Adds to the commit what holds the money with a new grant, or with what other parts do not use. */
async function holdInWhole(
  db: Firestore,
  write: WriteBatch,
  { at, snapshot, hold, ceiling }: { at: number; snapshot: DocumentSnapshot; hold: Hold; ceiling: Ceiling },
): Promise<'busy' | 'spent' | undefined> {
  const account = await budgetRef(db, ceiling.account).get();
  const whole = account.exists ? wholeIn(account) : undefined;
  const granted = heldByGrant(partIn(snapshot), hold, whole, ceiling);
  if (granted !== undefined) {
    put(write, snapshot, fieldsOf(granted.part));
    put(write, account, { ...granted.whole });
    return undefined;
  }
  const parts = await readParts(db, ceiling.account);
  const levelled = heldByLevelling(
    parts.map(({ part }) => part),
    at,
    hold,
    ceiling,
  );
  if (levelled.kind !== 'held') return levelled.kind;
  for (const [n, part] of levelled.parts.entries()) {
    const before = parts[n];
    if (before !== undefined) put(write, before.snapshot, fieldsOf(part));
  }
  put(write, account, { ...levelled.whole });
  return undefined;
}

async function endOnce(
  db: Firestore,
  at: number,
  hold: Pick<Hold, 'owner' | 'call' | 'accounts'>,
  spent: number,
): Promise<Round<undefined>> {
  const found = await readAll(
    db,
    hold.accounts.map((account) => budgetPartRef(db, account, at)),
  );
  const write = db.batch();
  let isOpen = false;
  for (const [index, snapshot] of found.entries()) {
    const end = ended(partIn(snapshot), hold, spent);
    if (end === undefined) continue;
    isOpen = true;
    put(write, snapshot, fieldsOf(end.part));
    const account = hold.accounts[index];
    if (end.overdrawn > 0 && account !== undefined) {
      write.update(budgetRef(db, account), { granted: FieldValue.increment(end.overdrawn) });
    }
  }
  if (!isOpen) return { kind: 'done', result: undefined };
  const committed = await commitOnce(write);
  return committed.kind === 'done' ? { kind: 'done', result: undefined } : committed;
}

async function readParts(
  db: Firestore,
  account: string,
  only?: number,
): Promise<{ snapshot: DocumentSnapshot; part: Part }[]> {
  const numbers = only === undefined ? Array.from({ length: PARTS }, (_, n) => n) : [only];
  const found = await readAll(
    db,
    numbers.map((n) => budgetPartRef(db, account, n)),
  );
  return found.map((snapshot) => ({ snapshot, part: partIn(snapshot) }));
}

/** A document that is not there must not be there yet when this is committed; another one must be as it was read. */
function put(write: WriteBatch, snapshot: DocumentSnapshot, fields: Record<string, unknown>): void {
  if (snapshot.exists) write.update(snapshot.ref, fields, unchangedSince(snapshot));
  else write.create(snapshot.ref, fields);
}

/** Holds as text, because step names are keys in them. */
function fieldsOf({ holds, ...numbers }: Part): Record<string, unknown> {
  return { ...numbers, holds: JSON.stringify(holds) };
}

function partIn(snapshot: DocumentSnapshot): Part {
  if (!snapshot.exists) return NO_PART;
  const number = (field: string) => Number(snapshot.get(field) ?? 0);
  const holds: Part['holds'] = JSON.parse(snapshot.get('holds') ?? '{}');
  return { ceiling: number('ceiling'), granted: number('granted'), spent: number('spent'), holds };
}

function wholeIn(snapshot: DocumentSnapshot): Whole {
  return { ceiling: Number(snapshot.get('ceiling') ?? 0), granted: Number(snapshot.get('granted') ?? 0) };
}

function holdsIn(part: Part): Hold[] {
  return Object.entries(part.holds).flatMap(([owner, calls]) =>
    Object.entries(calls).map(([call, hold]) => ({ owner, call, ...hold })),
  );
}
