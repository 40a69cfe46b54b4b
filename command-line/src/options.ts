// The options of a command: what they are called, what help says of them, and what was typed.
import { WardroundError } from '@wardround/protocol/errors';

export interface Option {
  readonly type: 'string' | 'boolean';
  /** How the value is called in help: `DIR`. */
  readonly value?: string;
  readonly help: string;
  readonly required?: true;
}

/** Options that every command has. */
export const commonOptions = {
  json: { type: 'boolean', help: 'print one JSON document on stdout; everything else goes to stderr' },
  help: { type: 'boolean', help: 'show this help' },
} as const satisfies Readonly<Record<string, Option>>;

/** What was typed. */
export type Options = Readonly<Record<string, string | boolean | undefined>>;

/** @throws WardroundError `usage-invalid` */
export function requireText(options: Options, name: string): string {
  const value = options[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new WardroundError('usage-invalid', `--${name} is needed`, { expected: `--${name} VALUE` });
}
