/** What may be spent from an account, in nano-dollars (1e-9 USD). */
export interface Ceiling {
  account: string;
  nano: number;
}

/** Money kept for a call, or for a group of calls, until it is known what they cost. */
export interface Hold {
  /** Who has to end it, such as an item. */
  owner: string;
  /** Of all holds of the owner, ever. */
  call: string;
  nano: number;
  /** Where the money is held. */
  accounts: string[];
}
