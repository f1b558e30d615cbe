import { vi } from 'vitest';

/** Resolves once the condition holds; looks every few milliseconds, for at most 30 s. */
export async function waitUntil(condition: () => boolean): Promise<void> {
  const check = () => {
    if (!condition()) throw new Error(`It never became true: ${condition}`);
  };
  await vi.waitFor(check, { timeout: 30_000, interval: 5 });
}
