import { defineConfig } from 'vitest/config';

const project = (name: string) => ({ extends: true as const, test: { name, include: [`tests/${name}/**/*.test.ts`] } });

/** `unit`: plain code. `kernels`: everything on a GPU, against the float64 reference. The page's tests: tests/e2e. */
export default defineConfig({
  test: {
    projects: [project('unit'), project('kernels')],
    setupFiles: ['tests/setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
