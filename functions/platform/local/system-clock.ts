import type { Clock } from '../ports.ts';

/** Longest wait of one timer; Node fires longer ones at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Time and chance of this machine. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    async sleep(ms, signal) {
      for (let rest = ms; ; rest -= LONGEST_TIMER_MS) {
        await timer(Math.min(rest, LONGEST_TIMER_MS), signal);
        if (rest <= LONGEST_TIMER_MS) return;
      }
    },
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    random: () => Math.random(),
  };
}

function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timeout);
      reject(signal?.reason);
    };
    const timeout = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}
