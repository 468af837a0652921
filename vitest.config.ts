import { defineConfig } from 'vitest/config';

const project = (name: string) => ({ extends: true as const, test: { name, include: [`tests/${name}/**/*.test.ts`] } });

/** `unit`: plain code. `kernels`: everything on a GPU, against the float64 reference. The page's tests: tests/e2e. */
export default defineConfig({
  test: {
    projects: [project('unit'), project('kernels')],
    setupFiles: ['tests/setup.ts'],
    // Generous: a busy machine may be ten times slower, and compiling kernels for a processor is most of the work.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
