/**
 * A function of one value over one of many: values that come while others are worked on wait and go together, so many at most. A batch that fails is
 * tried value by value, so that one of them does not fail the others.
 */
export function inBatches<Value, Result>(
  most: number,
  work: (values: readonly Value[]) => Promise<Result[]>,
): (value: Value) => Promise<Result> {
  const waiting: { value: Value; resolve: (result: Result) => void; reject: (reason: unknown) => void }[] = [];
  let isWorking = false;

  async function workOff(): Promise<void> {
    // Calls of the same moment go together.
    await Promise.resolve();
    while (waiting.length > 0) {
      const batch = waiting.splice(0, most);
      const results = await work(batch.map(({ value }) => value)).catch((reason: unknown) => ({ reason }));
      for (const [index, { value, resolve, reject }] of batch.entries()) {
        if (!('reason' in results)) resolve(results[index] as Result);
        else if (batch.length === 1) reject(results.reason);
        else await work([value]).then(([result]) => resolve(result as Result), reject);
      }
    }
    isWorking = false;
  }

  return (value) =>
    new Promise((resolve, reject) => {
      waiting.push({ value, resolve, reject });
      if (isWorking) return;
      isWorking = true;
      void workOff();
    });
}
