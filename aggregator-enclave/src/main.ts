#!/usr/bin/env node
// The aggregator as a program.
import { runCommandLine } from './host/command-line.ts';

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());

process.exitCode = await runCommandLine(process.argv.slice(2), {
  print: (line) => void process.stdout.write(`${line}\n`),
  error: (text) => void process.stderr.write(text),
  signal: stop.signal,
});
