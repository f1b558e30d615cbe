import type { DocumentSnapshot, Firestore, Timestamp } from '@google-cloud/firestore';
import type { Item } from '../../domain/batch.ts';
import { ProofsheetError } from '../../domain/errors.ts';
import type { Claim } from '../ports.ts';
import { type Committed, type NotCommitted, unchangedSince } from './firestore-commit.ts';
import { itemFrom } from './firestore-documents.ts';
import { itemRef } from './firestore-layout.ts';

/** What the holder of a claim knows of its item without reading it. */
export interface Standing {
  /** Proves in the next write that nobody wrote since. */
  precondition: { lastUpdateTime: Timestamp };
  /** The item's `claims` as last written. */
  claims: number;
  /** The server's time now, in milliseconds since 1970: what it last said, and what has passed since. */
  now(): number;
}

/** Standings by claim. Nothing is read as long as all writes of a claim come back. */
export interface Standings {
  /**
   * The standing as kept, or read anew: `done` when the item is no longer held but as `isDone` has it, by this very claim;
   * otherwise fails with `lease_lost`.
   */
  of(claim: Claim, isDone: (item: Item) => boolean): Promise<Standing | 'done'>;
  /** Keeps what the claim stands on after a write; `claims` undefined: the claim has ended. */
  after(claim: Claim, write: Committed, claims?: number): { kind: 'done'; result: undefined } | NotCommitted;
}

export function standings(db: Firestore): Standings {
  const kept = new WeakMap<Claim, Standing>();
  return {
    async of(claim, isDone) {
      const known = kept.get(claim);
      if (known !== undefined) return known;
      const snapshot = await itemRef(db, claim.item.batchId, claim.item.id).get();
      const item = itemFrom(snapshot);
      if (item === undefined || item.fence !== claim.fence) throw leaseLost(claim);
      if (item.state === 'running') {
        const standing = standingOf(snapshot, item.claims);
        kept.set(claim, standing);
        return standing;
      }
      if (isDone(item)) return 'done';
      throw leaseLost(claim);
    },
    after(claim, write, claims) {
      kept.delete(claim);
      if (write.kind !== 'done') return write;
      if (claims !== undefined) kept.set(claim, standingAt(write.at, claims));
      return { kind: 'done', result: undefined };
    },
  };
}

/** After a write of the item that was made at `written`. */
function standingAt(written: Timestamp, claims: number): Standing {
  return { precondition: { lastUpdateTime: written }, claims, now: ticking(written.toMillis()) };
}

/** After a read of the item. */
function standingOf(snapshot: DocumentSnapshot, claims: number): Standing {
  return { precondition: unchangedSince(snapshot), claims, now: ticking(snapshot.readTime.toMillis()) };
}

export function leaseLost(claim: Claim): ProofsheetError {
  return new ProofsheetError(
    'lease_lost',
    `Item ${claim.item.name} of batch ${claim.item.batchId} was taken over by another worker; nothing to do.`,
    { disposition: 'conflict' },
  );
}

/** The machine's wall clock may be wrong by minutes; what passes on it is not. */
function ticking(serverNow: number): () => number {
  const since = performance.now();
  return () => serverNow + Math.floor(performance.now() - since);
}
