// What the commands share: where they print, and how they learn that they should stop.
import type { Printer } from '@wardround/command-line/run';

export interface Io extends Printer {
  /** Aborts when the process is asked to end. */
  readonly signal: AbortSignal;
}
