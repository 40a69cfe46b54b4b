#!/usr/bin/env node
// The site's command line. `wardround` starts it with the same words; one answer on stdout, everything else on stderr.
import { runCommand } from './commands/run.ts';
import { processSurroundings } from './commands/surroundings.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

process.exitCode = await runCommand(process.argv.slice(2), {
  surroundings: processSurroundings(stop.signal),
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
});
