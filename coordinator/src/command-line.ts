// The coordinator's command line: `init` makes its directory, `start` serves it. Results go to stdout, logs to stderr.
import { parseArgs } from 'node:util';
import { describeError, WardroundError } from '@wardround/protocol/errors';
import type { Io, Options } from './command-io.ts';
import { type CommandName, commandHelp, commands, commonOptions, isCommandName, overview } from './help.ts';
import { init } from './init-command.ts';
import { start } from './start-command.ts';

/** Resolves with the exit code: 0, 1 for a failure, 2 for words that are not understood. */
export async function runCommandLine(argv: readonly string[], io: Io): Promise<number> {
  const json = argv.includes('--json');
  try {
    const [command, ...rest] = argv;
    if (isCommandName(command)) return await run(command, parse(command, rest), io);
    const isAsked = command === 'help' || command === '--help';
    if (isAsked) io.print(overview());
    else io.error(`${overview()}\n`);
    return isAsked ? 0 : 2;
  } catch (error) {
    const described = describeError(error);
    if (json) io.print(JSON.stringify({ error: described }));
    else io.error(`${described.code}: ${described.message}\n`);
    return described.code === 'usage-invalid' ? 2 : 1;
  }
}

async function run(command: CommandName, options: Options, io: Io): Promise<number> {
  if (options['help'] === true) {
    io.print(commandHelp(command));
    return 0;
  }
  return command === 'init' ? await init(options, io) : await start(options, io);
}

/** @throws WardroundError `usage-invalid` */
function parse(command: CommandName, args: readonly string[]): Options {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: { ...commands[command].options, ...commonOptions },
    }).values;
  } catch (cause) {
    throw new WardroundError('usage-invalid', cause instanceof Error ? cause.message : 'not understood', { cause });
  }
}
