// The coordinator's command line: `init` makes its directory, `start` serves it. Results go to stdout, logs to stderr.
import { parseArgs } from 'node:util';
import { describeError, WardroundError } from '@wardround/protocol/errors';
import type { Io } from './command-io.ts';
import { init } from './init-command.ts';
import { start } from './start-command.ts';

const usage = `wardround coordinator: relays between hospitals, researchers and the enclave; can read nothing of it

  coordinator init  --dir DIR [--host 127.0.0.1] [--port 8470] [--public-url https://...] [--federation DIGEST]
  coordinator start --dir DIR [--log-level info]

  --json   one JSON document on stdout
  DATABASE_URL=postgres://...   keeps the board in PostgreSQL instead of DIR/board.sqlite
`;

/** Resolves with the exit code: 0, 1 for a failure, 2 for words that are not understood. */
export async function runCommandLine(argv: readonly string[], io: Io): Promise<number> {
  const json = argv.includes('--json');
  try {
    const [command, ...rest] = argv;
    if (command === 'init') return await init(parse(rest), io);
    if (command === 'start') return await start(parse(rest), io);
    io.error(usage);
    return command === 'help' || command === '--help' ? 0 : 2;
  } catch (error) {
    const described = describeError(error);
    if (json) io.print(JSON.stringify({ error: described }));
    else io.error(`${described.code}: ${described.message}\n`);
    return described.code === 'usage-invalid' ? 2 : 1;
  }
}

function parse(args: readonly string[]): Record<string, string | boolean | undefined> {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        dir: { type: 'string' },
        host: { type: 'string' },
        port: { type: 'string' },
        'public-url': { type: 'string' },
        federation: { type: 'string' },
        'log-level': { type: 'string' },
        json: { type: 'boolean' },
      },
    }).values;
  } catch (cause) {
    throw new WardroundError('usage-invalid', cause instanceof Error ? cause.message : 'not understood', { cause });
  }
}
