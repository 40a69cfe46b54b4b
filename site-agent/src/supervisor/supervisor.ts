// Keeps the vault and the courier running until it is told to stop. It opens no socket and reads no data: it starts, joins, restarts.
import { WardroundError } from '@wardround/protocol/errors';
import type { Launch } from '../isolation/launch.ts';
import { createBackoff } from './backoff.ts';
import type { LogLine } from './log-lines.ts';
import { type Ending, Pair, type Role } from './pair.ts';

/** By this exit code a process says that starting it again would change nothing (sysexits' EX_CONFIG). */
export const uselessToRestart = 78;

export interface Supervised {
  readonly launches: Readonly<Record<Role, Launch>>;
  readonly signal: AbortSignal;
  /** How long each may take to end by itself when it should. */
  readonly graceMilliseconds: number;
  readonly onLine: (role: Role, line: LogLine) => void;
  /** The vault said that it is ready. Called at every (re)start. */
  readonly onReady: (pids: Readonly<Record<Role, number | undefined>>) => void;
  readonly onRestart: (ended: Ending & { readonly waitMilliseconds: number }) => void;
  /**
   * Called when a life ended before the vault was ready: throws where this machine is the reason, so that people read that
   * instead of a wrapper's last words.
   */
  readonly examine: () => Promise<void>;
  /** Resolves after so long, or when the signal aborts. */
  readonly wait: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly now: () => number;
}

/**
 * Runs both processes until `signal` aborts; whatever dies is started again, its partner with it.
 *
 * @throws WardroundError the code of a process' own last error, or `agent-refused`, where it says that restarting is useless; what
 * `examine` throws
 */
export async function supervise(supervised: Supervised): Promise<void> {
  const { launches, signal, graceMilliseconds, onReady, onRestart, wait, now } = supervised;
  const backoff = createBackoff();
  while (!signal.aborted) {
    const startedAt = now();
    let lastError: LogLine | undefined;
    let wasReady = false;
    const pair: Pair = new Pair(launches, (role, line) => {
      if (line.level >= 50) lastError = line;
      if (role === 'vault' && line.message === 'ready') {
        wasReady = true;
        onReady(pair.pids);
      }
      supervised.onLine(role, line);
    });
    const ending = await Promise.race([pair.ended, aborted(signal)]);
    const endings = await pair.stop(graceMilliseconds);
    if (ending === 'aborted' || signal.aborted) return;
    const cause = causeOf(ending, endings);
    if (cause.how === uselessToRestart) throw refused(cause.role, lastError);
    if (!wasReady) await supervised.examine();
    const waitMilliseconds = backoff.next(now() - startedAt);
    onRestart({ ...cause, waitMilliseconds });
    await wait(waitMilliseconds, signal);
  }
}

/**
 * Which of the two ended the other. When one dies, its pipes close and its partner ends of itself, with 0; the kernel may tell us of
 * either first.
 */
function causeOf(first: Ending, both: readonly Ending[]): Ending {
  const useless = both.find(({ how }) => how === uselessToRestart);
  const partner = both.find(({ role }) => role !== first.role);
  return useless ?? (first.how === 0 ? (partner ?? first) : first);
}

function refused(role: Role, lastError: LogLine | undefined): WardroundError {
  const message = lastError === undefined ? 'it gave no reason' : lastError.message;
  return new WardroundError(lastError?.code ?? 'agent-refused', `the ${role} does not start: ${message}`);
}

async function aborted(signal: AbortSignal): Promise<'aborted'> {
  if (signal.aborted) return 'aborted';
  return await new Promise((resolve) => signal.addEventListener('abort', () => resolve('aborted'), { once: true }));
}
