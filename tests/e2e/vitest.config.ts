import { defineConfig } from 'vitest/config';

/** The page's tests: one browser at a time, against the build in dist/ (`npm test -- e2e` makes it first). */
export default defineConfig({
  test: {
    include: ['tests/e2e/**/*.e2e.ts'],
    // Generous: a busy machine may be ten times slower, and a journey that has stopped says so itself (STALL_MS in lab.ts).
    testTimeout: 1_200_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 180_000, interval: 100 } },
    pool: 'forks',
    fileParallelism: false,
  },
});
