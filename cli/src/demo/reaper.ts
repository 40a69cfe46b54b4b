// Waits for the demo to end, however it ends, and then ends what is left of its process groups. Its input closes with the demo.
import { createInterface } from 'node:readline';

const groups = new Set<number>();
// Ctrl-C is for the demo; this process outlives it by a moment.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const pid = Number(line);
  if (Number.isInteger(pid) && pid > 1) groups.add(pid);
});
lines.on('close', () => {
  for (const group of groups) {
    try {
      process.kill(-group, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  }
});
