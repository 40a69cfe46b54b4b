// Help that a tired person understands: what each command of the coordinator does, what to type, what each option is.

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

const dir: Option = { type: 'string', value: 'DIR', help: "the coordinator's directory", required: true };

export type CommandName = 'init' | 'start';

export const commands: Readonly<Record<CommandName, Command>> = {
  init: {
    summary: "make a coordinator's directory",
    about: [
      'Makes the directory with coordinator.yaml, the invitation for hospitals and researchers, and the token for whoever runs the aggregator. Neither opens anything that is sealed: they say who may speak here.',
      'For hospitals that are not on this machine put a web server with a certificate in front, and name its address with --public-url.',
    ],
    options: {
      dir,
      host: { type: 'string', value: 'HOST', help: 'the address to listen on (default: 127.0.0.1)' },
      port: { type: 'string', value: 'PORT', help: 'the port to listen on (default: 8470); 0 for any that is free' },
      'public-url': { type: 'string', value: 'URL', help: 'the address that the others type, where it is another one' },
      federation: {
        type: 'string',
        value: 'DIGEST',
        help: 'the digest of the genesis that is served (default: the first complete one)',
      },
    },
    example: 'wardround coordinator init --dir ./coordinator --public-url https://coordinator.example',
  },
  start: {
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
    `  ${['wardround coordinator', name, ...required].join(' ')} [options]`,
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
    'The relay between hospitals, researchers and the enclave; it can read nothing of what it relays.',
    '',
    ...commandNames.map((name) => `  wardround coordinator ${name.padEnd(width)}  ${commands[name].summary}`),
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
