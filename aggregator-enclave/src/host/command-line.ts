// The aggregator's command line: what each command does, what to type, and the function behind it.
import type { Option } from '@wardround/command-line/options';
import { type Program, runCommandLine as run } from '@wardround/command-line/run';
import { check } from './check-command.ts';
import type { Io } from './command-io.ts';
import { init } from './init-command.ts';
import { measure } from './measure-command.ts';
import { start } from './start-command.ts';

const dir: Option = { type: 'string', value: 'DIR', help: "the aggregator's directory" };

const program: Program<Io> = {
  words: 'wardround aggregator',
  purpose: 'The enclave that sums what hospitals seal to it, and shows each of them what it is.',
  commands: {
    init: {
      run: init,
      summary: "make an aggregator's directory",
      about: [
        "Makes the directory with aggregator.yaml, the coordinator's token and the platform's files. The keys that hospitals seal to are not in it: they are born in the running enclave and die there.",
        'The token is what `wardround coordinator init` printed. Typed with --token it stays in the history of your shell; --token-file reads it from a file.',
        '--simulated makes a simulated hardware vendor: IT PROVES NOTHING about hardware, and is trusted only where a policy of a site names its root.',
      ],
      options: {
        dir: { ...dir, required: true },
        coordinator: { type: 'string', value: 'URL', help: "the coordinator's address", required: true },
        token: { type: 'string', value: 'TOKEN', help: "the aggregator's token; this or --token-file" },
        'token-file': { type: 'string', value: 'FILE', help: 'a file with the token' },
        platform: {
          type: 'string',
          value: 'KIND',
          help: 'sevSnp, tdx, azureSnp, azureTdx or simulated; this or --simulated',
        },
        simulated: { type: 'boolean', help: 'a simulated platform, which proves nothing about hardware' },
        'simulated-gpu': { type: 'boolean', help: 'with --simulated: a simulated GPU as well, which proves as little' },
      },
      example:
        'wardround aggregator init --dir ./aggregator --coordinator https://coordinator.example --token-file token --platform sevSnp',
    },
    check: {
      run: check,
      summary: 'say what this machine has for evidence, and what it lacks',
      about: [
        'Looks for what Linux, NVIDIA’s driver and the TPM offer, and with --dir asks the configured platform for evidence exactly as `start` will. Each line says what is absent and what to do. Nothing is sent anywhere, except to Azure’s metadata service where aggregator.yaml says quoteService: azureImds.',
        'Exit 0 only if the configured platform, with its GPUs where it has any, gave evidence. Without --dir nothing is configured, so it is 1.',
      ],
      options: { dir },
      example: 'wardround aggregator check --dir ./aggregator',
    },
    measure: {
      run: measure,
      summary: 'say what this program measures: what a release signs and a policy lists',
      about: [
        'Prints the measurement of the enclave program as it is installed here, the digest of its files, and the commit. With --dir, also the simulated vendor of that directory. Nothing is sent anywhere.',
      ],
      options: { dir },
      example: 'wardround aggregator measure --dir ./aggregator --json',
    },
    start: {
      run: start,
      summary: 'run the enclave',
      about: [
        'Runs until Ctrl-C or SIGTERM. It connects out to the coordinator; nothing connects in. It needs no disk that survives: what it must go on with comes back from the hospitals.',
        'One line on stdout says when it is connected; the log is on stderr.',
      ],
      options: {
        dir: { ...dir, required: true },
        'log-level': { type: 'string', value: 'LEVEL', help: 'debug, info (default), warn, error or silent' },
      },
      example: 'wardround aggregator start --dir ./aggregator',
    },
  },
};

/** Resolves with the exit code: 0, 1 for a failure, 2 for words that are not understood. */
export async function runCommandLine(argv: readonly string[], io: Io): Promise<number> {
  return await run(program, argv, io);
}
