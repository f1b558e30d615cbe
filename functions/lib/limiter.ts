/** How a call ended, as far as the limit is concerned. `rejected`: the service said it was too much; `neutral`: says nothing. */
export type CallOutcome = 'ok' | 'rejected' | 'neutral';

/** The right to have one call under way. Must be released; a second release does nothing. */
export interface Permit {
  release(outcome: CallOutcome): void;
}

export interface Limiter {
  /** First come, first served. Rejects with the signal's reason when it aborts while waiting. */
  acquire(signal?: AbortSignal): Promise<Permit>;
  /** Calls that may be under way at once at present, from 1 to `max`. */
  readonly current: number;
  readonly inFlight: number;
  readonly waiting: number;
}

/** Growth past the known level, in calls per round trip: at first, and at least after probes that were rejected. */
const FIRST_PROBE = 1 / 4;
const LEAST_PROBE = 1 / 64;
/** Up to this share of the last calls (about `MEMORY` of them), a single rejection below the level has another cause. */
const STRAY_SHARE = 0.2;
const MEMORY = 16;

/**
 * Keeps as many calls under way as the service takes: it starts at `max`, gives way when calls are rejected and feels its
 * way back up. It has no timers; how long a rejected call waits before it asks again is the caller's affair.
 */
export function createLimiter({ max }: { max: number }): Limiter {
  const window = createWindow(max);
  const waiting = new Set<{ grant(): void }>();
  let inFlight = 0;

  function issue(): Permit {
    inFlight += 1;
    const ticket = window.ticket(inFlight);
    let released = false;
    return {
      release(outcome) {
        if (released) return;
        released = true;
        if (outcome === 'ok') window.succeeded(ticket, waiting.size > 0);
        if (outcome === 'rejected') window.rejected(ticket, inFlight);
        inFlight -= 1;
        admit();
      },
    };
  }

  function admit(): void {
    for (const waiter of waiting) {
      if (inFlight >= window.size()) return;
      waiting.delete(waiter);
      waiter.grant();
    }
  }

  return {
    acquire(signal) {
      if (signal?.aborted) return Promise.reject(signal.reason);
      if (waiting.size === 0 && inFlight < window.size()) return Promise.resolve(issue());
      return new Promise((resolve, reject) => {
        const leave = () => {
          waiting.delete(waiter);
          reject(signal?.reason);
        };
        const waiter = {
          grant() {
            signal?.removeEventListener('abort', leave);
            resolve(issue());
          },
        };
        waiting.add(waiter);
        signal?.addEventListener('abort', leave, { once: true });
      });
    },
    get current() {
      return window.size();
    },
    get inFlight() {
      return inFlight;
    },
    get waiting() {
      return waiting.size;
    },
  };
}

/** When a call was admitted: before or after which drop, and as which of the calls then under way. */
interface Ticket {
  generation: number;
  rank: number;
}

/**
 * The size of the limit. Calls admitted between two drops are a generation; a drop is sized by how many of the generation
 * before it were rejected, at most half, so that a burst counts once and lands where the service really is. `level` is the
 * number of calls the service is known to take. Past it the limit grows by `step` a round trip: every success there at
 * least doubles the step, so that a service which takes more is filled quickly; every rejection there halves the next first
 * step, so that one which does not is asked ever less often.
 */
function createWindow(max: number) {
  let limit = max;
  let level = max;
  let generation = 0;
  let probe = FIRST_PROBE;
  let step = FIRST_PROBE;
  let rejectedShare = 0;
  let drop = { inFlight: max, rejected: 0, limit };

  /** The small addend makes up for sums like 10.999999. */
  const size = () => Math.max(1, Math.floor(limit + 1e-9));

  return {
    size,
    ticket: (rank: number): Ticket => ({ generation, rank }),

    succeeded(ticket: Ticket, someWait: boolean): void {
      rejectedShare -= rejectedShare / MEMORY;
      if (ticket.generation === generation && ticket.rank > level) {
        level = ticket.rank;
        step = 2 * Math.max(step, FIRST_PROBE);
      }
      // Where nobody waits the limit is in nobody's way, and growth would not be tested.
      if (!someWait) return;
      limit = Math.min(max, limit + Math.min(1, step / limit));
    },

    /** `inFlight` still counts the rejected call. */
    rejected(ticket: Ticket, inFlight: number): void {
      rejectedShare += (1 - rejectedShare) / MEMORY;
      if (ticket.generation < generation - 1) return;
      if (ticket.generation === generation) {
        const probed = ticket.rank > level;
        if (!probed && rejectedShare < STRAY_SHARE) {
          // In doubt: this many are no longer known to be taken, until a call of this rank gets through.
          level = Math.min(level, inFlight - 1);
          return;
        }
        generation += 1;
        probe = probed ? Math.max(LEAST_PROBE, probe / 2) : FIRST_PROBE;
        drop = { inFlight, rejected: 0, limit };
      }
      drop.rejected += 1;
      limit = Math.max(1, Math.min(limit, Math.max(drop.inFlight - drop.rejected, drop.limit / 2)));
      level = Math.min(level, limit);
      step = probe;
    },
  };
}
