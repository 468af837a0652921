import { defineConfig } from 'vitest/config';

/** The page's tests: one browser at a time, against the build in dist/ (`npm test -- e2e` makes it first). */
export default defineConfig({
  test: {
    include: ['tests/e2e/**/*.e2e.ts'],
    testTimeout: 240_000,
    hookTimeout: 60_000,
    pool: 'forks',
    fileParallelism: false,
  },
});
