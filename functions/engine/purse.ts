import type { ModelRequest } from '../domain/model-call.ts';

/** Money for the calls of one item, under the ceilings that hold for them. */
export interface Purse {
  /**
   * Holds the most that a call can cost, before it is made; undefined where money that others hold has to come free first.
   * Fails with `budget` (for the whole batch) when a ceiling is reached, with `price_unknown` when it cannot be told.
   */
  hold(request: ModelRequest, step: string): Promise<HeldMoney | undefined>;
}

/** Ends of a hold; the first one counts. None of them fails: what could not be written is ended by whoever has the item next. */
export interface HeldMoney {
  /** The call was billed; null where its price is not known. */
  spent(costNano: number | null): Promise<void>;
  /** The call was not billed. */
  free(): Promise<void>;
  /** Nobody knows whether it was billed: all of it counts as spent. */
  lost(): Promise<void>;
}
