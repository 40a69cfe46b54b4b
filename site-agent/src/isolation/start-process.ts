// Starts a vault, a courier or an importer: three pipes, no other descriptor, a session of its own. The tests' probes are started by this too.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Launch } from './launch.ts';
import { closeStrayDescriptors } from './stray-descriptors.ts';

export type Process = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * In a session of its own, Ctrl-C at the terminal reaches the supervisor alone, which ends its children in order. If the supervisor is
 * killed, the pipes close, and they end by themselves.
 */
export function startProcess({ command, args, env }: Launch): Process {
  closeStrayDescriptors();
  const child = spawn(command, [...args], { env, cwd: '/', detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  // EPIPE: the other end died, which its own ending tells.
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => undefined);
  return child;
}
