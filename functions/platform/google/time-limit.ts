/** The work's result, or the failure `tooLate` after `ms`. The work itself cannot be stopped; what comes of it later is not heard. */
export async function withinTime<T>(ms: number, work: Promise<T>, tooLate: () => Error): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(tooLate()), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
