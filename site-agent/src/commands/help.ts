// Help that a tired person understands: what it does, what to type, what each option is.
import type { Command, Option } from './command.ts';
import { commonOptions } from './typed.ts';

/** Help for one command. */
export function commandHelp(command: Command): string {
  const options = Object.entries({ ...command.options, ...commonOptions });
  const required = options
    .filter(([, option]) => isRequired(option))
    .map(([name, option]) => ` ${usageOf(name, option)}`);
  const usage = `wardround ${command.words.join(' ')}${required.join('')}${command.positionals.map((p) => ` ${p}`).join('')} [options]`;
  const width = Math.max(...options.map(([name, option]) => usageOf(name, option).length));
  return [
    command.summary,
    '',
    `  ${usage}`,
    '',
    ...command.about.flatMap((paragraph) => [...wrap(paragraph, 96), '']),
    'Options',
    ...options.flatMap(([name, option]) => optionLines(usageOf(name, option).padEnd(width), option)),
    '',
    'Example',
    `  ${command.example}`,
    '',
  ].join('\n');
}

/** The list of commands. */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ words }) => words.join(' ').length));
  return [
    "The hospital's side of a wardround federation.",
    '',
    ...commands.map(({ words, summary }) => `  wardround ${words.join(' ').padEnd(width)}  ${summary}`),
    '',
    'Each takes --help, and --json for programs. Exit: 0 done, 1 refused or failed, 2 not understood or not readable.',
    '',
  ].join('\n');
}

function isRequired(option: Option): boolean {
  return option.required === true;
}

function usageOf(name: string, { value }: Option): string {
  return value === undefined ? `--${name}` : `--${name} ${value}`;
}

function optionLines(usage: string, option: Option): readonly string[] {
  const [first = '', ...rest] = wrap(option.help, Math.max(40, 96 - usage.length));
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
