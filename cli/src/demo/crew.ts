// The demo's processes: commands that end and roles that stay. Each stands in a process group of its own, and none outlives the demo:
// not after Ctrl-C, not after a failure, not even after the demo itself was killed (a reaper watches for that).
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { WardroundError } from '@wardround/protocol/errors';
import { quietly, roleCall } from '../roles.ts';

export interface CrewOptions {
  /** Where everything happens; logs go to `logs/` below it. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** A role ended by itself: the demo cannot go on. */
  readonly onLoss: (error: WardroundError) => void;
}

/** The answer of a command that ended. */
export interface Ended {
  readonly status: number;
  /** Its `--json` document; null where it printed none. */
  readonly document: unknown;
  readonly stderr: string;
}

const launcher = join(import.meta.dirname, '../../bin/wardround.mjs');
const reaperProgram = join(import.meta.dirname, 'reaper.ts');
const politeMilliseconds = 4000;

export class Crew {
  readonly #options: CrewOptions;
  readonly #children = new Set<ChildProcess>();
  readonly #reaper: ChildProcess;
  #stopping = false;

  private constructor(options: CrewOptions) {
    this.#options = options;
    this.#reaper = spawn(process.execPath, [...quietly, reaperProgram], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#reaper.unref();
    process.on('exit', this.#killAll);
    options.signal.addEventListener('abort', this.#killAll, { once: true });
  }

  static async open(options: CrewOptions): Promise<Crew> {
    await mkdir(join(options.directory, 'logs'), { recursive: true });
    return new Crew(options);
  }

  /**
   * Runs `wardround WORDS --json` to its end.
   *
   * @throws WardroundError with the command's own code where it failed
   */
  async run(words: readonly string[]): Promise<unknown> {
    const { status, document, stderr } = await this.attempt(words);
    if (status === 0) return document;
    throw failureOf(words, document, stderr);
  }

  /** As {@link run}, for commands that are expected to fail. `onLine` gets stderr as it comes. */
  async attempt(words: readonly string[], onLine?: (line: string) => void): Promise<Ended> {
    const child = this.#spawn([...words, '--json']);
    const text = { stdout: '', stderr: '' };
    child.stdout?.setEncoding('utf8').on('data', (part: string) => (text.stdout += part));
    child.stderr?.setEncoding('utf8').on('data', (part: string) => (text.stderr += part));
    if (child.stderr !== null && onLine !== undefined) createInterface({ input: child.stderr }).on('line', onLine);
    const status = await closed(child);
    this.#options.signal.throwIfAborted();
    return { status, document: parseLoosely(text.stdout), stderr: text.stderr };
  }

  /** Starts a role that stays; resolves with what it says when it is ready. Its log is `logs/NAME.log`. */
  async start(name: string, words: readonly string[]): Promise<unknown> {
    const child = this.#spawn([...words, '--json']);
    const log = createWriteStream(join(this.#options.directory, 'logs', `${name}.log`), { flags: 'a' });
    child.stderr?.pipe(log);
    const ready = new Promise<unknown>((resolve, reject) => {
      if (child.stdout !== null)
        createInterface({ input: child.stdout }).once('line', (line) => resolve(parseLoosely(line)));
      child.once('close', (status) => {
        const error = new WardroundError('demo-lost', `the process of ${name} ended by itself`, {
          got: `status ${status ?? 'unknown'}`,
          where: join(this.#options.directory, 'logs', `${name}.log`),
          action: 'stop',
        });
        reject(error);
        if (!this.#stopping) this.#options.onLoss(error);
      });
    });
    return await ready;
  }

  /** Ends everything: first politely, then not. Resolves when nothing is left. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const left = [...this.#children];
    for (const child of left) killGroup(child, 'SIGTERM');
    const timer = setTimeout(this.#killAll, politeMilliseconds);
    await Promise.all(left.map(closed));
    clearTimeout(timer);
    this.#killAll();
    process.off('exit', this.#killAll);
    this.#reaper.stdin?.end();
  }

  #spawn(words: readonly string[]): ChildProcess {
    this.#options.signal.throwIfAborted();
    const call = roleCall(words);
    const program = call === null ? [launcher, ...words] : [call.program, ...call.arguments];
    const child = spawn(process.execPath, [...quietly, ...program], {
      cwd: this.#options.directory,
      // Forty processes read the same files: what Node made of them is kept, for this demo alone, in its own private directory.
      // The tools that keep a vault off the network lie in sbin, which many people's PATH lacks.
      env: {
        ...process.env,
        PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
        // Everything here is on loopback: a hospital's proxy has no part in it.
        NO_PROXY: '127.0.0.1',
        no_proxy: '127.0.0.1',
        NODE_COMPILE_CACHE: join(this.#options.directory, 'logs/compile-cache'),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#children.add(child);
    if (child.pid !== undefined) this.#reaper.stdin?.write(`${child.pid}\n`);
    child.once('close', () => this.#children.delete(child));
    return child;
  }

  readonly #killAll = (): void => {
    this.#stopping = true;
    for (const child of this.#children) killGroup(child, 'SIGKILL');
  };
}

/** The group, because a site's agent has processes of its own. */
function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended already.
  }
}

async function closed(child: ChildProcess): Promise<number> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? 1;
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve(status ?? 1));
  });
}

function parseLoosely(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What a command that failed said, as an error of the demo. */
function failureOf(words: readonly string[], document: unknown, stderr: string): WardroundError {
  const code = errorCode(document) ?? 'demo-command';
  return new WardroundError(code, `a command of the demo failed: ${stderr.trim()}`, {
    // Only what was done: what was given to it may hold an invitation.
    where: `wardround ${words.slice(0, 2).join(' ')}`,
    action: 'stop',
  });
}

/** The code in a command's `{"error": {"code": …}}`. */
export function errorCode(document: unknown): string | null {
  if (typeof document !== 'object' || document === null || !('error' in document)) return null;
  const { error } = document;
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}
