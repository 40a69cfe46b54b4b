// A supervisor of two playing processes, to be killed: prints the process ids of both once they run, then stays.
import { join } from 'node:path';
import { supervise } from '../../../site-agent/src/supervisor/supervisor.ts';

const launch = (role: string): { command: string; args: readonly string[]; env: Record<string, string> } => ({
  command: process.execPath,
  args: [join(import.meta.dirname, 'life.ts'), role],
  env: {},
});

await supervise({
  launches: { vault: launch('vault'), courier: launch('courier') },
  signal: new AbortController().signal,
  graceMilliseconds: 5000,
  onLine: () => undefined,
  onReady: (pids) => void process.stdout.write(`${JSON.stringify(pids)}\n`),
  onRestart: () => undefined,
  examine: async () => await Promise.resolve(),
  wait: async () => await Promise.resolve(),
  now: () => 0,
});
