// Help that a tired person understands: what each command does, what to type, what each option is.
import { commonOptions, type Option } from './options.ts';

export interface Described {
  /** As it is typed: `wardround site init`. */
  readonly words: string;
  readonly summary: string;
  /** Paragraphs for `--help`. */
  readonly about: readonly string[];
  readonly options: Readonly<Record<string, Option>>;
  /** Names of the positional arguments, all required. */
  readonly positionals?: readonly string[];
  readonly example: string;
}

/** Help for one command. */
export function commandHelp({ words, summary, about, options, positionals = [], example }: Described): string {
  const all: readonly (readonly [string, Option])[] = Object.entries({ ...options, ...commonOptions });
  const required = all.filter(([, option]) => option.required === true).map(([name, option]) => usageOf(name, option));
  const width = Math.max(...all.map(([name, option]) => usageOf(name, option).length));
  return [
    summary,
    '',
    `  ${[words, ...required, ...positionals].join(' ')} [options]`,
    '',
    ...about.flatMap((paragraph) => [...wrap(paragraph, 96), '']),
    'Options',
    ...all.flatMap(([name, option]) => optionLines(usageOf(name, option).padEnd(width), option)),
    '',
    'Example',
    `  ${example}`,
  ].join('\n');
}

/** The list of commands under what they are for. */
export function overview(purpose: string, commands: readonly Pick<Described, 'words' | 'summary'>[]): string {
  const width = Math.max(...commands.map(({ words }) => words.length));
  return [
    purpose,
    '',
    ...commands.map(({ words, summary }) => `  ${words.padEnd(width)}  ${summary}`),
    '',
    'Each takes --help, and --json for programs. Exit: 0 done, 1 refused or failed, 2 not understood or not readable.',
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
