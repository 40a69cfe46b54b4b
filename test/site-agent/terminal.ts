// A terminal without a person: runs one command against a memory relay and keeps what it printed.
import { runCommand } from '../../site-agent/src/commands/run.ts';
import type { MemoryRelay } from '../fakes/memory-relay.ts';

export interface Ran {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
  /** The one document on stdout, where --json was typed; else empty. */
  readonly json: Record<string, unknown>;
}

export interface Room {
  readonly relay: MemoryRelay;
  readonly confirm?: (question: string) => Promise<boolean>;
  /** Gets every proof that the command made. */
  readonly proofs?: string[];
  readonly signal?: AbortSignal;
}

/** Each command a second after the one before: newest is then never a tie. */
let clock = Date.parse('2026-11-01T08:00:00.000Z');

export async function runWords(words: readonly string[], room: Room): Promise<Ran> {
  let out = '';
  let err = '';
  clock += 1000;
  const exitCode = await runCommand(words, {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    surroundings: {
      now: () => new Date(clock),
      connect: async ({ coordinator, prove }) => {
        const proof = await prove({ nonce: '0'.repeat(64), audience: new URL(coordinator).origin });
        room.proofs?.push(proof);
        const connection = room.relay.connect(words.join(' '));
        return {
          board: connection.board,
          snapshot: (topic) => connection.snapshot(topic),
          close: async () => await Promise.resolve(),
        };
      },
      confirm: room.confirm ?? (async () => await Promise.resolve(false)),
      announce: (line) => void (out += `${line}\n`),
      progress: (line) => void (err += `${line}\n`),
      signal: room.signal ?? new AbortController().signal,
    },
  });
  // oxlint-disable-next-line typescript/no-unsafe-assignment
  const json: Record<string, unknown> = words.includes('--json') && out !== '' ? JSON.parse(out) : {};
  return { exitCode, out, err, json };
}
