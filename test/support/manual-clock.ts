import type { Clock } from '../../functions/platform/ports.ts';

/** A clock that stands still until it is moved on; sleeps end when their time has come. */
export function manualClock(random: () => number = () => 0.5): Clock & { advance(ms: number): void } {
  let now = 1_800_000_000_000;
  const sleepers = new Set<{ until: number; wake(): void }>();
  return {
    now: () => now,
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        const leave = () => {
          sleepers.delete(sleeper);
          reject(signal?.reason);
        };
        const wake = () => {
          sleepers.delete(sleeper);
          signal?.removeEventListener('abort', leave);
          resolve();
        };
        const sleeper = { until: now + ms, wake };
        if (signal?.aborted) return leave();
        signal?.addEventListener('abort', leave, { once: true });
        sleepers.add(sleeper);
      });
    },
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    random,
    advance(ms) {
      now += ms;
      for (const sleeper of [...sleepers]) if (sleeper.until <= now) sleeper.wake();
    },
  };
}
