// Runs one program of the system with an argument list, never through a shell: its time, its output and its environment are bounded.
import { execFile } from 'node:child_process';
import { WardroundError } from '@wardround/protocol/errors';

export interface ToolRun {
  readonly name: string;
  readonly arguments: readonly string[];
  /** Where it runs and may leave files. */
  readonly directory: string;
  /** Beside PATH and LC_ALL, nothing else is passed on. */
  readonly environment: Readonly<Record<string, string>>;
  readonly path: string;
  readonly timeoutMilliseconds: number;
}

const maxOutputBytes = 65_536;

/** @throws WardroundError `tool-absent`, `tool-timeout`, `tool-failed` with the beginning of what it said */
export async function runTool(run: ToolRun): Promise<void> {
  const { name, directory, environment, path, timeoutMilliseconds } = run;
  await new Promise<void>((resolve, reject) => {
    const options = {
      cwd: directory,
      env: { ...environment, PATH: path, LC_ALL: 'C' },
      timeout: timeoutMilliseconds,
      killSignal: 'SIGKILL',
      maxBuffer: maxOutputBytes,
    } as const;
    execFile(name, [...run.arguments], options, (error, _, stderr) => {
      if (error === null) resolve();
      else reject(refusal(run, { error, stderr }));
    });
  });
}

function refusal(
  { name, timeoutMilliseconds }: ToolRun,
  { error, stderr }: { error: Error & { code?: string | number | null; killed?: boolean }; stderr: string },
): WardroundError {
  const detail = { where: name, cause: error };
  if (error.code === 'ENOENT') return new WardroundError('tool-absent', 'this program is not installed', detail);
  if (error.killed === true && error.code !== 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') {
    const expected = `an answer within ${timeoutMilliseconds} ms`;
    return new WardroundError('tool-timeout', 'the program did not answer', { ...detail, expected, action: 'retry' });
  }
  return new WardroundError('tool-failed', 'the program failed', { ...detail, got: stderr.trim().slice(0, 500) });
}
