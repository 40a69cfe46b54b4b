// The tests that `npm test` runs: everything but the long suites.
import { defineConfig } from 'vitest/config';

// On CI a test that fails is tried once more, and shown as retried: its machine is shared. What fails twice fails.
const retry = process.env['CI'] === 'true' ? 1 : 0;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: 'forks',
    retry,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    maxWorkers: 2,
  },
});
