// Help that a tired person understands: what each command of the aggregator does, what to type, what each option is.

export interface Option {
  readonly type: 'string' | 'boolean';
  /** How the value is called in help: `DIR`. */
  readonly value?: string;
  readonly help: string;
  readonly required?: true;
}

export interface Command {
  readonly summary: string;
  /** Paragraphs for `--help`. */
  readonly about: readonly string[];
  readonly options: Readonly<Record<string, Option>>;
  readonly example: string;
}

/** Options that every command has. */
export const commonOptions: Readonly<Record<string, Option>> = {
  json: { type: 'boolean', help: 'print one JSON document on stdout; everything else goes to stderr' },
  help: { type: 'boolean', help: 'show this help' },
};

const dir: Option = { type: 'string', value: 'DIR', help: "the aggregator's directory" };

export type CommandName = 'init' | 'measure' | 'start';

export const commands: Readonly<Record<CommandName, Command>> = {
  init: {
    summary: "make an aggregator's directory",
    about: [
      "Makes the directory with aggregator.yaml, the coordinator's token and the platform's files. The keys that hospitals seal to are not in it: they are born in the running enclave and die there.",
      'The token is what `wardround coordinator init` printed. Typed with --token it stays in the history of your shell; --token-file reads it from a file.',
      '--simulated makes a simulated hardware vendor: IT PROVES NOTHING about hardware, and is trusted only where a policy of a site names its root. This version collects evidence from no genuine hardware yet.',
    ],
    options: {
      dir: { ...dir, required: true },
      coordinator: { type: 'string', value: 'URL', help: "the coordinator's address", required: true },
      token: { type: 'string', value: 'TOKEN', help: "the aggregator's token; this or --token-file" },
      'token-file': { type: 'string', value: 'FILE', help: 'a file with the token' },
      simulated: { type: 'boolean', help: 'a simulated platform, which proves nothing about hardware', required: true },
    },
    example:
      'wardround aggregator init --dir ./aggregator --coordinator https://coordinator.example --token-file token --simulated',
  },
  measure: {
    summary: 'say what this program measures: what a release signs and a policy lists',
    about: [
      'Prints the measurement of the enclave program as it is installed here, the digest of its files, and the commit. With --dir, also the simulated vendor of that directory. Nothing is sent anywhere.',
    ],
    options: { dir },
    example: 'wardround aggregator measure --dir ./aggregator --json',
  },
  start: {
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
};

export const commandNames: readonly CommandName[] = Object.keys(commands).filter(isCommandName);

export function isCommandName(word: string | undefined): word is CommandName {
  return word !== undefined && Object.hasOwn(commands, word);
}

/** Help for one command. */
export function commandHelp(name: CommandName): string {
  const { summary, about, options, example }: Command = commands[name];
  const all = Object.entries({ ...options, ...commonOptions });
  const required = all
    .filter(([, { required: needed }]) => needed === true)
    .map(([word, option]) => usageOf(word, option));
  const width = Math.max(...all.map(([word, option]) => usageOf(word, option).length));
  return [
    summary,
    '',
    `  ${['wardround aggregator', name, ...required].join(' ')} [options]`,
    '',
    ...about.flatMap((paragraph) => [...wrap(paragraph, 96), '']),
    'Options',
    ...all.flatMap(([word, option]) => optionLines(usageOf(word, option).padEnd(width), option)),
    '',
    'Example',
    `  ${example}`,
  ].join('\n');
}

/** The list of commands. */
export function overview(): string {
  const width = Math.max(...commandNames.map(({ length }) => length));
  return [
    'The enclave that sums what hospitals seal to it, and shows each of them what it is.',
    '',
    ...commandNames.map((name) => `  wardround aggregator ${name.padEnd(width)}  ${commands[name].summary}`),
    '',
    'Each takes --help, and --json for programs. Exit: 0 done, 1 refused or failed, 2 not understood.',
  ].join('\n');
}

function usageOf(name: string, { value }: Option): string {
  return value === undefined ? `--${name}` : `--${name} ${value}`;
}

function optionLines(usage: string, { help }: Option): readonly string[] {
  const [first = '', ...rest] = wrap(help, Math.max(40, 96 - usage.length));
  return [`  ${usage}  ${first}`, ...rest.map((line) => `  ${' '.repeat(usage.length)}  ${line}`)];
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
