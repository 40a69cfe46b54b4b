// The real coordinator as a process of its own, for tests that kill it, and a federation's parties to speak with it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const main = resolve('coordinator/src/main.ts');

export interface CoordinatorProcess {
  readonly url: string;
  readonly pid: number;
  /** Everything it logged so far. */
  readonly logged: () => string;
  /** Resolves with the exit code, or the signal that ended it. */
  readonly end: (signal: NodeJS.Signals) => Promise<number | string>;
}

export interface CoordinatorDirectory {
  readonly path: string;
  readonly invitation: string;
  readonly aggregatorToken: string;
  readonly start: () => Promise<CoordinatorProcess>;
  /** Rewrites one line of coordinator.yaml. */
  readonly configure: (from: RegExp, to: string) => Promise<void>;
  /** Ends what still runs and removes the directory. */
  readonly dispose: () => Promise<void>;
}

/** Runs a command of the coordinator to its end. */
export async function runCoordinator(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [main, ...args], { env: cleanEnvironment(environment) });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (output.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output.stderr += data.toString()));
  await once(child, 'close');
  return { code: child.exitCode, ...output };
}

/** A new coordinator on its own directory; it keeps the port that it first got. */
export async function makeCoordinator({ databaseUrl }: { databaseUrl?: string } = {}): Promise<CoordinatorDirectory> {
  const home = await mkdtemp(join(tmpdir(), 'wardround-coordinator-'));
  const path = join(home, 'coordinator');
  const made = await runCoordinator(['init', '--dir', path, '--port', '0', '--json']);
  const { invitation, aggregatorToken }: Record<string, string> = JSON.parse(made.stdout);
  const running = new Set<ChildProcess>();
  const configure = async (from: RegExp, to: string): Promise<void> => {
    const file = join(path, 'coordinator.yaml');
    await writeFile(file, (await readFile(file, 'utf8')).replace(from, to));
  };
  return {
    path,
    invitation: invitation ?? '',
    aggregatorToken: aggregatorToken ?? '',
    configure,
    start: async () => {
      const started = await start({
        path,
        running,
        environment: databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl },
      });
      await configure(/^port: .*$/m, `port: ${new URL(started.url).port}`);
      return started;
    },
    dispose: async () => {
      for (const child of running) child.kill('SIGKILL');
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function start({
  path,
  running,
  environment,
}: {
  path: string;
  running: Set<ChildProcess>;
  environment: Readonly<Record<string, string>>;
}): Promise<CoordinatorProcess> {
  const child = spawn(process.execPath, [main, 'start', '--dir', path, '--json'], {
    env: cleanEnvironment(environment),
  });
  running.add(child);
  let logged = '';
  child.stderr.on('data', (data: Buffer) => (logged += data.toString()));
  const ended = once(child, 'exit').then(([code, signal]: unknown[]) => String(signal ?? code));
  const [line] = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    ended.then((reason) => {
      throw new Error(`the coordinator ended with ${reason}: ${logged}`);
    }),
  ]);
  const ready: { listening: string } | { error: { code: string } } = JSON.parse(String(line));
  if ('error' in ready) throw new Error(`the coordinator refused with ${ready.error.code}: ${logged}`);
  return {
    url: ready.listening,
    pid: child.pid ?? 0,
    logged: () => logged,
    end: async (signal) => {
      child.kill(signal);
      const reason = await ended;
      running.delete(child);
      return reason;
    },
  };
}

/** Without the caller's database and proxies: what a test means, it says. */
function cleanEnvironment(extra: Readonly<Record<string, string>>): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...extra };
}
