// The command line, parsed strictly: an unknown option is refused with the one that was probably meant.
import { parseArgs } from 'node:util';
import { commonOptions } from '@wardround/command-line/options';
import { WardroundError } from '@wardround/protocol/errors';
import { nearestName } from '../config/nearest.ts';
import type { Command, Typed } from './command.ts';

/** @throws WardroundError `usage-option`, `usage-missing-option`, `usage-argument` */
export function parseTyped(command: Command, args: readonly string[]): Typed {
  const known = { ...command.options, ...commonOptions };
  const { values, positionals } = parse(args, known);
  if (values['help'] !== true) requireComplete(command, values, positionals);
  return {
    text: (name) => requireText(values[name], name),
    optional: (name) => (typeof values[name] === 'string' ? values[name] : undefined),
    flag: (name) => values[name] === true,
    positionals,
  };
}

type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;

function parse(
  args: readonly string[],
  known: Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>,
): { values: Values; positionals: string[] } {
  const options = Object.fromEntries(Object.entries(known).map(([name, { type }]) => [name, { type }]));
  try {
    const { values, positionals, tokens } = parseArgs({
      args: [...args],
      options,
      allowPositionals: true,
      strict: true,
      tokens: true,
    });
    refuseRepeated(tokens.flatMap((token) => (token.kind === 'option' ? [token.name] : [])));
    return { values, positionals };
  } catch (error) {
    if (error instanceof WardroundError) throw error;
    throw usageError(error, Object.keys(known));
  }
}

// The last one would win silently; which one was meant, nobody knows.
function refuseRepeated(names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new WardroundError('usage-option', `--${twice} is given twice`, { expected: 'once' });
}

function usageError(error: unknown, known: readonly string[]): WardroundError {
  const message = error instanceof Error ? error.message : String(error);
  const typed = /Unknown option '--?([^']*)'/.exec(message)?.[1];
  if (typed === undefined) return new WardroundError('usage-option', message.split('\n')[0] ?? 'cannot be read');
  const nearest = nearestName(typed, known);
  return new WardroundError('usage-option', `there is no option --${typed}`, {
    expected: nearest === undefined ? known.map((name) => `--${name}`).join(' ') : `perhaps --${nearest}`,
  });
}

function requireComplete(command: Command, values: Values, positionals: readonly string[]): void {
  for (const [name, option] of Object.entries(command.options)) {
    if (option.required === true && values[name] === undefined) throw missing(name, option.value);
  }
  const missingArgument = command.positionals[positionals.length];
  if (missingArgument !== undefined) {
    throw new WardroundError('usage-argument', `${missingArgument} is missing`, {
      expected: `wardround ${command.words.join(' ')} ${command.positionals.join(' ')}`,
    });
  }
  const extra = positionals[command.positionals.length];
  if (extra !== undefined) {
    throw new WardroundError('usage-argument', 'one argument too many', { got: extra });
  }
}

function requireText(value: Values[string], name: string): string {
  if (typeof value !== 'string') throw missing(name);
  return value;
}

function missing(name: string, value?: string): WardroundError {
  return new WardroundError('usage-missing-option', `--${name} is missing`, {
    expected: value === undefined ? `--${name}` : `--${name} ${value}`,
  });
}
