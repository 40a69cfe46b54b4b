// The real surroundings of a command: clock, network, terminal, signals.
import { createInterface } from 'node:readline/promises';
import { hasCode, WardroundError } from '@wardround/protocol/errors';
import { connectRelay } from '@wardround/relay/connect';
import type { Prove } from '@wardround/relay/prove';
import type { Connection } from '../founding/connection.ts';
import type { Surroundings } from './command.ts';

/** A person waits at the terminal; the agent (`site start`) has all the patience in the world and does not come through here. */
const patienceMilliseconds = 20_000;

export function processSurroundings(signal: AbortSignal): Surroundings {
  return {
    now: () => new Date(),
    connect: async (options) => await connectWithin({ ...options, signal }),
    confirm: async (question) => await askTerminal(question, signal),
    announce: (line) => void process.stdout.write(`${line}\n`),
    progress: (line) => void process.stderr.write(`${line}\n`),
    signal,
  };
}

async function connectWithin({
  coordinator,
  proxy,
  prove,
  signal,
}: {
  coordinator: string;
  proxy: string | null;
  prove: Prove;
  signal: AbortSignal;
}): Promise<Connection> {
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  signal.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(abort, patienceMilliseconds);
  try {
    return await connectRelay({
      url: coordinator,
      ...(proxy === null ? {} : { proxyUrl: proxy }),
      prove,
      signal: stop.signal,
    });
  } catch (cause) {
    if (!hasCode(cause, 'relay-aborted')) throw cause;
    throw new WardroundError('coordinator-unreachable', 'the coordinator does not answer', {
      where: coordinator,
      expected: `an answer within ${patienceMilliseconds / 1000} seconds`,
      action: 'retry',
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
}

async function askTerminal(question: string, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} Type yes to go on: `, { signal });
    return answer.trim().toLowerCase() === 'yes';
  } catch {
    return false;
  } finally {
    terminal.close();
  }
}
