// One life of the vault and its courier: two processes whose pipes are joined, and which live and die together.
import type { Launch } from '../isolation/launch.ts';
import { type Process, startProcess } from '../isolation/start-process.ts';
import { type LogLine, readLogLines } from './log-lines.ts';

export type Role = 'vault' | 'courier';

/** How one of the two ended. */
export interface Ending {
  readonly role: Role;
  /** Exit code, the signal's name, or why it could not be started. */
  readonly how: number | string;
}

export class Pair {
  readonly #children: Readonly<Record<Role, Process>>;
  /** The first of the two to end; never rejects. */
  readonly ended: Promise<Ending>;
  readonly #both: Promise<readonly Ending[]>;

  constructor(launches: Readonly<Record<Role, Launch>>, onLine: (role: Role, line: LogLine) => void) {
    const vault = startProcess(launches.vault);
    const courier = startProcess(launches.courier);
    this.#children = { vault, courier };
    const endings = [endingOf('vault', vault), endingOf('courier', courier)] as const;
    this.ended = Promise.race(endings);
    this.#both = Promise.all(endings);
    // Bytes pass through unread: what they say is between the two.
    vault.stdout.pipe(courier.stdin);
    courier.stdout.pipe(vault.stdin);
    readLogLines(vault.stderr, (line) => onLine('vault', line));
    readLogLines(courier.stderr, (line) => onLine('courier', line));
  }

  get pids(): Readonly<Record<Role, number | undefined>> {
    return { vault: this.#children.vault.pid, courier: this.#children.courier.pid };
  }

  /**
   * Closes both pipes, waits, then ends what is left; resolves with both endings when both are gone.
   *
   * @param graceMilliseconds how long a process may take to end by itself: a vault finishes what it is writing
   */
  async stop(graceMilliseconds: number): Promise<readonly Ending[]> {
    const { vault, courier } = this.#children;
    vault.stdin.end();
    courier.stdin.end();
    const kill = setTimeout(() => {
      // The vault's wrapper takes its whole process namespace with it.
      vault.kill('SIGKILL');
      courier.kill('SIGKILL');
    }, graceMilliseconds);
    const endings = await this.#both;
    clearTimeout(kill);
    return endings;
  }
}

async function endingOf(role: Role, child: Process): Promise<Ending> {
  return await new Promise((resolve) => {
    child.once('error', (error) => resolve({ role, how: error.message }));
    child.once('exit', (code, signal) => resolve({ role, how: code ?? signal ?? 'unknown' }));
  });
}
