// From the words that were typed to one command of a program and its exit code. Results go to stdout; what goes wrong is told on stderr,
// and with --json on stdout as well.
import { parseArgs } from 'node:util';
import { describeError, WardroundError } from '@wardround/protocol/errors';
import { commandHelp, type Described, overview } from './help.ts';
import { commonOptions, type Options } from './options.ts';

export interface Printer {
  /** One line on stdout. */
  readonly print: (line: string) => void;
  readonly error: (text: string) => void;
}

export interface Command<Io extends Printer> extends Omit<Described, 'words' | 'positionals'> {
  /** Resolves with the exit code. */
  readonly run: (options: Options, io: Io) => Promise<number>;
}

export interface Program<Io extends Printer> {
  /** Before each command's name: `wardround coordinator`. */
  readonly words: string;
  readonly purpose: string;
  readonly commands: Readonly<Record<string, Command<Io>>>;
}

/** Resolves with the exit code: the command's own, 1 for a failure, 2 for words that are not understood. */
export async function runCommandLine<Io extends Printer>(
  program: Program<Io>,
  argv: readonly string[],
  io: Io,
): Promise<number> {
  const [name = '', ...rest] = argv;
  try {
    const command = Object.hasOwn(program.commands, name) ? program.commands[name] : undefined;
    if (command === undefined) return tellOverview(program, name, io);
    const options = parse(command, rest);
    if (options['help'] !== true) return await command.run(options, io);
    io.print(commandHelp({ ...command, words: `${program.words} ${name}` }));
    return 0;
  } catch (error) {
    const described = describeError(error);
    if (argv.includes('--json')) io.print(JSON.stringify({ error: described }));
    io.error(`${described.code}: ${described.message}\n`);
    return described.code === 'usage-invalid' ? 2 : 1;
  }
}

function tellOverview<Io extends Printer>({ words, purpose, commands }: Program<Io>, typed: string, io: Io): number {
  const named = Object.entries(commands).map(([name, { summary }]) => ({ words: `${words} ${name}`, summary }));
  const text = overview(purpose, named);
  const isAsked = typed === 'help' || typed === '--help';
  if (isAsked) io.print(text);
  else io.error(`${text}\n`);
  return isAsked ? 0 : 2;
}

/** @throws WardroundError `usage-invalid` */
function parse({ options }: Pick<Described, 'options'>, args: readonly string[]): Options {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: { ...options, ...commonOptions },
    }).values;
  } catch (cause) {
    throw new WardroundError('usage-invalid', cause instanceof Error ? cause.message : 'not understood', { cause });
  }
}
