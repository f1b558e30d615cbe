import type { Ceiling, Hold } from '../domain/budget.ts';

// Ports over what all processes keep together, so that they do not do too much together.

/** Which models are to be left alone because they take no more, for all processes. A hint: seen a little late it breaks nothing. */
export interface ModelPauses {
  /** Leaves a model alone until then (milliseconds since 1970). An earlier end never replaces a later one. */
  pause(model: string, until: number): Promise<void>;
  /** When the latest pause of a model ends or ended; 0 if there was none. */
  pausedUntil(model: string): Promise<number>;
}

/** How often each source was taken from a drop of late: what a loop shows in. Shared by all processes. */
export interface Sources {
  /**
   * Records these versions at `now`, once each, and gives for each of them how many versions of its source were recorded at
   * `since` or later, itself included.
   */
  count(takes: readonly { source: string; version: string }[], at: { now: number; since: number }): Promise<number[]>;
}

/**
 * Money that may be spent, by account (one for a batch, one for a day). What is spent and held of an account never exceeds the ceiling
 * under which the latest hold was given, but by calls that cost more than was held for them.
 */
export interface Budgets {
  /**
   * Holds money in the accounts of all ceilings, or in none of them. `busy`: it may fit once other holds have ended; `spent`: it will not.
   * The same hold again changes nothing.
   */
  hold(hold: Omit<Hold, 'accounts'>, under: readonly Ceiling[]): Promise<Held>;
  /** Ends a hold in all its accounts: `spent` stays, the rest is free again. One that is not open changes nothing. */
  end(hold: Pick<Hold, 'owner' | 'call' | 'accounts'>, spent: number): Promise<void>;
  /** Open holds in an account, of one owner or of all. */
  open(account: string, owner?: string): Promise<Hold[]>;
  standing(account: string): Promise<{ spent: number; held: number }>;
}
export type Held = { kind: 'held' } | { kind: 'busy' | 'spent'; account: string };
