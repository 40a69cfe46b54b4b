// The coordinator's command line: what each command does, what to type, and the function behind it.
import type { Option } from '@wardround/command-line/options';
import { type Program, runCommandLine as run } from '@wardround/command-line/run';
import type { Io } from './command-io.ts';
import { init } from './init-command.ts';
import { start } from './start-command.ts';

const dir: Option = { type: 'string', value: 'DIR', help: "the coordinator's directory", required: true };

const program: Program<Io> = {
  words: 'wardround coordinator',
  purpose: 'The relay between hospitals, researchers and the enclave; it can read nothing of what it relays.',
  commands: {
    init: {
      run: init,
      summary: "make a coordinator's directory",
      about: [
        'Makes the directory with coordinator.yaml, the invitation for hospitals and researchers, and the token for whoever runs the aggregator. Neither opens anything that is sealed: they say who may speak here.',
        'For hospitals that are not on this machine put a web server with a certificate in front, and name its address with --public-url.',
      ],
      options: {
        dir,
        host: { type: 'string', value: 'HOST', help: 'the address to listen on (default: 127.0.0.1)' },
        port: { type: 'string', value: 'PORT', help: 'the port to listen on (default: 8470); 0 for any that is free' },
        'public-url': {
          type: 'string',
          value: 'URL',
          help: 'the address that the others type, where it is another one',
        },
        federation: {
          type: 'string',
          value: 'DIGEST',
          help: 'the digest of the genesis that is served (default: the first complete one)',
        },
      },
      example: 'wardround coordinator init --dir ./coordinator --public-url https://coordinator.example',
    },
    start: {
      run: start,
      summary: 'serve hospitals, researchers and the aggregator',
      about: [
        'Runs until Ctrl-C or SIGTERM. It relays and keeps what is signed or sealed; it can read no update and no model, and forge nothing.',
        'One line on stdout says where it listens; the log is on stderr. DATABASE_URL=postgres://… keeps the board in PostgreSQL instead of DIR/board.sqlite.',
      ],
      options: {
        dir,
        'log-level': { type: 'string', value: 'LEVEL', help: 'debug, info (default), warn, error or silent' },
      },
      example: 'wardround coordinator start --dir ./coordinator',
    },
  },
};

/** Resolves with the exit code: 0, 1 for a failure, 2 for words that are not understood. */
export async function runCommandLine(argv: readonly string[], io: Io): Promise<number> {
  return await run(program, argv, io);
}
