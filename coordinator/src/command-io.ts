// Where a command prints, what it reads from the environment, and how it learns that it should stop.
import { WardroundError } from '@wardround/protocol/errors';

export type Options = Readonly<Record<string, string | boolean | undefined>>;

export interface Io {
  /** One line on stdout. */
  readonly print: (line: string) => void;
  readonly error: (text: string) => void;
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

/** @throws WardroundError `usage-invalid` */
export function requireText(options: Options, name: string): string {
  const value = options[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new WardroundError('usage-invalid', `--${name} is needed`, { expected: `--${name} VALUE` });
}
