// The aggregator's command line: `init` makes its directory, `measure` says what the program is, `start` runs it. Results on stdout, logs on stderr.
import { parseArgs } from 'node:util';
import { describeError, WardroundError } from '@wardround/protocol/errors';
import type { Io, Options } from './command-io.ts';
import { init } from './init-command.ts';
import { measure } from './measure-command.ts';
import { start } from './start-command.ts';

const usage = `wardround aggregator: the enclave that sums what hospitals seal to it

  aggregator init    --dir DIR --coordinator URL (--token TOKEN | --token-file FILE) --simulated
  aggregator measure [--dir DIR]
  aggregator start   --dir DIR [--log-level info]

  --simulated   makes a simulated vendor: IT PROVES NOTHING about hardware, and is trusted only where a site's policy names its root
  --json        one JSON document on stdout
`;

/** Resolves with the exit code: 0, 1 for a failure, 2 for words that are not understood. */
export async function runCommandLine(argv: readonly string[], io: Io): Promise<number> {
  try {
    const [command, ...rest] = argv;
    switch (command) {
      case 'init':
        return await init(parse(rest), io);
      case 'measure':
        return await measure(parse(rest), io);
      case 'start':
        return await start(parse(rest), io);
      case 'help':
      case '--help':
        io.error(usage);
        return 0;
      default:
        io.error(usage);
        return 2;
    }
  } catch (error) {
    const described = describeError(error);
    if (argv.includes('--json')) io.print(JSON.stringify({ error: described }));
    io.error(`${described.code}: ${described.message}\n`);
    return described.code === 'usage-invalid' ? 2 : 1;
  }
}

function parse(args: readonly string[]): Options {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        dir: { type: 'string' },
        coordinator: { type: 'string' },
        token: { type: 'string' },
        'token-file': { type: 'string' },
        simulated: { type: 'boolean' },
        'log-level': { type: 'string' },
        json: { type: 'boolean' },
      },
    }).values;
  } catch (cause) {
    throw new WardroundError('usage-invalid', cause instanceof Error ? cause.message : 'not understood', { cause });
  }
}
