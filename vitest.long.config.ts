// The long suites: kill campaigns, large updates, peers. CI runs them after `npm test`.
import { defineConfig } from 'vitest/config';

// On CI a test that fails is tried once more, and shown as retried: its machine is shared. What fails twice fails.
const retry = process.env['CI'] === 'true' ? 1 : 0;

export default defineConfig({
  test: {
    include: ['test/**/*.long.ts'],
    testTimeout: 900_000,
    hookTimeout: 120_000,
    pool: 'forks',
    retry,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    maxWorkers: 1,
  },
});
