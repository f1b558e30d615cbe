/** Admits so many within any such time. Gives how long to wait in milliseconds; 0: admitted. */
export function rateLimit(
  clock: { now(): number },
  { most, withinMs }: { most: number; withinMs: number },
): () => number {
  const admitted: number[] = [];
  return () => {
    const now = clock.now();
    while (admitted[0] !== undefined && admitted[0] <= now - withinMs) admitted.shift();
    const [oldest] = admitted;
    if (oldest !== undefined && admitted.length >= most) return oldest + withinMs - now;
    admitted.push(now);
    return 0;
  };
}
