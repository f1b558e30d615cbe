import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/emulators/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 1,
  },
});
