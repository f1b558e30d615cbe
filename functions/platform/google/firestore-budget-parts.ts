import type { Ceiling, Hold } from '../../domain/budget.ts';

/** A part of an account, for some of its owners. What it was granted is its own to hold and spend, without a look at the others. */
export interface Part {
  /** The ceiling under which it was granted. */
  ceiling: number;
  granted: number;
  spent: number;
  /** Open holds, by owner and call. */
  holds: Record<string, Record<string, Pick<Hold, 'nano' | 'accounts'>>>;
}

/** The whole of an account: what all its parts were granted. */
export interface Whole {
  ceiling: number;
  granted: number;
}

/** So many documents share the writes of an account. */
export const PARTS = 32;
/** A part is granted this share of what is left, so that it seldom asks, and little lies about in parts when money runs short. */
const GRANT_SHARE = 1 / (2 * PARTS);

export const NO_PART: Part = { ceiling: 0, granted: 0, spent: 0, holds: {} };

export function heldOf(part: Part): number {
  const holds = Object.values(part.holds).flatMap((calls) => Object.values(calls));
  return holds.reduce((sum, { nano }) => sum + nano, 0);
}

/** The part with one more hold, if what it was granted covers that. */
export function heldWithin(part: Part, hold: Hold, { nano: ceiling }: Ceiling): Part | undefined {
  if (part.ceiling !== ceiling || heldOf(part) + part.spent + hold.nano > part.granted) return undefined;
  return withHold(part, hold);
}

/** The part with a new grant and one more hold, if there is so much ungranted. */
export function heldByGrant(
  part: Part,
  hold: Hold,
  whole: Whole | undefined,
  { nano: ceiling }: Ceiling,
): { part: Part; whole: Whole } | undefined {
  const { granted } = whole ?? { granted: 0 };
  // Grants under another ceiling have to be looked at together.
  if ((whole !== undefined && whole.ceiling !== ceiling) || (part.granted > 0 && part.ceiling !== ceiling)) {
    return undefined;
  }
  const wanted = heldOf(part) + part.spent + hold.nano - part.granted;
  const left = ceiling - granted;
  if (wanted > left) return undefined;
  const grant = Math.min(left, Math.max(wanted, Math.floor(left * GRANT_SHARE)));
  return {
    part: withHold({ ...part, ceiling, granted: part.granted + grant }, hold),
    whole: { ceiling, granted: granted + grant },
  };
}

/** All parts with what they do not use taken back, and one more hold in the part `at`; or why it does not fit. */
export function heldByLevelling(
  parts: readonly Part[],
  at: number,
  hold: Hold,
  { nano: ceiling }: Ceiling,
): { kind: 'held'; parts: Part[]; whole: Whole } | { kind: 'busy' | 'spent' } {
  const spent = parts.reduce((sum, part) => sum + part.spent, 0);
  const held = parts.reduce((sum, part) => sum + heldOf(part), 0);
  if (spent + hold.nano > ceiling) return { kind: 'spent' };
  if (spent + held + hold.nano > ceiling) return { kind: 'busy' };
  const levelled = parts.map((part, n) => {
    const next = n === at ? withHold(part, hold) : part;
    return { ...next, ceiling, granted: next.spent + heldOf(next) };
  });
  return { kind: 'held', parts: levelled, whole: { ceiling, granted: spent + held + hold.nano } };
}

/** The part with a hold ended, and by how much it had to be granted more because the call cost more; undefined if it is not open. */
export function ended(
  part: Part,
  { owner, call }: Pick<Hold, 'owner' | 'call'>,
  spent: number,
): { part: Part; overdrawn: number } | undefined {
  const { [call]: hold, ...others } = part.holds[owner] ?? {};
  if (hold === undefined) return undefined;
  const { [owner]: _, ...holds } = part.holds;
  const left = Object.keys(others).length === 0 ? holds : { ...holds, [owner]: others };
  const next = { ...part, spent: part.spent + spent, holds: left };
  const overdrawn = Math.max(0, next.spent + heldOf(next) - next.granted);
  return { part: { ...next, granted: next.granted + overdrawn }, overdrawn };
}

export function hasHold(part: Part, { owner, call }: Pick<Hold, 'owner' | 'call'>): boolean {
  return part.holds[owner]?.[call] !== undefined;
}

function withHold(part: Part, { owner, call, nano, accounts }: Hold): Part {
  const own = { ...part.holds[owner], [call]: { nano, accounts } };
  return { ...part, holds: { ...part.holds, [owner]: own } };
}
