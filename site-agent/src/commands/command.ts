// What a command is: its words, its options with their help, and a function from what was typed to what is answered.
import type { Option } from '@wardround/command-line/options';
import type { Prove } from '@wardround/relay/prove';
import type { Connection } from '../founding/connection.ts';

/** What was typed, checked against the command's options. */
export interface Typed {
  /** A text option's value. @throws WardroundError `usage-missing-option` */
  text(name: string): string;
  optional(name: string): string | undefined;
  flag(name: string): boolean;
  readonly positionals: readonly string[];
}

/** The one answer of a command: a document for programs, lines for people. */
export interface Answer {
  /** Null where the document was announced already. */
  readonly json: Readonly<Record<string, unknown>> | null;
  readonly lines: readonly string[];
  /** Where the command answers and yet did not succeed. */
  readonly exitCode?: number;
}

/** Everything outside the process that a command may touch besides the site's directory. */
export interface Surroundings {
  now(): Date;
  connect(options: {
    readonly coordinator: string;
    readonly proxy: string | null;
    readonly prove: Prove;
  }): Promise<Connection>;
  /** Asks the person at the terminal; false where there is nobody to ask. */
  confirm(question: string): Promise<boolean>;
  /** A line on stdout before the answer: that a long-running command is ready. */
  announce(line: string): void;
  /** A line for people while the work goes on. */
  progress(line: string): void;
  /** Aborts when the command should end (SIGINT, SIGTERM). */
  readonly signal: AbortSignal;
}

export interface Command {
  readonly words: readonly [string, string];
  readonly summary: string;
  /** Paragraphs for `--help`. */
  readonly about: readonly string[];
  readonly options: Readonly<Record<string, Option>>;
  /** Names of the positional arguments, all required. */
  readonly positionals: readonly string[];
  readonly example: string;
  run(typed: Typed, around: Surroundings): Promise<Answer>;
}
