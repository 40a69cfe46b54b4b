// Where a command prints, what it reads from the environment, and how it learns that it should stop.
import type { Printer } from '@wardround/command-line/run';

export interface Io extends Printer {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Resolves with the signal's name when the process is asked to end. */
  readonly asked: () => Promise<string>;
}

export const processIo: Io = {
  print: (line) => void process.stdout.write(`${line}\n`),
  error: (text) => void process.stderr.write(text),
  environment: process.env,
  asked: async () =>
    await new Promise((resolve) => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
    }),
};
