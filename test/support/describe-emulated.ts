import { describe, it } from 'vitest';
import { emulatorsAvailable, missingEmulators } from './emulators.ts';

/** A suite that wants the emulators: skipped with the reason where they are missing, unless the environment requires them. */
export function describeEmulated(name: string, define: () => void): void {
  if (emulatorsAvailable()) {
    describe(name, define);
    return;
  }
  describe(name, () => {
    it('runs against the emulators', (context) => context.skip(missingEmulators()));
  });
}
