// An exit status other than the usual: the answer of a command that did its work and whose answer is "no", or of an error with a status of its own.

export class ExitCode extends Error {
  readonly status: number;
  /** What is still to be reported; undefined where the command has said everything. */
  readonly error: unknown;

  constructor(status: number, error?: unknown) {
    super(`exit status ${status}`);
    this.name = 'ExitCode';
    this.status = status;
    this.error = error;
  }
}
