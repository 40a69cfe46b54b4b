// What the commands share: where they print, how they learn that they should stop, and their typed options.
import { WardroundError } from '@wardround/protocol/errors';

export type Options = Readonly<Record<string, string | boolean | undefined>>;

/** Where a command prints, and how it learns that it should stop. */
export interface Io {
  readonly print: (line: string) => void;
  readonly error: (text: string) => void;
  /** Aborts when the process is asked to end. */
  readonly signal: AbortSignal;
}

/** @throws WardroundError `usage-invalid` */
export function requireText(options: Options, name: string): string {
  const value = options[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new WardroundError('usage-invalid', `--${name} is needed`, { expected: `--${name} VALUE` });
}
