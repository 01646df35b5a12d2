import { defineConfig } from 'vitest/config';

// Projects by cost: `unit` is pure, `contract` runs one port against its real part, `integration` drives several,
// `e2e` is what people type, most of it called in the test's process. `soak` is the slow battery and runs only when asked for.
const project = (name: string, extra: Record<string, unknown> = {}) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    pool: 'forks' as const,
    // One process reads the modules once for many files; what a test changes in the environment it gives back.
    isolate: false,
    unstubEnvs: true,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    setupFiles: ['test/helpers/setup.ts'],
    globalSetup: ['test/helpers/memory-folder.ts'],
    ...extra,
  },
});

export default defineConfig({
  test: {
    // Much of the time is waiting for other processes: four files at once keep two cores busy.
    maxWorkers: 4,
    projects: [
      project('unit'),
      project('contract'),
      project('integration'),
      project('e2e'),
      project('soak', { testTimeout: 3_600_000, fileParallelism: false, globalSetup: [] }),
    ],
  },
});
